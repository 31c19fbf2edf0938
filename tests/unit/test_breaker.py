"""When a lane is held, who may try, and what proves that a refused request was itself at fault."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from lanekeeper.breaker import (
    Breaker,
    Failure,
    Gate,
    back_in,
    breaker_fields,
    breaker_of,
    failed,
    gate,
    is_at_fault,
    not_probed,
    probing,
    succeeded,
    times_alone,
    waits_for_a_person,
)
from lanekeeper.refusals import Remedy

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
PASSING = Failure(reason="HTTP 529", remedy=Remedy.PATIENCE)
PERSONAL = Failure(reason="HTTP 401", remedy=Remedy.PERSON, at_once=True)
UNEXPLAINED = Failure(reason="HTTP 400", remedy=Remedy.PERSON, unexplained=True)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def written(before: Breaker, after: Breaker) -> Breaker:
    """As the edge writes it: the next turn, if anything changed."""
    return after if after == before else Breaker(**{**breaker_fields(after), "turn": before.turn + 1})


def fail(breaker: Breaker, failure: Failure = PASSING, *, seen: int | None = None, second: float = 0) -> Breaker:
    return written(breaker, failed(breaker, failure, seen=breaker.turn if seen is None else seen, now=at(second)))


def succeed(breaker: Breaker, *, seen: int | None = None) -> Breaker:
    return written(breaker, succeeded(breaker, seen=breaker.turn if seen is None else seen))


def after_failures(count: int, *, over: float, failure: Failure = PASSING) -> Breaker:
    breaker = Breaker()
    for number in range(count):
        breaker = fail(breaker, failure, second=over * number / max(count - 1, 1))
    return breaker


@pytest.mark.parametrize(
    ("count", "over", "expected"),
    [
        pytest.param(10, 10, Gate.OPEN, id="ten-in-a-row"),
        pytest.param(9, 10, Gate.CLOSED, id="nine"),
        pytest.param(100, 9, Gate.CLOSED, id="many-at-once"),
    ],
)
def test_passing_failures_hold_a_lane_when_they_last(count: int, over: float, expected: Gate) -> None:
    assert gate(after_failures(count, over=over), at(10)) is expected


def test_a_success_begins_the_count_anew() -> None:
    breaker = succeed(after_failures(9, over=60))
    for number in range(9):
        breaker = fail(breaker, second=100 + number * 10)
    assert gate(breaker, at(200)) is Gate.CLOSED


def test_what_a_person_must_end_holds_a_lane_at_once_with_its_reason() -> None:
    breaker = fail(Breaker(), PERSONAL)
    assert (gate(breaker, at(59)), breaker.reason, breaker.remedy) == (Gate.OPEN, "HTTP 401", "person")
    assert gate(breaker, at(60)) is Gate.PROBE


def test_a_failed_try_holds_the_lane_for_twice_as_long_up_to_two_minutes() -> None:
    breaker, now, held = fail(Breaker(), PERSONAL), 0.0, []
    for _ in range(5):
        held.append(breaker.open_seconds)
        now += breaker.open_seconds
        breaker = fail(breaker, second=now)
    assert held == [60, 120, 120, 120, 120]


def test_a_try_that_succeeds_opens_the_way_and_forgets_the_failures() -> None:
    breaker = succeed(probing(fail(Breaker(), PERSONAL), at(90)))
    assert gate(breaker, at(60)) is Gate.CLOSED
    assert (breaker.failures, breaker.reason, breaker.remedy, breaker.open_seconds) == (0, None, None, 0)


def test_only_one_tries_and_a_dead_one_keeps_nobody_waiting_for_longer_than_its_time() -> None:
    breaker = probing(fail(Breaker(), PERSONAL), at(160))
    assert [gate(breaker, at(second)) for second in (60, 159, 160)] == [Gate.OPEN, Gate.OPEN, Gate.PROBE]
    assert gate(not_probed(breaker), at(60)) is Gate.PROBE


def test_a_call_that_was_begun_before_a_lane_was_held_says_nothing_of_it() -> None:
    held = fail(Breaker(turn=5), PERSONAL)
    assert succeed(held, seen=5) == held
    assert fail(held, seen=5, second=61) == held
    assert gate(succeed(held, seen=held.turn), at(1)) is Gate.CLOSED


def test_nothing_is_written_while_all_is_well() -> None:
    assert succeed(Breaker(turn=7, proof=3)) == Breaker(turn=7, proof=3)


def test_a_brown_out_of_30_percent_never_holds_a_lane() -> None:
    """An hour at ten requests a second, retries included: ten in a row do come, but not over ten seconds."""
    random, breaker, longest = Random(1), Breaker(), 0
    for number in range(51_400):
        second = number * 3600 / 51_400
        breaker = fail(breaker, second=second) if random.random() < 0.3 else succeed(breaker)
        longest = max(longest, breaker.failures)
        assert gate(breaker, at(second)) is Gate.CLOSED
    assert longest >= 7


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 60), (1.0, 300)])
def test_what_meets_a_held_lane_comes_back_at_different_times(jitter: float, seconds: int) -> None:
    assert back_in(jitter) == seconds


def test_a_row_is_read_as_it_was_written() -> None:
    breaker = probing(fail(Breaker(), PERSONAL), at(160))
    assert breaker_of({"item_id": "lane#realtime", **breaker_fields(breaker)}) == breaker
    assert breaker_of(None) == Breaker()


@pytest.mark.parametrize(
    ("failure", "second", "waits"),
    [
        pytest.param(PERSONAL, 0, True, id="held"),
        pytest.param(PERSONAL, 60 + 899, True, id="its-time-is-over-and-nobody-has-succeeded"),
        pytest.param(PERSONAL, 60 + 900, False, id="nothing-waits-in-it"),
        pytest.param(Failure(reason="", remedy=Remedy.PATIENCE, at_once=True), 0, False, id="passing"),
    ],
)
def test_somebody_is_told_of_a_lane_that_waits_for_a_person(failure: Failure, second: float, waits: bool) -> None:
    assert waits_for_a_person(fail(Breaker(), failure), at(second)) is waits


# --- an unexplained refusal ------------------------------------------------------------------------------------------


def refuse(breaker: Breaker, row: dict[str, int]) -> Breaker:
    """A request is refused, and its row notes it."""
    breaker = fail(breaker, UNEXPLAINED)
    row.update(refused_alone=times_alone(row, breaker), refused_turn=breaker.turn)
    return breaker


def test_a_request_is_at_fault_when_it_was_refused_twice_more_while_others_were_answered() -> None:
    breaker, row = Breaker(), {}
    for expected in (False, False, True):
        breaker = refuse(breaker, row)
        assert is_at_fault(row["refused_alone"]) is expected
        breaker = succeed(breaker)


def test_a_refusal_proves_nothing_while_nobody_is_answered() -> None:
    breaker, row = Breaker(), {}
    for _ in range(9):
        breaker = refuse(breaker, row)
    assert row["refused_alone"] == 0


def test_a_call_that_was_begun_before_the_refusal_proves_nothing() -> None:
    row: dict[str, int] = {}
    begun = Breaker(turn=4)
    breaker = succeed(refuse(begun, row), seen=begun.turn)
    refuse(breaker, row)
    assert row["refused_alone"] == 0


def test_a_success_that_began_after_an_old_one_had_reset_the_count_still_counts_as_proof() -> None:
    row: dict[str, int] = {}
    begun = Breaker(turn=4)
    breaker = succeed(refuse(begun, row), seen=begun.turn)
    breaker = succeed(breaker)
    refuse(breaker, row)
    assert row["refused_alone"] == 1


def test_a_limit_that_is_raised_a_little_and_reached_again_fails_nobody() -> None:
    """Each time a few are answered, then all that wait are refused in a row: only the first of them looks alone."""
    rows: list[dict[str, int]] = [{} for _ in range(8)]
    breaker = Breaker()
    for round_ in range(4):
        for row in rows[round_:] + rows[:round_]:
            breaker = refuse(breaker, row)
        breaker = succeed(breaker)
    assert not any(is_at_fault(row["refused_alone"]) for row in rows)
