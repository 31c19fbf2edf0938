"""What a segment's two objects say: lines that are ready to send, and the index of who asked for which."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.models import Entry, Request, Segment, SegmentState
from lanekeeper.results import custom_id

# What one re-buffered segment holds at most, and so the collector's memory at once: requests, and bytes of their lines.
REBUFFERED_SIZE = 1_000
REBUFFERED_BYTES = 64_000_000
GRACE = timedelta(seconds=60)  # after the window: by then a wake-up that was not lost has been served


def new_segment(segment_id: str, requests: Sequence[Request]) -> tuple[bytes, list[Entry]]:
    """The lines and the index of a segment of first attempts."""
    asked = [
        Entry(
            id=request.id,
            workload=request.workload,
            key=request.key,
            content_hash=request.content_hash,
            model=request.model,
            deadline=moments.to_text(request.deadline),
            metadata=request.metadata,
            round=0,
            start=0,
            end=0,
        )
        for request in requests
    ]
    return _numbered(segment_id, zip(asked, (request.body for request in requests), strict=True))


def rebuffered_id(batch_id: str, *, round_: int, band: str, number: int) -> str:
    """A name that any repeat of the same collection arrives at."""
    return f"{batch_id}-r{round_}-{band}-{number}"


def is_rebuffered(segment_id: str) -> bool:
    """Whether a collector wrote it: then the collector answers for it, and nobody may declare it abandoned."""
    return "-r" in segment_id


def batch_of_rebuffered(segment_id: str) -> str:
    """The batch whose collector wrote a re-buffered segment."""
    return segment_id.partition("-r")[0]


def rebuffered_segment(segment_id: str, again: Iterable[tuple[Entry, str, bytes]]) -> tuple[bytes, list[Entry]]:
    """The lines and the index of a segment of further attempts, from entries, old custom_ids and old lines."""
    return _numbered(
        segment_id,
        ((replace(entry, round=entry.round + 1), params_of_line(line, old_id)) for entry, old_id, line in again),
    )


def params_of_line(line: bytes, name: str) -> bytes:
    """The params in a ready-to-send line, which names this custom_id and ends with a newline."""
    return line[len(_head(name)) : -2]


def segment_row(segment_id: str, class_id: str, entries: Sequence[Entry], now: datetime) -> Segment:
    """The row that commits a segment."""
    return Segment(
        id=segment_id,
        class_id=class_id,
        workload=entries[0].workload,
        state=SegmentState.READY,
        count=len(entries),
        size=entries[-1].end,
        deadline=min(entry.deadline for entry in entries),
        created_at=moments.to_text(now),
    )


def first_look(entries: Sequence[Entry], now: datetime, *, window: timedelta, margin: timedelta) -> datetime:
    """When the poller looks at a new segment by itself: its wake-up was lost, or a deadline in it is near."""
    nearest = moments.from_text(min(entry.deadline for entry in entries))
    return min(now + window + GRACE, max(now, nearest - margin))


def _numbered(segment_id: str, asked: Iterable[tuple[Entry, bytes]]) -> tuple[bytes, list[Entry]]:
    lines, entries, start = [], [], 0
    for sequence, (entry, params) in enumerate(asked):
        line = _head(custom_id(segment_id, sequence)) + params + b"}\n"
        entries.append(replace(entry, start=start, end=start + len(line)))
        lines.append(line)
        start += len(line)
    return b"".join(lines), entries


def _head(name: str) -> bytes:
    return b'{"custom_id":"' + name.encode() + b'","params":'
