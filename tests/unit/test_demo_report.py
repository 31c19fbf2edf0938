"""The demo's figures, on a terminal and as JSON."""

import io
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from local.demo.evidence import Evidence
from local.demo.progress import status_of
from local.demo.report import Report, percentile, report_of
from local.demo.show import document, dollars, duration, exact, show
from local.demo.traffic import Sent, line_of
from tests.unit.demo_evidence import healthy


def shown(report: Report, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def report(evidence: Evidence) -> Report:
    return report_of(evidence, emulated=True)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param([], 50, None, id="nothing measured"),
        pytest.param([3.0], 95, 3.0, id="one value"),
        pytest.param([1.0, 2.0, 3.0, 4.0], 50, 2.0, id="lower middle"),
        pytest.param(range(1, 101), 95, 95, id="a hundred values"),
        pytest.param([5.0, 1.0], 95, 5.0, id="unsorted"),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], percent: int, expected: float | None) -> None:
    assert percentile(values, percent) == expected


def test_each_time_is_labelled_with_its_clock() -> None:
    batch, realtime = report(healthy()).shares
    assert (batch.clock, batch.p50, batch.wall_p95) == ("emulated", 600.0, 30.5)
    assert (realtime.clock, realtime.p50, realtime.p95) == ("wall", 2.5, 2.5)


def test_with_another_claude_all_times_are_the_walls() -> None:
    batch, realtime = report_of(healthy(), emulated=False).shares
    assert (batch.clock, batch.p50) == ("wall", 30.5)
    assert realtime.clock == "wall"


def test_what_is_saved_is_the_standard_price_less_the_bill() -> None:
    made = report(healthy())
    batch, realtime = made.shares
    assert batch.standard == 2 * (batch.cost or 0)
    assert realtime.saved == 0
    assert made.saved == batch.saved == batch.cost


def test_one_unknown_price_makes_the_sums_unknown() -> None:
    made = report(healthy(model="some-other-model"))
    assert (made.cost, made.saved) == (None, None)
    assert "unknown" in shown(made, 80)


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_its_terminal_and_cuts_nothing_off(width: int) -> None:
    text = shown(report(healthy()), width)
    assert max(map(len, text.splitlines())) <= width
    assert "content-pipeline, batch" in text
    assert "…" not in text


def test_rejected_and_repeated_messages_are_counted() -> None:
    evidence = healthy()
    again = Sent(evidence.sent[0].line, "m5")
    made = report(replace(evidence, sent=[*evidence.sent, again]))
    assert (made.rejected, made.repeated, made.messages) == ({"invalid_json": 1}, 1, 5)
    assert "invalid_json 1" in shown(made, 80)


def test_json_holds_the_ledgers_total_in_micro_dollars() -> None:
    evidence = healthy()
    written = json.loads(json.dumps(document(report(evidence), evidence.account, [])))
    assert written["cost_micro_usd"] == float(sum(row["cost_micro_usd"] for row in evidence.ledger))
    assert written["passed"] is True
    assert [share["lane"] for share in written["workloads"]] == ["batch", "realtime"]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        pytest.param(None, None, id="unknown is never zero"),
        pytest.param(Decimal("7503.000"), 7503, id="whole"),
        pytest.param(Decimal("7503.3"), 7503.3, id="a tenth"),
        pytest.param(Decimal("12345678901234567890.1"), "12345678901234567890.1", id="more digits than a float"),
    ],
)
def test_money_in_json_loses_nothing(amount: Decimal | None, expected: object) -> None:
    assert exact(amount) == expected
    assert type(exact(amount)) is type(expected)


def test_amounts_and_times_are_written_for_people() -> None:
    assert [dollars(Decimal(9_241_500)), dollars(Decimal(1_234), 4)] == ["$9.24", "$0.0012"]
    assert [duration(None), duration(1.52), duration(600), duration(7200)] == ["-", "1.5 s", "10.0 min", "2.0 h"]


def test_it_is_over_when_every_message_has_its_end_and_every_batch_its_effects() -> None:
    evidence = healthy()
    messages = len(evidence.sent)
    rejected = evidence.rejected
    assert status_of(messages, evidence.sent, evidence.requests, evidence.batches, rejected).is_over
    assert not status_of(messages + 1, evidence.sent, evidence.requests, evidence.batches, rejected).is_over
    assert not status_of(messages, evidence.sent, evidence.requests, evidence.batches, {}).is_over
    stored = [dict(evidence.batches[0]) | {"state": "STORED"}]
    assert not status_of(messages, evidence.sent, evidence.requests, stored, rejected).is_over
    lost = [*evidence.sent[:-1], Sent(line_of(4, "{"), "lost")]
    assert not status_of(messages, lost, evidence.requests, evidence.batches, rejected).is_over
