"""Re-buffer: requests that were not answered and not billed go round again, in segments that any repeat names alike."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.classify import class_of
from lanekeeper.dynamo import Item
from lanekeeper.models import Batch, Entry
from lanekeeper.queues import Queue
from lanekeeper.requests_table import RequestsTable
from lanekeeper.rescue import is_being_rescued, is_over
from lanekeeper.results import custom_id
from lanekeeper.segments import (
    REBUFFERED_BYTES,
    REBUFFERED_SIZE,
    first_look,
    rebuffered_id,
    rebuffered_segment,
    segment_row,
)
from lanekeeper.spool import Spool, lines_key
from lanekeeper.telemetry import count


@dataclass(frozen=True, slots=True)
class Again:
    """A request for another round."""

    entry: Entry
    segment: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuffer:
    """The order of writes is the protocol: index, lines, rows moved, segment row READY (the commit point), wake-up.

    Whoever has its end, or is being rescued, does not go round again. That can change between a crash and the repeat,
    so the index that was written first says who travels, and a repeat follows it.
    """

    batches: BatchesTable
    requests: RequestsTable
    spool: Spool
    batch_queue: Queue
    window: timedelta
    margin: timedelta  # before a deadline: when a rescue begins

    def __call__(
        self,
        batch: Batch,
        again: Sequence[Again],
        *,
        ended_at: datetime,
        clock: Callable[[], datetime],
        renew: Callable[[], None],
    ) -> None:
        for segment, class_id, members in self._segments(batch, again, ended_at):
            renew()
            self._write(segment, class_id, members, clock())
        count("RequestsRebuffered", len(again))

    def _segments(
        self, batch: Batch, again: Sequence[Again], ended_at: datetime
    ) -> Iterator[tuple[str, str, list[Again]]]:
        """Groups by round and class; the class goes by Claude's end of the batch, so that repeats agree on it."""
        groups: dict[tuple[int, str], list[Again]] = defaultdict(list)
        for one in sorted(again, key=lambda one: (one.segment, one.sequence)):
            left = moments.from_text(one.entry.deadline) - ended_at
            groups[one.entry.round + 1, class_of(batch.workload, left)].append(one)
        for (round_, class_id), members in groups.items():
            for number, chunk in enumerate(_chunks(members)):
                band = class_id.rpartition(".")[2]
                yield rebuffered_id(batch.id, round_=round_, band=band, number=number), class_id, chunk

    def _write(self, segment: str, class_id: str, members: Sequence[Again], now: datetime) -> None:
        travelling = self._travelling(segment, members)
        if not travelling:
            return
        lines, entries = rebuffered_segment(segment, self._lines(travelling))
        if not self.spool.write_index(segment, entries):  # it stood, or another collector was faster: it decides
            travelling = self._standing(segment, members) or []
            lines, entries = rebuffered_segment(segment, self._lines(travelling))
        self.spool.write_lines(segment, lines)
        for member in travelling:
            self.requests.move(member.entry.key, from_segment=member.segment, to_segment=segment)
        look_at = first_look(entries, now, window=self.window, margin=self.margin)
        self.batches.commit_segment(segment_row(segment, class_id, entries, now), look_at=look_at)
        delay = round(self.window.total_seconds())
        self.batch_queue.send({"class_id": class_id, "segment": segment}, delay_seconds=delay)

    def _travelling(self, segment: str, members: Sequence[Again]) -> list[Again]:
        standing = self._standing(segment, members)
        if standing is not None:
            return standing
        rows = self.requests.get_all([member.entry.key for member in members])
        return [member for member in members if self._travels(member, rows.get(member.entry.key))]

    def _standing(self, segment: str, members: Sequence[Again]) -> list[Again] | None:
        """Who travels by the index that was written before."""
        standing = self.spool.find_entries(segment)
        if standing is None:
            return None
        keys = {entry.key for entry in standing}
        return [member for member in members if member.entry.key in keys]

    def _travels(self, member: Again, row: Item | None) -> bool:
        """Leaves a request that is being rescued to its rescue, unless that ended between two looks."""
        if row is None or is_over(row):
            return False
        if not is_being_rescued(row):
            return True
        if self.requests.leave_to_rescue(member.entry.key, segment=member.segment):
            return False
        row = self.requests.get(member.entry.key)
        return row is not None and not is_over(row) and "segment" in row

    def _lines(self, members: Sequence[Again]) -> Iterator[tuple[Entry, str, bytes]]:
        """Each member with its former custom_id and line; each former segment is read once."""
        by_segment: dict[str, dict[int, Again]] = defaultdict(dict)
        for member in members:
            by_segment[member.segment][member.sequence] = member
        for segment, wanted in by_segment.items():
            for sequence, line in enumerate(self.spool.lines(lines_key(segment))):
                if sequence in wanted:
                    yield wanted[sequence].entry, custom_id(segment, sequence), line


def _chunks(members: Sequence[Again]) -> Iterator[list[Again]]:
    """As many as one segment holds, and again; by their number and their bytes alone, so that repeats agree."""
    chunk: list[Again] = []
    size = 0
    for member in members:
        length = member.entry.end - member.entry.start
        if chunk and (len(chunk) == REBUFFERED_SIZE or size + length > REBUFFERED_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(member)
        size += length
    yield chunk
