"""A request's life, put together from the rows that tell of it, in the order of what happened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cli.open_work import work_of
from cli.output import micro_money
from lanekeeper import moments
from lanekeeper.dynamo import Item
from lanekeeper.models import Lane
from lanekeeper.segments import batch_of_rebuffered, is_rebuffered

_LANES = {Lane.REALTIME: "real-time", Lane.BATCH: "batch"}
_OF_ROW = {
    "sent_at": "sent by its producer",
    "rescued_at": "a rescue in real time is asked for: its batch would be too late",
    "endangered_at": "told that its deadline will hardly be met",
    "forgotten_at": "its content is deleted",
}
_OF_BATCH = {
    "sending_at": "its batch is being sent",
    "cancel_asked_at": "Claude is asked to cancel its batch",
    "ended_at": "Claude has ended its batch",
}


_BEGUN = ("accepted_at", "rescued_at", "attempt_at", "finished_at")


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a request."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """The rows that tell of a request."""

    row: Item
    segment: Item | None  # its home; None for one that never was in the batch lane, or whose row has expired
    batch: Item | None  # that carries it, or did last
    calls: list[Item]  # the ledger's, of its calls in real time


def life_of(traces: Traces) -> list[Happening]:
    """What is known to have happened, the earliest first."""
    found = [*_of_row(traces.row), *_of_batch_lane(traces), *map(_of_call, traces.calls)]
    return sorted(found, key=lambda each: each.at)


def next_of(traces: Traces) -> str:
    """What happens to a request that has no end yet."""
    row = traces.row
    if "outcome" in row:
        return "nothing: it has its end"
    if "lease_until" in row:
        return f"a worker has it until {row['lease_until']} at the latest"
    if row["lane"] == Lane.REALTIME or row.get("rescue") == "pending":
        return "answered by the real-time lane: lanekeeper status shows whether that is held"
    open_row = next(
        (each for each in (traces.batch, traces.segment) if each is not None and "open_shard" in each), None
    )
    if open_row is None:
        return "accepted anew when its message comes again"
    work = work_of(open_row)
    return (
        f"its {'batch' if open_row is traces.batch else 'segment'} is {work.next}, at {moments.to_text(work.next_at)}"
    )


def _of_row(row: Mapping[str, Any]) -> Iterator[Happening]:
    for name, what in _OF_ROW.items():
        if name in row:
            yield _happening(row[name], what)
    lane = _LANES[Lane(row["lane"])]
    yield _happening(
        row["accepted_at"], f"accepted into the {lane} lane ({row['reason']}), wanted by {row['deadline']}"
    )
    if "attempt_at" in row:
        yield _happening(row["attempt_at"], f"call {int(row['attempt'])} in real time")
    if "outcome" in row:
        yield _happening(row["finished_at"], _end(row))


def _end(row: Mapping[str, Any]) -> str:
    cost = row.get("cost_micro_usd")
    price = "at an unknown cost" if cost is None else f"for {micro_money(Decimal(cost))}"
    return f"{row['outcome']}: {row['outcome_reason']}, {price}" + (", late" if row.get("late") else "")


def _of_batch_lane(traces: Traces) -> Iterator[Happening]:
    segment, batch = traces.segment, traces.batch
    if segment is not None and is_rebuffered(name := str(segment["item_id"]).removeprefix("segment#")):
        yield _happening(segment["created_at"], f"goes round again, after batch {batch_of_rebuffered(name)}")
    if batch is None:
        return
    name = str(batch["item_id"]).removeprefix("batch#")
    yield _happening(batch["sealed_at"], f"sealed into batch {name}, which has {int(batch['count']):,} requests now")
    if batch.get("created_at"):
        yield _happening(batch["created_at"], f"its batch is at Claude: {batch['claude_id']}")
    for field, what in _OF_BATCH.items():
        if batch.get(field):
            yield _happening(batch[field], what)


def _of_call(row: Mapping[str, Any]) -> Happening:
    cost = row["cost_micro_usd"]
    if row["kind"] == "possible_duplicate":
        return _happening(row["recorded_at"], "booked: a call whose answer nobody saw, perhaps billed")
    price = "at an unknown price" if cost is None else f"for {micro_money(Decimal(cost))}"
    return _happening(row["recorded_at"], f"booked: {row['kind']} in real time {price}")


def _happening(moment: str, what: str) -> Happening:
    return Happening(moments.from_text(moment), what)


def days_of(row: Mapping[str, Any]) -> list[str]:
    """The UTC days on which a request's calls may have begun."""
    moments_known = [moments.from_text(row[name]) for name in _BEGUN if name in row]
    first, last = min(moments_known).date(), max(moments_known).date()
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
