"""What a download is worth is judged on numbers and times alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lanekeeper import moments, quarantine
from lanekeeper.errors import ClaudeRefusedError, ClaudeUnclearError
from lanekeeper.models import Batch, BatchState, Member
from lanekeeper.quarantine import (
    History,
    Inspection,
    Move,
    Odd,
    are_gone,
    can_be_released,
    history_of,
    is_over,
    judge_download,
    oldest_uncollected,
    quarantine_fields,
    wait_after,
)

NOW = datetime(2026, 12, 24, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BATCH = Batch(
    id="B",
    class_id="c",
    workload="w",
    state=BatchState.ENDED,
    members=(Member("S", 0, 3, 0, 0), Member("R", 5, 6, 0, 0)),
    count=4,
    size=1,
    deadline="",
    sealed_at="",
    next_action_at="",
    created_at=moments.to_text(NOW - DAY),
)
FRESH = history_of({})
USAGE = b'{"input_tokens":1,"output_tokens":1}'


def row(sequence: object = 0, result: bytes = b'{"type":"expired"}', segment: str = "S") -> bytes:
    return b'{"custom_id":"%b_%b","result":%b}' % (segment.encode(), str(sequence).encode(), result)


WHOLE = [row(1), row(5, segment="R"), row(0), row(2)]


def inspected(*lines: bytes) -> Inspection:
    inspection = Inspection(BATCH)
    for line in lines:
        inspection.look(line)
    inspection.finish()
    return inspection


def test_a_whole_set_has_nothing_odd_in_any_order() -> None:
    inspection = inspected(*WHOLE)
    assert not inspection.odd
    assert inspection.usable == 4


@pytest.mark.parametrize(
    ("lines", "odd"),
    [
        pytest.param(WHOLE[1:], {Odd.MISSING: 1}, id="missing"),
        pytest.param([*WHOLE, row(1)], {Odd.DOUBLED: 1}, id="doubled"),
        pytest.param([*WHOLE[1:], row(1, b'{"type":"deferred"}')], {Odd.UNKNOWN: 1}, id="unknown type"),
        pytest.param([*WHOLE[1:], row(1, b'{"type":"lost"}')], {Odd.UNKNOWN: 1}, id="a type that is ours alone"),
        pytest.param([*WHOLE, row(3)], {Odd.ALIEN: 1}, id="past our range"),
        pytest.param([*WHOLE, row(0, segment="T")], {Odd.ALIEN: 1}, id="another segment"),
        pytest.param([*WHOLE, row("01")], {Odd.ALIEN: 1}, id="not as we write it"),
        pytest.param([*WHOLE, row("9" * 5000)], {Odd.ALIEN: 1}, id="a number without end"),
        pytest.param([*WHOLE, b"{"], {Odd.GARBLED: 1}, id="cut"),
        pytest.param([*WHOLE, b"[" * 100_000], {Odd.GARBLED: 1}, id="too deep"),
        pytest.param([*WHOLE, row(1).decode().encode("utf-16")], {Odd.GARBLED: 1}, id="another encoding"),
        pytest.param([*WHOLE, b"\xef\xbb\xbf" + row(1)], {Odd.GARBLED: 1}, id="a mark before the row"),
        pytest.param([*WHOLE, b"null"], {Odd.GARBLED: 1}, id="no object"),
        *(
            pytest.param([*WHOLE[1:], row(1, result)], {Odd.GARBLED: 1}, id=f"result {result.decode()}")
            for result in (
                b"null",
                b'"expired"',
                b"{}",
                b'{"type":["succeeded"]}',
                b'{"type":"succeeded"}',
                b'{"type":"succeeded","message":[]}',
                b'{"type":"succeeded","message":{"model":"m","usage":null}}',
                b'{"type":"succeeded","message":{"usage":%b}}' % USAGE,
            )
        ),
    ],
)
def test_each_kind_of_odd_line_is_counted_and_kept(lines: list[bytes], odd: dict[Odd, int]) -> None:
    inspection = inspected(*lines)
    assert {kind: number for kind, number in inspection.odd.items() if number} == odd
    assert inspection.lines == [line for line in lines if line not in WHOLE or Odd.DOUBLED in odd][-1:] * (
        Odd.MISSING not in odd
    )


def test_odd_lines_are_kept_up_to_a_bound_and_counted_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "KEPT_BYTES", 9)
    inspection = inspected(b"garbled", b"garbled")
    assert (inspection.odd[Odd.GARBLED], inspection.lines) == (2, [b"garbled"])


@pytest.mark.parametrize(
    ("lines", "foreign"),
    [
        pytest.param([row(n, segment="T") for n in range(4)], True, id="as many, all strangers'"),
        pytest.param([row(n, segment="T") for n in range(3)], False, id="fewer: it may be cut"),
        pytest.param([row(n, segment="T") for n in range(5)], False, id="more: a batch of another size"),
        pytest.param([row(0), *(row(n, segment="T") for n in range(4))], False, id="one is ours"),
        pytest.param([], False, id="none at all"),
    ],
)
def test_a_batch_is_foreign_where_as_many_strangers_stand_in_the_place_of_ours(
    lines: list[bytes], *, foreign: bool
) -> None:
    assert inspected(*lines).is_foreign is foreign


MISSING_ONE = inspected(*WHOLE[1:])
KNOWN: dict[str, object] = quarantine_fields(MISSING_ONE) | {"object": "", "since": ""}
STRANGERS = inspected(*(row(n, segment="T") for n in range(4)))


def after(downloads: int, minutes: int) -> History:
    return replace(FRESH, odd_downloads=downloads, odd_since=NOW - minutes * MINUTE)


@pytest.mark.parametrize(
    ("inspection", "history", "last_word", "move"),
    [
        pytest.param(inspected(*WHOLE), FRESH, False, Move.COMMIT, id="whole"),
        pytest.param(inspected(*WHOLE), replace(FRESH, quarantine=KNOWN), False, Move.COMMIT, id="mended"),
        pytest.param(MISSING_ONE, FRESH, False, Move.AGAIN, id="the first"),
        pytest.param(MISSING_ONE, after(1, 40), False, Move.AGAIN, id="the second, late"),
        pytest.param(MISSING_ONE, after(2, 29), False, Move.AGAIN, id="the third, soon"),
        pytest.param(MISSING_ONE, after(2, 30), False, Move.QUARANTINE, id="the third over half an hour"),
        pytest.param(MISSING_ONE, FRESH, True, Move.AGAIN, id="released before it lasted"),
        pytest.param(MISSING_ONE, replace(FRESH, quarantine=KNOWN), False, Move.QUARANTINE, id="not released"),
        pytest.param(MISSING_ONE, replace(FRESH, quarantine=KNOWN), True, Move.SALVAGE, id="released"),
        pytest.param(inspected(*WHOLE[2:]), replace(FRESH, quarantine=KNOWN), True, Move.QUARANTINE, id="worse"),
        pytest.param(
            inspected(*WHOLE, row(9)), replace(FRESH, quarantine=KNOWN), True, Move.SALVAGE, id="better, still odd"
        ),
        pytest.param(
            inspected(*WHOLE, row(9)),
            replace(FRESH, quarantine={"doubled": 1, "usable": 4}),
            True,
            Move.QUARANTINE,
            id="without the row that contradicted",
        ),
        pytest.param(STRANGERS, replace(FRESH, adopted=True), False, Move.DISOWN, id="adopted and foreign"),
        pytest.param(STRANGERS, replace(FRESH, adopted=True), True, Move.DISOWN, id="the same, released"),
        pytest.param(STRANGERS, after(2, 30), False, Move.QUARANTINE, id="foreign, but create answered with it"),
    ],
)
def test_what_to_do_with_a_download(inspection: Inspection, history: History, move: Move, *, last_word: bool) -> None:
    assert judge_download(inspection, history, last_word=last_word, now=NOW) is move


@pytest.mark.parametrize(
    ("status", "age", "history", "gone"),
    [
        pytest.param(404, 30 * DAY, FRESH, True, id="404 after thirty days"),
        pytest.param(400, 30 * DAY, FRESH, True, id="400 after thirty days"),
        pytest.param(401, 30 * DAY, FRESH, False, id="a wrong key proves nothing"),
        pytest.param(429, 30 * DAY, FRESH, False, id="a limit proves nothing"),
        pytest.param(404, 30 * DAY - MINUTE, FRESH, False, id="not yet thirty days"),
        pytest.param(
            404,
            DAY,
            replace(FRESH, released=True, troubled_since=NOW - 24 * HOUR),
            True,
            id="released, 24 h of trouble",
        ),
        pytest.param(
            404, DAY, replace(FRESH, released=True, troubled_since=NOW - 23 * HOUR), False, id="released, 23 h"
        ),
        pytest.param(
            400, DAY, replace(FRESH, released=True, troubled_since=NOW - 25 * HOUR), False, id="another status"
        ),
        pytest.param(404, DAY, replace(FRESH, troubled_since=NOW - 25 * HOUR), False, id="not released"),
    ],
)
def test_when_a_refusal_means_that_results_are_gone(
    status: int, age: timedelta, history: History, *, gone: bool
) -> None:
    batch = replace(BATCH, created_at=moments.to_text(NOW - age))
    error = ClaudeRefusedError(status, "any", error_code=None, retry_after=None)
    assert are_gone(error, history, batch, NOW) is gone


def test_time_is_over_thirty_days_after_creation_and_never_for_what_claude_never_had() -> None:
    assert is_over(replace(BATCH, created_at=moments.to_text(NOW - 30 * DAY)), NOW)
    assert not is_over(replace(BATCH, created_at=moments.to_text(NOW - 30 * DAY + MINUTE)), NOW)
    assert not is_over(replace(BATCH, created_at=None), NOW)


@pytest.mark.parametrize(
    ("postponed", "status", "minutes"),
    [(0, 404, 1), (1, 404, 2), (5, 404, 32), (6, 404, 60), (10**6, 404, 60), (1, 401, 2), (9, 401, 5)],
)
def test_pauses_double_up_to_an_hour_or_to_five_minutes_where_a_person_has_to_act(
    postponed: int, status: int, minutes: int
) -> None:
    error = ClaudeRefusedError(status, "any", error_code=None, retry_after=None)
    assert wait_after(error, replace(FRESH, postponed=postponed)) == minutes * MINUTE


def test_a_broken_stream_is_no_matter_for_a_person() -> None:
    assert wait_after(ClaudeUnclearError("any"), replace(FRESH, postponed=9)) == HOUR


def test_a_person_may_decide_once_trouble_has_lasted() -> None:
    assert not can_be_released(FRESH, NOW)
    assert not can_be_released(replace(FRESH, troubled_since=NOW - 23 * HOUR), NOW)
    assert can_be_released(replace(FRESH, troubled_since=NOW - 24 * HOUR), NOW)
    assert can_be_released(replace(FRESH, troubled_since=NOW, quarantine=KNOWN), NOW)


def test_the_oldest_is_told_by_claudes_creation_and_zero_where_claude_has_none() -> None:
    older = replace(BATCH, created_at=moments.to_text(NOW - 3 * DAY))
    unsent = replace(BATCH, created_at=None)
    ahead = replace(BATCH, created_at=moments.to_text(NOW + HOUR))
    assert oldest_uncollected([BATCH, older, unsent], NOW) == 3 * DAY
    assert oldest_uncollected([unsent, ahead], NOW) == timedelta(0)


def test_the_text_of_an_odd_download_has_numbers_alone() -> None:
    error = quarantine.OddResultsError(inspected(*WHOLE[1:], row("ada@example.org")))
    assert str(error) == "1 alien, 1 missing"
