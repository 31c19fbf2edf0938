"""When a lane stops calling Claude, and how it finds out that it may again: decisions only.

No clocks of two workers are compared. Every write of a lane's row takes the next `turn`; a call knows the turn that
it saw when it began, and so which refusals came before it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lanekeeper import moments
from lanekeeper.refusals import TIMES_ALONE, Remedy

IN_A_ROW = 10
FOR_AT_LEAST = timedelta(seconds=10)  # a busy lane fails ten times in a second, and that is no outage yet
FIRST, LONGEST = 60, 120  # seconds that a lane stays open: an hour's backlog has to be gone ten minutes after an outage
BACK_FIRST, BACK_LAST = 60, 300  # seconds until a message that met an open lane comes again: they must not come at once
ABANDONED = timedelta(minutes=15)  # a lane with work in it is probed sooner


class Gate(StrEnum):
    CLOSED = "closed"  # as with a circuit: calls go through
    OPEN = "open"  # none does
    PROBE = "probe"  # the time is over: one may try


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A lane's row."""

    turn: int = 0
    failures: int = 0  # in a row, over all workers
    failing_since: str | None = None
    doubt: int = 0  # the turn of the last refusal that nobody could explain
    proof: int = 0  # the latest turn that a call which succeeded had seen when it began
    opened: int = 0  # the turn that opened it
    open_until: str | None = None
    open_seconds: int = 0
    reason: str | None = None
    remedy: str | None = None
    probe_until: str | None = None  # until then one worker is trying, and nobody else


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that failed for a reason that may hold for others, too."""

    reason: str
    remedy: Remedy
    at_once: bool = False  # a person must act: no other call will fare better
    unexplained: bool = False  # perhaps its request alone is at fault


def breaker_of(item: Mapping[str, Any] | None) -> Breaker:
    """The record of a lane's row; a lane without one has never failed."""
    names = Breaker.__dataclass_fields__
    known: dict[str, Any] = {name: value for name, value in (item or {}).items() if name in names}
    whole: dict[str, Any] = {name: value if isinstance(value, str) else int(value) for name, value in known.items()}
    return Breaker(**whole)


def breaker_fields(breaker: Breaker) -> dict[str, Any]:
    """What the row says; a value that is None is left out."""
    return {name: value for name, value in asdict(breaker).items() if value is not None}


def gate(breaker: Breaker, now: datetime) -> Gate:
    """Whether a call may be made."""
    if breaker.open_until is None:
        return Gate.CLOSED
    return Gate.OPEN if moments.to_text(now) < shut_until(breaker) else Gate.PROBE


def shut_until(breaker: Breaker) -> str:
    """When an open lane may be tried next."""
    return max(breaker.open_until or "", breaker.probe_until or "")


def back_in(jitter: float) -> int:
    """Seconds until a message that met an open lane comes again; `jitter` is a number from 0 to 1."""
    return round(BACK_FIRST + (BACK_LAST - BACK_FIRST) * jitter)


def probing(breaker: Breaker, until: datetime) -> Breaker:
    """One worker tries; a dead one keeps nobody waiting for longer than until then."""
    return replace(breaker, probe_until=moments.to_text(until))


def not_probed(breaker: Breaker) -> Breaker:
    """The worker that was to try had nothing to try with."""
    return replace(breaker, probe_until=None)


def succeeded(breaker: Breaker, *, seen: int) -> Breaker:
    """After a call that Claude answered, which saw the turn `seen` when it began."""
    if breaker.open_until is not None and seen < breaker.opened:
        return breaker
    is_proof = seen >= breaker.doubt > breaker.proof
    if breaker.open_until is None and not breaker.failures and not is_proof:
        return breaker
    return Breaker(turn=breaker.turn, doubt=breaker.doubt, proof=max(seen, breaker.proof), opened=breaker.opened)


def failed(breaker: Breaker, failure: Failure, *, seen: int, now: datetime) -> Breaker:
    """After a call that failed. One that began before the lane was opened says nothing that is not known."""
    if failure.unexplained:
        breaker = replace(breaker, doubt=breaker.turn + 1)
    if breaker.open_until is not None:
        return breaker if seen < breaker.opened else _open(breaker, failure, now)
    since = breaker.failing_since or moments.to_text(now)
    breaker = replace(breaker, failures=breaker.failures + 1, failing_since=since)
    lasts = breaker.failures >= IN_A_ROW and now - moments.from_text(since) >= FOR_AT_LEAST
    return _open(breaker, failure, now) if failure.at_once or lasts else breaker


def _open(breaker: Breaker, failure: Failure, now: datetime) -> Breaker:
    seconds = min(2 * breaker.open_seconds, LONGEST) or FIRST
    return replace(
        breaker,
        opened=breaker.turn + 1,
        open_until=moments.to_text(now + timedelta(seconds=seconds)),
        open_seconds=seconds,
        reason=failure.reason,
        remedy=failure.remedy.value,
        probe_until=None,
    )


def waits_for_a_person(breaker: Breaker, now: datetime) -> bool:
    """Whether somebody must be told that the lane stands still; not of one in which nothing waits any more."""
    if breaker.open_until is None or breaker.remedy != Remedy.PERSON:
        return False
    return now < moments.from_text(breaker.open_until) + ABANDONED


def times_alone(row: Mapping[str, Any], breaker: Breaker) -> int:
    """How often by now this request was refused, without an explanation, while others were answered.

    It counts where another call was begun after its refusal before and succeeded, and nothing failed in between: a
    limit that is reached refuses the one after the other.
    """
    alone = breaker.failures <= 1 and breaker.proof >= row.get("refused_turn", breaker.proof + 1)
    return int(row.get("refused_alone", 0)) + alone


def is_at_fault(alone: int) -> bool:
    """Whether a request that was refused so often while others were answered is the cause."""
    return alone >= TIMES_ALONE
