"""Seal: the waiting segments of one class become a batch, in one transaction, and the batch is sent."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.advance import Advance
from lanekeeper.batches_table import BatchesTable
from lanekeeper.batching import next_batch, seal
from lanekeeper.identity import ulid
from lanekeeper.models import Segment, SegmentState
from lanekeeper.telemetry import count, logger

MOST_BATCHES = 10  # of one wake-up: more wait for the next
LATER_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The batch-submitter's one deed. A wake-up only means: look."""

    batches: BatchesTable
    advance: Advance
    window: timedelta
    entropy: Callable[[int], bytes]

    def __call__(self, class_id: str, segment: str, *, now: datetime, seconds_left: Callable[[], float]) -> int | None:
        """Seals and sends what is ripe; returns None once this segment has an owner, else the seconds to wait."""
        gone: set[str] = set()
        for _ in range(MOST_BATCHES):
            ready = [waiting for waiting in self._ready(class_id, segment) if waiting.id not in gone]
            chosen = next_batch(ready, window=self.window, now=now)
            if not chosen:
                break
            gone |= self._seal(chosen, now, seconds_left)
        return self._wait_for(segment, now)

    def _ready(self, class_id: str, segment: str) -> list[Segment]:
        """What the index shows, and the segment that woke us, which the index may not show yet."""
        ready = {waiting.id: waiting for waiting in self.batches.ready_segments(class_id)}
        woken = ready.get(segment) or self.batches.segment(segment)
        if woken is not None and woken.class_id == class_id and woken.state is SegmentState.READY:
            ready[segment] = woken
        return list(ready.values())

    def _seal(self, segments: Sequence[Segment], now: datetime, seconds_left: Callable[[], float]) -> set[str]:
        """Returns the ids of the segments that are owned now, by us or by a submitter who was faster."""
        batch = seal(ulid(now, self.entropy(10)), segments, now)
        if not self.batches.seal(batch, segments):
            return {segment.id for segment in segments if not self._is_ready(segment.id)}
        logger.info("batch sealed", action="batch-sealed", batch=batch.id, requests=batch.count, segments=len(segments))
        count("BatchesSealed")
        self.advance(batch, seconds_left=seconds_left)
        return {segment.id for segment in segments}

    def _is_ready(self, segment_id: str) -> bool:
        """By the row itself: the index may still show what has an owner."""
        segment = self.batches.segment(segment_id)
        return segment is not None and segment.state is SegmentState.READY

    def _wait_for(self, segment_id: str, now: datetime) -> int | None:
        segment = self.batches.segment(segment_id)
        if segment is None or segment.state is SegmentState.OWNED:
            return None
        ripe_in = moments.from_text(segment.created_at) + self.window - now
        return max(1, math.ceil(ripe_in.total_seconds())) if ripe_in > timedelta(0) else LATER_SECONDS
