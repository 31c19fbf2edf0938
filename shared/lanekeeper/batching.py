"""Which segments make the next batch: full or old enough, and within what one batch may hold."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lanekeeper import moments
from lanekeeper.identity import ULID_LENGTH
from lanekeeper.models import Batch, BatchState, Entry, Member, Segment
from lanekeeper.refusals import Remedy
from lanekeeper.segments import is_rebuffered

MAX_REQUESTS = 50_000  # half of Claude's limit of 100,000
MAX_BYTES = 100_000_000  # Claude's limit is 256 MB, of 10^6 or 2^20 bytes; smaller batches also end sooner
MAX_SEGMENTS = 99  # one DynamoDB transaction holds 100 writes, one is the batch's own row


def next_batch(ready: Iterable[Segment], *, window: timedelta, now: datetime) -> list[Segment]:
    """The segments of one class to seal together; none while they are neither full nor as old as the window."""
    waiting = sorted(ready, key=lambda segment: (segment.deadline, segment.id))
    chosen = _fill(waiting)
    is_full = len(chosen) < len(waiting) or len(chosen) == MAX_SEGMENTS
    return chosen if is_full or any(is_ripe(segment, window=window, now=now) for segment in waiting) else []


def is_ripe(segment: Segment, *, window: timedelta, now: datetime) -> bool:
    """Whether a segment has waited out the batching window."""
    return now - moments.from_text(segment.created_at) >= window


def _fill(waiting: Sequence[Segment]) -> list[Segment]:
    """The first segments that fit, at least one: a segment alone is always under the limits."""
    chosen: list[Segment] = []
    requests = size = 0
    for segment in waiting[:MAX_SEGMENTS]:
        requests, size = requests + segment.count, size + segment.size
        if chosen and (requests > MAX_REQUESTS or size > MAX_BYTES):
            break
        chosen.append(segment)
    return chosen


def seal(batch_id: str, segments: Sequence[Segment], now: datetime) -> Batch:
    """The batch that these segments make; what was not seen to in each of them is looked at again."""
    cursors = [segment.deadlines_done or {} for segment in segments]
    done = {step: min(each.get(step, "") for each in cursors) for step in set().union(*cursors)}
    return Batch(
        id=batch_id,
        class_id=segments[0].class_id,
        workload=segments[0].workload,
        state=BatchState.SEALED,
        members=tuple(Member(segment.id, 0, segment.count, 0, segment.size) for segment in segments),
        count=sum(segment.count for segment in segments),
        size=sum(segment.size for segment in segments),
        deadline=min(segment.deadline for segment in segments),
        sealed_at=moments.to_text(now),
        next_action_at=moments.to_text(now),
        deadlines_done=done or None,
    )


def halves(parent: Batch, indexes: Mapping[str, Sequence[Entry]], now: datetime) -> tuple[Batch, Batch]:
    """Two batches in place of one that Claude refused; `indexes` holds the entries of its segments."""
    middle = parent.count // 2
    first, second = _cut(parent.members, middle, indexes)
    due = moments.to_text(now)
    return tuple(  # type: ignore[return-value]
        replace(
            parent,
            id=parent.id + suffix,
            state=BatchState.SEALED,
            members=members,
            count=sum(member.count for member in members),
            size=sum(member.end - member.start for member in members),
            next_action_at=due,
            anchor=None,
            anchor_at=None,
            sending_at=None,
        )
        for suffix, members in (("a", first), ("b", second))
    )


def may_hold_ended(batch: Batch) -> bool:
    """Whether a request of an unsent batch may have found another end: something was done about its deadlines, or it
    went round again, and its former attempt may have been rescued meanwhile."""
    return bool(batch.deadlines_done) or any(is_rebuffered(member.segment) for member in batch.members)


def trimmed(batch: Batch, indexes: Mapping[str, Sequence[Entry]], gone: Set[tuple[str, int]]) -> Batch:
    """The batch without these requests, given as segment and sequence; members become ranges around the holes."""
    holes: dict[str, set[int]] = defaultdict(set)
    for segment, sequence in gone:
        holes[segment].add(sequence)
    members = tuple(
        part for member in batch.members for part in _ranges(member, indexes[member.segment], holes[member.segment])
    )
    return replace(
        batch,
        members=members,
        count=sum(member.count for member in members),
        size=sum(member.end - member.start for member in members),
    )


def _ranges(member: Member, index: Sequence[Entry], gone: Set[int]) -> Iterator[Member]:
    first = member.first
    for sequence in [*sorted(gone), member.last]:
        if not first <= sequence <= member.last:
            continue
        if sequence > first:
            yield Member(member.segment, first, sequence, index[first].start, index[sequence - 1].end)
        first = sequence + 1


AT_CLAUDE = {BatchState.SENDING, BatchState.OPEN}  # or may be
_TO_BE_SENT = {BatchState.SEALED, BatchState.HELD}


def has_room(batch: Batch, rows: Iterable[Mapping[str, Any]], *, most: int) -> bool:
    """Whether a batch can be sent while no more than `most` requests wait at Claude; the earliest deadline goes first.

    What waits for a person keeps nobody else waiting.
    """
    place = (batch.deadline, f"batch#{batch.id}")

    def counts(row: Mapping[str, Any]) -> bool:
        if row["state"] in AT_CLAUDE:
            return True
        waits = row["state"] in _TO_BE_SENT and row.get("hold_remedy") != Remedy.PERSON
        return waits and (row["deadline"], row["item_id"]) < place

    ahead = sum(int(row["count"]) for row in rows if row["item_id"] != place[1] and counts(row))
    return ahead + batch.count <= most


def sibling_id(batch_id: str) -> str | None:
    """The other half of what a batch was cut from; None for a batch that is no half: a bare ULID has 26 characters."""
    if len(batch_id) == ULID_LENGTH:
        return None
    return batch_id[:-1] + ("b" if batch_id.endswith("a") else "a")


def _cut(
    members: Sequence[Member], count: int, indexes: Mapping[str, Sequence[Entry]]
) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
    """The first `count` requests of the members, and the rest."""
    first: list[Member] = []
    for place, member in enumerate(members):
        if member.count > count:
            border = indexes[member.segment][member.first + count].start
            head = replace(member, last=member.first + count, end=border)
            tail = replace(member, first=member.first + count, start=border)
            return tuple(first + [head] * bool(head.count)), (tail, *members[place + 1 :])
        first.append(member)
        count -= member.count
    return tuple(first), ()
