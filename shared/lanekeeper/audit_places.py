"""Where each request is: an unanswered one in one place that lives, an answered one with an answer of its own."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from lanekeeper import moments
from lanekeeper.audit import CLOSED, GRACE, Claim, Gap, Kind, Snapshot
from lanekeeper.identity import request_key
from lanekeeper.models import Entry, Lane, SegmentState
from lanekeeper.segments import batch_of_rebuffered, is_rebuffered

UNCOMMITTED_FOR = timedelta(hours=1)  # by then a redelivery has given every request a committed home
QUEUED_FOR = timedelta(days=10)  # RealtimeQueue keeps a message no longer

Item = Mapping[str, Any]
Sequences = Callable[[], Mapping[str, int]]  # of one segment's index: request key to sequence number


def request_gap(
    row: Item, segment: Item | None, snapshot: Snapshot, sequences: Sequences, *, queues_empty: bool, now: datetime
) -> Gap | None:
    """What is wrong with an unanswered request; `segment` is the row of its home, where it has one.

    A segment that is itself at fault is told of by `segment_gaps`, once and not for each of its requests.
    """
    age = now - moments.from_text(row["accepted_at"])
    if "outcome" in row or age < GRACE:
        return None
    key = str(row["request_key"])
    if row.get("rescue") == "pending" or row["lane"] == Lane.REALTIME:
        return _waiting_gap(row, key, queues_empty=queues_empty, now=now)
    if "segment" not in row:
        return Gap(Kind.NO_HOME, key, "no segment and no rescue")
    if segment is None or segment["state"] == SegmentState.ABANDONED:
        return _uncommitted_gap(key, row["segment"], snapshot, age)
    if segment["state"] == SegmentState.READY or segment["batch"] not in snapshot.states:
        return None
    return _batch_gap(key, segment, snapshot, sequences)


def segment_gaps(segment: Item, snapshot: Snapshot, is_unanswered: Callable[[], bool]) -> Iterator[Gap]:
    """What is wrong with a segment's row; `is_unanswered` says whether any of its requests is, and costs a look."""
    name = str(segment["item_id"]).removeprefix("segment#")
    claims, owner = snapshot.claims.get(name, []), segment.get("batch")
    if strangers := sorted({claim.batch.id for claim in claims if claim.batch.root != owner}):
        yield Gap(Kind.CLAIMED_TWICE, name, f"owned by {owner or 'nobody'}, stands in {', '.join(strangers)}")
    elif twice := _overlapping(claims):
        yield Gap(Kind.CLAIMED_TWICE, name, f"stands twice in {', '.join(twice)}")
    if segment["state"] != SegmentState.OWNED:
        return
    if owner not in snapshot.states:
        yield Gap(Kind.SEGMENT_WITHOUT_BATCH, name, f"batch {owner}")
    elif not claims and not snapshot.is_over(str(owner)) and is_unanswered():
        yield Gap(Kind.SEGMENT_NOT_LISTED, name, f"batch {owner}")


def live_ranges(segment: Item, snapshot: Snapshot) -> list[tuple[int, int]]:
    """The sequence numbers, from and up to, of a segment's requests that somebody will still answer."""
    if segment["state"] == SegmentState.READY:
        return [(0, int(segment["count"]))]
    name = str(segment["item_id"]).removeprefix("segment#")
    live = [claim.member for claim in snapshot.claims.get(name, []) if not claim.batch.is_closed]
    return [(member.first, member.last) for member in live]


def content_gap(segment: Item, entries: Sequence[Entry], size: int | None) -> Gap | None:
    """What is wrong with the objects of a live segment; `size` is that of its lines, None where there are none."""
    name = str(segment["item_id"]).removeprefix("segment#")
    if len(entries) != int(segment["count"]):
        return Gap(Kind.SEGMENT_LOST, name, f"{len(entries)} of {segment['count']} requests in its index")
    if size != int(segment["size"]):
        return Gap(Kind.SEGMENT_LOST, name, f"{size or 'no'} of {segment['size']} bytes of its lines")
    return None


def held_gaps(segment: str, entries: Iterable[Entry], rows: Mapping[str, Item], snapshot: Snapshot) -> Iterator[Gap]:
    """What is wrong with requests that a live segment holds; `rows` are their rows, those that there are."""
    holders = {claim.batch.id for claim in snapshot.claims.get(segment, [])}
    for entry in entries:
        row = rows.get(entry.key)
        if row is None:
            yield Gap(Kind.NO_ROW, entry.key, f"segment {segment}")
        elif "outcome" not in row and row.get("segment") != segment and not _goes_round(row, holders):
            yield Gap(Kind.TWO_PLACES, entry.key, f"segments {segment} and {row.get('segment', 'none')}")


def answer_gap(row: Item, line: bytes | None) -> Gap | None:
    """What is wrong with an answer; `line` is what lies where the row says, None where nothing does."""
    key, place = str(row["request_key"]), row.get("answer_key", "no place")
    if line is None:
        return Gap(Kind.ANSWER_MISSING, key, str(place))
    return None if is_answer_of(key, line) else Gap(Kind.ANSWER_NOT_OWN, key, str(place))


def is_answer_of(key: str, line: bytes) -> bool:
    """Whether a line answers this request. One whose content was deleted no longer says whose it was."""
    try:
        document = json.loads(line)
        return bool(document.get("forgotten")) or request_key(document["workload"], document["id"]) == key
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _waiting_gap(row: Item, key: str, *, queues_empty: bool, now: datetime) -> Gap | None:
    waits_since = row.get("rescued_at", row["accepted_at"])
    if now - moments.from_text(waits_since) > QUEUED_FOR:
        return Gap(Kind.REALTIME_OLD, key, f"since {waits_since}")
    is_called = "lease_until" in row and moments.from_text(row["lease_until"]) > now - GRACE
    is_sent_again = row.get("rescue") == "pending"  # by each tick, so its queue may be empty in between
    if queues_empty and not is_called and not is_sent_again:
        return Gap(Kind.REALTIME_LOST, key, "no queue holds a message")
    return None


def _uncommitted_gap(key: str, segment: str, snapshot: Snapshot, age: timedelta) -> Gap | None:
    if is_rebuffered(segment):
        writer = batch_of_rebuffered(segment)
        is_being_written = snapshot.states.get(writer, "COLLECTED") not in CLOSED
    else:
        is_being_written = age < UNCOMMITTED_FOR
    return None if is_being_written else Gap(Kind.NOT_COMMITTED, key, f"segment {segment}")


def _batch_gap(key: str, segment: Item, snapshot: Snapshot, sequences: Sequences) -> Gap | None:
    name, owner = str(segment["item_id"]).removeprefix("segment#"), str(segment["batch"])
    claims = snapshot.claims.get(name, [])
    if snapshot.is_over(owner):
        return Gap(Kind.CLOSED_UNANSWERED, key, f"batch {owner}")
    if not claims:
        return None
    holders = {claim.batch.id: claim.batch for claim in claims}
    if len(holders) == 1 and sum(claim.member.count for claim in claims) >= int(segment["count"]):
        return None
    place = sequences().get(key)
    if place is None:
        return Gap(Kind.NO_HOME, key, f"not in its segment {name}")
    holder = next((claim.batch for claim in claims if claim.member.first <= place < claim.member.last), None)
    if holder is None:
        return Gap(Kind.NO_HOME, key, f"in no batch of segment {name}")
    return Gap(Kind.CLOSED_UNANSWERED, key, f"batch {holder.id}") if holder.is_closed else None


def _goes_round(row: Item, holders: set[str]) -> bool:
    """Whether the collector of the batch that still holds a request has begun to send it round again."""
    home = str(row.get("segment", ""))
    return is_rebuffered(home) and batch_of_rebuffered(home) in holders


def _overlapping(claims: Sequence[Claim]) -> list[str]:
    """The batches that hold the same requests."""
    ordered = sorted(claims, key=lambda claim: claim.member.first)
    pairs = [(one, other) for one, other in pairwise(ordered) if other.member.first < one.member.last]
    return sorted({claim.batch.id for pair in pairs for claim in pair})
