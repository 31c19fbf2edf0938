"""What is under way, as its rows tell: how long already, until when it is wanted, and what happens with it next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lanekeeper import moments
from lanekeeper.breaker import Breaker, Gate, gate, shut_until
from lanekeeper.models import BatchState, Lane
from lanekeeper.refusals import Remedy

PERSON = "somebody has to act"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A batch, or a segment that has none yet."""

    id: str
    workload: str
    state: str
    requests: int
    since: datetime  # sealed, or written
    deadline: datetime  # the earliest of its requests
    next: str  # what happens to it
    next_at: datetime  # when somebody looks at it, at the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """Whether a lane calls Claude."""

    lane: Lane
    is_held: bool
    until: datetime | None = None  # then one call tries
    reason: str | None = None
    needs_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """About how much lies in a queue, by SQS's own estimate."""

    queue: str
    visible: int
    in_work: int
    delayed: int

    @property
    def total(self) -> int:
        return self.visible + self.in_work + self.delayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A stack at one moment."""

    stack: str
    at: datetime
    lanes: list[LaneState]
    batches: list[Work]  # the earliest deadline first
    segments: list[Work]
    queues: list[Depth]
    dead_letters: list[Depth]
    alarms: list[str] | None  # those that ring; None where the caller may not see them


def work_of(row: Mapping[str, Any]) -> Work:
    """Reads a row of the index `open`."""
    kind, _, name = str(row["item_id"]).partition("#")
    return Work(
        id=name,
        workload=str(row["workload"]),
        state=str(row["state"]),
        requests=int(row["count"]),
        since=moments.from_text(row["sealed_at" if kind == "batch" else "created_at"]),
        deadline=moments.from_text(row["deadline"]),
        next=_next_of_batch(row) if kind == "batch" else "sealed when its window is over",
        next_at=moments.from_text(row["next_action_at"]),
    )


def lane_of(lane: Lane, breaker: Breaker, now: datetime) -> LaneState:
    """A lane as its breaker stands."""
    if gate(breaker, now) is Gate.CLOSED:
        return LaneState(lane=lane, is_held=False)
    return LaneState(
        lane=lane,
        is_held=True,
        until=moments.from_text(shut_until(breaker)),
        reason=breaker.reason,
        needs_person=breaker.remedy == Remedy.PERSON,
    )


def _next_of_batch(row: Mapping[str, Any]) -> str:
    match BatchState(row["state"]):
        case BatchState.SEALED:
            return "sent to Claude"
        case BatchState.HELD:
            person = f"; {PERSON}" if row.get("hold_remedy") == Remedy.PERSON else ""
            return f"tried again, held for {row.get('hold_reason') or 'a reason unknown'}{person}"
        case BatchState.SENDING:
            return "looked for in Claude's listing, if its answer was lost"
        case BatchState.OPEN:
            return "asked after at Claude" + (", canceled there" if "cancel_asked_at" in row else "")
        case BatchState.ENDED:
            return _next_of_ended(row)
        case BatchState.STORED:
            return "its requests ended by the stored results"
    return "nothing"


def _next_of_ended(row: Mapping[str, Any]) -> str:
    if "quarantine" in row:
        return f"downloaded again, in quarantine; {PERSON}: lanekeeper release"
    if "troubled_since" in row:
        return f"downloaded again, which has failed since {row['troubled_since']}"
    return "collected"
