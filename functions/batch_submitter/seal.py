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

    def __call__(self, class_id: str, segment: str, *, now: datetime, seconds_left: float) -> int | None:
        """Seals and sends what is ripe; returns None once this segment has an owner, else the seconds to wait."""
        for _ in range(MOST_BATCHES):
            chosen = next_batch(self._ready(class_id, segment), window=self.window, now=now)
            if not chosen:
                break
            self._seal(chosen, now, seconds_left)
        return self._wait_for(segment, now)

    def _ready(self, class_id: str, segment: str) -> list[Segment]:
        """What the index shows, and the segment that woke us, which the index may not show yet; each row looked up
        itself, since the index may also still show what is owned."""
        ids = {segment} | {ready.id for ready in self.batches.ready_segments(class_id)}
        rows = [self.batches.segment(segment_id) for segment_id in sorted(ids)]
        return [row for row in rows if row is not None and row.state is SegmentState.READY]

    def _seal(self, segments: Sequence[Segment], now: datetime, seconds_left: float) -> None:
        batch = seal(ulid(now, self.entropy(10)), segments, now)
        if not self.batches.seal(batch, segments):  # another submitter was faster with one of them
            return
        logger.info("batch sealed", action="batch-sealed", batch=batch.id, requests=batch.count, segments=len(segments))
        count("BatchesSealed")
        self.advance(batch, now=now, seconds_left=seconds_left)

    def _wait_for(self, segment_id: str, now: datetime) -> int | None:
        segment = self.batches.segment(segment_id)
        if segment is None or segment.state is SegmentState.OWNED:
            return None
        ripe_in = moments.from_text(segment.created_at) + self.window - now
        return max(1, math.ceil(ripe_in.total_seconds())) if ripe_in > timedelta(0) else LATER_SECONDS
