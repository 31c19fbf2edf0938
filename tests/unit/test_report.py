"""The report's figures: what is summed, what is compared, what stays unknown."""

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cli.report_html import page
from cli.report_plots import completion
from cli.report_run import FORMS, Asked
from cli.report_words import deadlines, headline, next_move, percent, proof
from lanekeeper.durations import Durations
from lanekeeper.models import Lane
from lanekeeper.report import Period, may_wait
from lanekeeper.report_rows import ended_of
from tests.unit.report_month import NOW, PERIOD, REGISTRY, ago, booked, ended, month, realtime, report_of

GOLDEN = Path(__file__).parent / "golden"
ONE, TWO = Decimal(1_000_000), Decimal(2_000_000)


# --- what people and programs see ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "columns", "name"),
    [
        pytest.param("table", "80", "report-80.txt", id="80"),
        pytest.param("table", "120", "report-120.txt", id="120"),
        pytest.param("json", "80", "report.json", id="json"),
        pytest.param("csv", "80", "report.csv", id="csv"),
    ],
)
def test_a_month_is_shown_as_in_the_golden_file(
    form: str, columns: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    assert FORMS[form](month()).rstrip("\n") + "\n" == (GOLDEN / name).read_text(encoding="utf-8")


def test_no_line_of_the_table_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, FORMS["table"](month()).splitlines())) <= 80


# --- money -----------------------------------------------------------------------------------------------------------


def test_what_is_saved_is_the_real_time_price_of_the_same_usage_less_the_bill() -> None:
    total = report_of([booked(), realtime()], [ended(), ended(lane=Lane.REALTIME, cost=TWO)]).total
    assert (total.cost, total.standard, total.saved, total.net) == (3 * ONE, 4 * ONE, ONE, ONE)


def test_rows_without_a_price_are_counted_and_in_no_sum() -> None:
    total = report_of([booked(), booked(cost=None, standard=None, requests=7)]).total
    assert (total.cost, total.unpriced_rows, total.spends[Lane.BATCH].unpriced_answers) == (ONE, 1, 7)
    assert headline(report_of([booked(cost=None, standard=None)]))[0].endswith("1 row without a price.")


def test_what_nobody_saw_is_neither_an_answer_nor_a_cost() -> None:
    unseen = realtime(kind="possible_duplicate", cost=None, standard=None)
    lost = booked(kind="lost", cost=None, standard=None, requests=3)
    total = report_of([unseen, lost]).total
    assert (total.cost, total.unpriced_rows) == (0, 0)
    assert (total.spends[Lane.REALTIME].unseen_calls, total.spends[Lane.BATCH].lost_answers) == (1, 3)
    assert [spend.answers for spend in total.spends.values()] == [0, 0]
    assert all(times.longest is None for times in total.durations.values())


def test_a_batch_answer_that_came_second_was_bought_twice() -> None:
    rescue = realtime(kind="rescue")
    total = report_of([booked(), rescue], [ended(lane=Lane.REALTIME, cost=TWO, is_rescue=True)]).total
    assert (total.overspend.unused_batch, total.overspend.rescue_premium) == (ONE, ONE)
    assert total.overspend.total == TWO  # all of what the call in real time cost
    assert total.net == -ONE


def test_a_rescue_that_came_second_was_bought_twice_and_has_no_premium() -> None:
    total = report_of([booked(), realtime(kind="rescue")], [ended(is_rescue=True)]).total
    assert (total.overspend.unused_realtime, total.overspend.rescue_premium) == (TWO, 0)


def test_calls_that_their_callers_record_have_no_request_and_were_not_bought_twice() -> None:
    assert report_of([realtime(kind="recorded")]).total.overspend.total == 0


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(booked(recorded_at=ago(minutes=14)), id="booked a moment ago"),
        pytest.param(booked(cost=None, standard=None), id="without a price"),
        pytest.param(booked(day="2026-10-25"), id="whose requests' rows may be gone"),
    ],
)
def test_days_that_prove_nothing_are_not_compared(row: object) -> None:
    assert isinstance(row, type(booked()))
    fold_period = Period(date(2026, 10, 1), date(2026, 11, 25))
    total = report_of([row], period=fold_period).total
    assert (total.overspend.compared, total.overspend.not_compared, total.net) == (0, 1, None)


def test_a_ledger_that_lacks_what_requests_cost_is_not_compared() -> None:
    assert report_of([booked()], [ended(cost=TWO)]).total.overspend.not_compared == 1


# --- the proof of the discount ---------------------------------------------------------------------------------------


def test_half_the_price_is_proven_row_by_row() -> None:
    report = report_of([booked(), booked(cost=ONE + 1)])
    assert proof(report.total.spends[Lane.BATCH]) == (
        "tokens of 2 rows from batches cost 0.5 of their real-time price, but only in 1 exactly half"
    )


def test_web_searches_cost_the_same_in_a_batch_and_are_no_token_charge() -> None:
    """A cent each, so a row with three is billed 1.03 of 2.03 dollars, and its tokens are halved all the same."""
    spend = report_of([booked(web_searches=3, cost=ONE + 30_000, standard=TWO + 30_000)]).total.spends[Lane.BATCH]
    assert (spend.token_cost, spend.token_standard, spend.halved_rows) == (ONE, TWO, 1)


def test_searches_of_unknown_price_prove_nothing() -> None:
    spend = report_of([booked(web_searches=3, model="claude-new")]).total.spends[Lane.BATCH]
    assert (spend.cost, spend.proven_rows) == (ONE, 0)


# --- shares, months, moves -------------------------------------------------------------------------------------------


def test_of_eligible_spend_are_workloads_that_may_wait() -> None:
    report = report_of([booked(), realtime(), realtime(workload="live-chat")])
    assert report.total.batch_share == Decimal(1) / 5
    assert report.eligible.batch_share == Decimal(1) / 3


def test_the_month_goes_on_as_it_did() -> None:
    report = report_of([booked(day="2026-11-10"), booked(day="2026-10-31")], now=datetime(2026, 11, 16, tzinfo=UTC))
    assert (report.month.cost, report.month.elapsed, report.month.projected_cost) == (ONE, Decimal("0.5"), TWO)


def test_the_first_day_of_a_month_projects_nothing() -> None:
    assert report_of([booked()], now=datetime(2026, 11, 1, 12, tzinfo=UTC)).month.projected_cost is None


def test_who_may_wait_is_moved_first_and_who_never_batches_not_at_all() -> None:
    big, small = realtime(workload="live-chat", requests=9, cost=90 * ONE, standard=90 * ONE), realtime(cost=20 * ONE)
    moves = [report_of(rows).move for rows in ([big, small], [big], [small])]
    assert [move and move.workload for move in moves] == ["content-pipeline", "live-chat", "content-pipeline"]
    never = realtime(workload="secret", cost=90 * ONE)
    assert report_of([never]).move is None


def test_what_saves_less_than_ten_dollars_a_month_is_left_where_it_is() -> None:
    least = Decimal(10) * 25 / 30 * ONE * 2
    assert report_of([realtime(cost=least)]).move is not None
    assert report_of([realtime(cost=least - 1)]).move is None
    assert next_move(None).startswith("Nothing is left")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("live-chat", False), ("content-pipeline", True), ("always", True), ("secret", False), ("unknown", None)],
)
def test_a_policy_says_whether_a_workload_may_wait(name: str, expected: bool | None) -> None:
    assert may_wait(REGISTRY.get(name)) is expected


# --- deadlines and ends ----------------------------------------------------------------------------------------------


def test_every_deadline_that_was_met_is_said_so() -> None:
    assert deadlines(report_of([], [ended()])) == "The one request ended within its deadline."
    assert deadlines(report_of([], [ended(), ended()])) == "All 2 requests ended within their deadlines."


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ((True, True), "2 of 3 requests ended behind their deadlines (66.7 %), all announced before."),
        ((True, False), "2 of 3 requests ended behind their deadlines (66.7 %), 1 unannounced."),
    ],
)
def test_a_deadline_that_was_missed_was_announced_or_not(told: tuple[bool, bool], words: str) -> None:
    late = [ended(is_late=True, is_told=each) for each in told]
    assert deadlines(report_of([], [ended(), *late])) == words


ROW = {
    "workload": "articles",
    "answer_key": "results/workload=articles/date=2026-11-03/01ABC.jsonl",
    "segment": "01ABC-r2-6h-0",
    "cost_micro_usd": ONE,
    "outcome": "succeeded",
    "outcome_reason": "end_turn",
    "deadline": "2026-11-03T08:00:00.000Z",
    "accepted_at": "2026-11-03T00:00:00.000Z",
    "attempt": Decimal(0),
}


def test_a_requests_row_is_read_under_the_day_of_its_answer() -> None:
    row = ended_of(ROW)
    assert row is not None
    assert (row.day, row.lane, row.rounds, row.attempts, row.failure) == ("2026-11-03", Lane.BATCH, 2, 0, None)
    place = "results/workload=articles/date=2026-11-03/realtime-abc-2.jsonl"
    row = ended_of(ROW | {"answer_key": place, "attempt": Decimal(2), "outcome": "failed"})
    assert row is not None
    assert (row.lane, row.attempts, row.failure) == (Lane.REALTIME, 1, "end_turn")


@pytest.mark.parametrize(
    ("endangered_at", "is_told"),
    [(None, False), ("2026-11-03T07:53:00.000Z", True), ("2026-11-03T08:01:00.000Z", False)],
)
def test_a_deadline_was_told_of_before_it_passed(endangered_at: str | None, is_told: bool) -> None:
    row = ended_of(ROW | ({} if endangered_at is None else {"endangered_at": endangered_at}))
    assert row is not None
    assert row.is_told is is_told


# --- times -----------------------------------------------------------------------------------------------------------


def test_a_batch_counts_once_for_each_of_its_answers() -> None:
    """So a batch of two models, which has two rows, is not counted twice."""
    times = report_of([booked(requests=98, seconds=Decimal(60)), booked(requests=2, seconds=Decimal(9000))]).total
    batch = times.durations[Lane.BATCH]
    assert [batch.percentile(each) for each in (50, 95, 99)] == [60, 60, 9000]
    assert batch.within(7200) == 98


def test_times_are_kept_by_three_digits_and_the_longest_as_it_is() -> None:
    times = Durations()
    for number in range(100_000):
        times.add(Decimal(number) / 7)
    assert len(times.counts) < 5_000
    assert times.longest == Decimal(99_999) / 7
    assert times.percentile(50) == Decimal("7150")


def test_nothing_measured_has_no_percentile() -> None:
    assert Durations().percentile(50) is None


# --- what is asked for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        pytest.param(Asked(first=None, last=None, days=None), "2026-11-01", "2026-11-25", id="month to date"),
        pytest.param(Asked(first=None, last=None, days=7), "2026-11-19", "2026-11-25", id="a week"),
        pytest.param(
            Asked(first=None, last=datetime(2026, 10, 31, tzinfo=UTC), days=None), "2026-10-01", "2026-10-31", id="to"
        ),
    ],
)
def test_a_period_is_whole_days(asked: Asked, first: str, last: str) -> None:
    period = asked.period(NOW.date())
    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)


def test_a_period_knows_its_days() -> None:
    assert ("2026-10-31" in PERIOD, "2026-11-01" in PERIOD, len(PERIOD.days())) == (False, True, 25)


@pytest.mark.parametrize(("part", "words"), [(1, "<0.1 %"), (0, "0 %"), (1160, "11.6 %"), (10_000, "100 %")])
def test_what_is_not_nothing_is_not_shown_as_nothing(part: int, words: str) -> None:
    assert percent(part, 10_000 if part != 1 else 100_000) == words


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_of_a_month_is_the_golden_file() -> None:
    assert page(month()) == (GOLDEN / "report.html").read_text(encoding="utf-8")


def test_the_page_is_well_formed_needs_nothing_else_and_runs_nothing() -> None:
    text = page(month())
    parts = [*Parsed(text).parts]
    assert not {"script", "iframe", "img", "object"} & {tag for tag, _ in parts}
    links = [value for _, attributes in parts for name, value in attributes if name in {"href", "src"}]
    assert links == ["data:,"]
    assert not [name for _, attributes in parts for name, _ in attributes if name.startswith("on")]
    assert "url(" not in text


def test_the_pages_figures_are_those_of_the_json() -> None:
    """What a person reads beside what a program reads: each amount stands in the page with all its digits."""
    report = month()
    shown = {
        Decimal(value) for tag, attributes in Parsed(page(report)).parts if tag == "data" for _, value in attributes
    }
    document = json.loads(FORMS["json"](report), parse_float=Decimal)
    names = ("cost_micro_usd", "standard_micro_usd", "saved_micro_usd")
    lanes = [line[lane] for line in document["workloads"] for lane in ("batch", "realtime") if line[lane]["rows"]]
    assert {part[name] for part in (document["total"], *lanes) for name in names} <= shown
    assert document["total"]["net_saving_micro_usd"] in shown


def test_a_page_of_nothing_is_a_page() -> None:
    Parsed(page(report_of([])))


def test_a_promise_that_was_broken_once_is_not_rounded_to_kept() -> None:
    ends = [ended() for _ in range(99_999)]
    assert "<dd>100 %</dd>" in page(report_of([booked()], ends))
    assert "<dd>99.99 %</dd>" in page(report_of([booked()], [*ends, ended(is_late=True)]))


def test_two_hours_part_the_bars() -> None:
    rows = [booked(seconds=Decimal(7200)), booked(seconds=Decimal(7201))]
    times = report_of(rows).total.durations[Lane.BATCH]
    bars = re.findall(r'<rect class="(\w+)".*?<title>(.*?)</title>', completion(times))
    assert [bar for bar in bars if "1 answer" in bar[1]] == [
        ("batch", "up to 2 h: 1 answer, 50 %"),
        ("late", "up to 3 h: 1 answer, 50 %"),
    ]


class Parsed(HTMLParser):
    """Every element with its attributes; raises AssertionError where one is not closed in its place."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, list[tuple[str, str]]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, [(name, value or "") for name, value in attrs]))
        self.open += [] if tag in self.VOID else [tag]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, [(name, value or "") for name, value in attrs]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
