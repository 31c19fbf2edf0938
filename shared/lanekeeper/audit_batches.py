"""Whose each batch is: Claude's all ours or named, ours all where they should be, and no lock without a send."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.audit import CLAUDE_KEEPS, FOREIGN, GRACE, LISTED_FOR, BatchSeen, Gap, Kind, Note, Snapshot
from lanekeeper.models import ClaudeBatch

CLAUDE_TAKES = timedelta(hours=25)  # Claude lets a batch expire after 24; the rest is ours, to see it


def row_gaps(snapshot: Snapshot, *, now: datetime) -> Iterator[Gap]:
    """What the rows alone contradict."""
    yield from _owner_gaps(snapshot)
    for lock, batch in snapshot.locks.items():
        if (state := snapshot.states.get(batch)) != "SENDING":
            yield Gap(Kind.LOCK_HELD, lock, f"by batch {batch}, which is {state or 'unknown'}")
    for seen in snapshot.batches.values():
        if seen.state == "OPEN" and seen.created_at and now - moments.from_text(seen.created_at) > CLAUDE_TAKES:
            yield Gap(Kind.OVERDUE, seen.id, f"created at {seen.created_at}")


def recent(listing: Iterable[ClaudeBatch], *, now: datetime) -> Iterator[ClaudeBatch]:
    """The part of a listing, newest first, that is not too old to be looked at."""
    for batch in listing:
        if now - moments.from_text(batch.created_at) > LISTED_FOR:
            return
        yield batch


def listing_gaps(snapshot: Snapshot, listed: Sequence[ClaudeBatch], *, now: datetime) -> Iterator[Gap | Note]:
    """What Claude's listing, newest first, contradicts; what is undecided yet, or known as foreign, is noted."""
    known = set(snapshot.claude_ids.values())
    for place, batch in enumerate(listed):
        if snapshot.owners.get(batch.id) == FOREIGN:
            yield Note(claude_id=batch.id, created_at=batch.created_at, words="somebody else's")
        elif batch.id not in snapshot.owners and batch.id not in known and not _is_young(batch.created_at, now):
            yield _unowned(batch, _doubtful(listed, place, snapshot))
    shown = {batch.id for batch in listed}
    for seen in snapshot.batches.values():
        if _should_be_listed(seen, now) and seen.claude_id not in shown:
            yield Gap(Kind.NOT_LISTED, seen.id, f"Claude's {seen.claude_id}, created at {seen.created_at}")


def _owner_gaps(snapshot: Snapshot) -> Iterator[Gap]:
    for claude_id, batch in snapshot.owners.items():
        if batch != FOREIGN and claude_id not in snapshot.old and snapshot.claude_ids.get(batch) != claude_id:
            yield Gap(Kind.OWNER_ASTRAY, claude_id, f"batch {batch}")
    for batch, claude_id in snapshot.claude_ids.items():
        if snapshot.owners.get(claude_id) is None:
            yield Gap(Kind.OWNER_MISSING, batch, f"Claude's {claude_id}")


def _unowned(batch: ClaudeBatch, doubtful: BatchSeen | None) -> Gap | Note:
    if doubtful is not None:
        return Note(claude_id=batch.id, created_at=batch.created_at, words=f"in doubt: perhaps batch {doubtful.id}")
    return Gap(Kind.CLAUDE_BATCH_UNOWNED, batch.id, f"{batch.total} requests, created at {batch.created_at}")


def _doubtful(listed: Sequence[ClaudeBatch], place: int, snapshot: Snapshot) -> BatchSeen | None:
    """The send whose answer was lost and whose batch this may be: of its total, and after its anchor."""
    total = listed[place].total
    sending = [seen for seen in snapshot.batches.values() if seen.state == "SENDING" and seen.count == total]
    if not sending:
        return None
    not_older = {each.id for each in listed[: place + 1]}
    return next((seen for seen in sending if seen.anchor not in not_older), None)


def _should_be_listed(seen: BatchSeen, now: datetime) -> bool:
    """One that is collected may have been deleted at Claude, which loses nothing."""
    if seen.claude_id is None or seen.created_at is None or seen.is_closed:
        return False
    return GRACE < now - moments.from_text(seen.created_at) < CLAUDE_KEEPS


def _is_young(created_at: str, now: datetime) -> bool:
    return now - moments.from_text(created_at) < GRACE
