"""Which segments a request has lain in, and which batches have carried it: back through its rounds, and forward."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath

from cli.versions import Versions
from lanekeeper import moments
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.dynamo import Item
from lanekeeper.errors import LanekeeperError
from lanekeeper.identity import ulid
from lanekeeper.models import BatchState, SegmentState
from lanekeeper.segments import batch_of_rebuffered, is_rebuffered
from lanekeeper.spool import index_key

ROUNDING = timedelta(milliseconds=10)  # between a row's accepted_at and the time in its segment's name


class StillOnItsWayError(LanekeeperError):
    """Somebody may still need the content, or write it once more; the message says until when."""


class TraceLostError(LanekeeperError):
    """A row that says where the content lies has expired before the content."""


@dataclass(slots=True)
class Journey:
    """What one request has been part of."""

    segments: dict[str, int | None] = field(default_factory=dict)  # its sequence number in each; None: no index is left
    batches: dict[str, Item] = field(default_factory=dict)  # the rows of those that Claude was given, by their ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Finds a request's journey, from the segment that its row names last."""

    batches: BatchesTable
    versions: Versions

    def __call__(self, row: Mapping[str, str]) -> Journey:
        """Raises TraceLostError where the rows of its batches are gone, StillOnItsWayError where one is still to go."""
        journey = Journey()
        if "segment" in row:
            journey.segments[row["segment"]] = self._sequence(row["segment"], row["request_key"])
            self._follow(journey, [row["segment"]], row["request_key"])
            self._follow(journey, self._left_behind(journey, row), row["request_key"])
        return journey

    def _follow(self, journey: Journey, segments: Iterable[str], key: str) -> None:
        todo, seen = list(segments), set[str]()
        while todo:
            segment = todo.pop()
            if segment in seen:
                continue
            seen.add(segment)
            sequence = self._sequence(segment, key)
            if sequence is None and segment not in journey.segments:
                continue
            journey.segments[segment] = sequence
            for batch_id, item in self._carriers(segment, sequence):
                journey.batches[batch_id] = item
                todo += self._indexed(f"segments/{batch_id}-r")
            if is_rebuffered(segment):
                former = batch_of(journey.batches[batch_of_rebuffered(segment)])
                todo += [member.segment for member in former.members]

    def _left_behind(self, journey: Journey, row: Mapping[str, str]) -> list[str]:
        """Segments between its acceptance and its first home: their classifier died before the commit."""
        first_homes = [segment for segment in journey.segments if not is_rebuffered(segment)]
        if not first_homes:
            return []
        accepted = ulid(moments.from_text(row["accepted_at"]) - ROUNDING, bytes(10))
        between = self._indexed("segments/", after=f"segments/{accepted}", until=index_key(min(first_homes)))
        return [segment for segment in between if segment not in journey.segments]

    def _indexed(self, prefix: str, *, after: str = "", until: str = "") -> Iterator[str]:
        """The segments whose index, or an old version of it, lies there."""
        for found in self.versions.objects(prefix, after=after):
            if until and found.key > until:
                return
            if found.key.endswith(".index.jsonl"):
                yield PurePosixPath(found.key).name.removesuffix(".index.jsonl")

    def _sequence(self, segment: str, key: str) -> int | None:
        """Its place in a segment; None where the index is gone, or does not have it."""
        for found in self.versions.objects(index_key(segment)):
            if found.newest is not None:
                for sequence, line in enumerate(self.versions.lines(found, found.newest)):
                    if key.encode() in line and json.loads(line)["key"] == key:
                        return sequence
        return None

    def _carriers(self, segment: str, sequence: int | None) -> Iterator[tuple[str, Item]]:
        """The batch that the request came from into this segment, and those that took it from there."""
        if is_rebuffered(segment):
            yield batch_of_rebuffered(segment), self._row(batch_of_rebuffered(segment))
        standing = self.batches.segment(segment)
        if standing is None:
            return
        if standing.state is SegmentState.READY or standing.batch is None:
            raise StillOnItsWayError("it still waits for a batch: try again when that is collected")
        yield from self._halves(standing.batch, segment, sequence)

    def _halves(self, batch_id: str, segment: str, sequence: int | None) -> Iterator[tuple[str, Item]]:
        """The batch itself, or the part of it that carried the request where it was split."""
        item = self._row(batch_id)
        if not any(
            member.segment == segment and (sequence is None or member.first <= sequence < member.last)
            for member in batch_of(item).members
        ):
            return
        if item["state"] != BatchState.SPLIT:
            yield batch_id, item
            return
        for half in ("a", "b"):
            yield from self._halves(batch_id + half, segment, sequence)

    def _row(self, batch_id: str) -> Item:
        item = self.batches.batch(batch_id)
        if item is None:
            raise TraceLostError(f"the row of batch {batch_id} has expired: its content leaves by the retention rule")
        return item
