"""One tick: wake forgotten segments, take each batch one step on, hand ended ones to the collector."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

from lanekeeper import moments
from lanekeeper.advance import Advance
from lanekeeper.batch_rows import batch_of, segment_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.batching import AT_CLAUDE
from lanekeeper.breaker import waits_for_a_person
from lanekeeper.claude import Claude
from lanekeeper.dynamo import Item
from lanekeeper.errors import ClaudeError, ClaudeRefusedError
from lanekeeper.models import Batch, BatchState, ClaudeBatch, Lane, Segment
from lanekeeper.quarantine import ended_unseen, is_over, oldest_uncollected
from lanekeeper.queues import Queue
from lanekeeper.refusals import Call, Remedy
from lanekeeper.telemetry import count, count_trouble, logger, seconds

from .deadlines import Deadlines, Pace

COLLECT_PATIENCE = timedelta(seconds=120)  # a collector that has not taken its lease by then is called again
RESCUES_PER_TICK = 500  # what one minute of the real-time lane takes beside its own work
LEAST_SECONDS = 12.0  # a step begun with less could be cut off half-way; it waits for the next tick

_Record = TypeVar("_Record")
_Home = TypeVar("_Home", Batch, Segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The poller's one deed. Overlapping ticks do no harm: each step is conditional."""

    batches: BatchesTable
    claude: Claude
    advance: Advance
    deadlines: Deadlines
    batch_queue: Queue
    collect_queue: Queue

    def __call__(self, *, now: datetime, seconds_left: Callable[[], float]) -> dict[str, int]:
        """Returns what it found, for whoever invokes it by hand."""
        forgotten = self._wake_forgotten(now)
        batches = sorted(self._readable(self.batches.open_batches(), batch_of), key=lambda batch: batch.deadline)
        batches = self._see_to_deadlines(batches, forgotten, now, seconds_left)
        due = [batch for batch in batches if moments.from_text(batch.next_action_at) <= now]
        statuses = self._statuses(due)
        for batch in due:
            if seconds_left() < LEAST_SECONDS:
                break
            self._step(batch, statuses, now, seconds_left)
        self._measure(batches, now)
        return {"open": len(batches), "due": len(due)}

    def _see_to_deadlines(
        self, batches: Sequence[Batch], segments: Sequence[Segment], now: datetime, seconds_left: Callable[[], float]
    ) -> list[Batch]:
        """Before the batches' own steps: what is rescued need not be sent any more."""
        pace = Pace(RESCUES_PER_TICK)
        for segment in segments:
            self._see_to(segment, pace, now, seconds_left)
        return [self._see_to(batch, pace, now, seconds_left) for batch in batches]

    def _see_to(self, home: _Home, pace: Pace, now: datetime, seconds_left: Callable[[], float]) -> _Home:
        try:
            return self.deadlines.see_to(home, pace=pace, now=now, seconds_left=seconds_left)
        except Exception as error:  # noqa: BLE001 - one batch's boundary: the others' deadlines do not wait for it
            logger.warning("deadlines failed", action="deadlines-failed", home=home.id, error=type(error).__name__)
            count("PollerStepsFailed")
            return home

    def _readable(self, items: Iterable[Item], read: Callable[[Item], _Record]) -> Iterator[_Record]:
        """One row that cannot be read does not keep the others waiting."""
        for item in items:
            try:
                yield read(item)
            except (KeyError, ValueError, TypeError):
                logger.error("a row cannot be read", action="row-unreadable", item=item["item_id"])
                count("PollerStepsFailed")

    def _wake_forgotten(self, now: datetime) -> list[Segment]:
        """One wake-up a class is enough: the submitter looks at all of its segments."""
        forgotten: list[Segment] = []
        try:
            forgotten += self._readable(self.batches.overdue_segments(now), segment_of)
            for class_id, segment in {each.class_id: each.id for each in forgotten}.items():
                self.batch_queue.send({"class_id": class_id, "segment": segment})
        except Exception as error:  # noqa: BLE001 - the batches of this tick do not wait for its segments
            logger.warning("waking failed", action="wake-failed", error=type(error).__name__)
            count("PollerStepsFailed")
        return forgotten

    def _statuses(self, due: Sequence[Batch]) -> dict[str, ClaudeBatch]:
        """The state of all open batches by one listing; what it does not show is asked for singly."""
        if not any(batch.state is BatchState.OPEN for batch in due):
            return {}
        try:
            return {batch.id: batch for batch in self.claude.latest_batches()}
        except ClaudeError as error:
            logger.warning("listing failed", action="listing-failed", error=str(error))
            count_trouble(error, Call.LIST)
            return {}

    def _step(
        self, batch: Batch, statuses: dict[str, ClaudeBatch], now: datetime, seconds_left: Callable[[], float]
    ) -> None:
        try:
            if batch.state is BatchState.OPEN:
                self._look_at(batch, statuses, now)
            elif batch.state in (BatchState.ENDED, BatchState.STORED):
                self._collect(batch, now)
            else:
                self.advance(batch, seconds_left=seconds_left)
        except Exception as error:  # noqa: BLE001 - one batch's boundary: the others go on, the next tick tries again
            logger.warning("step failed", action="step-failed", batch=batch.id, error=type(error).__name__)
            count("PollerStepsFailed")

    def _look_at(self, batch: Batch, statuses: dict[str, ClaudeBatch], now: datetime) -> None:
        claude_id = str(batch.claude_id)
        status = statuses.get(claude_id) or self._retrieve(batch, now)
        if not status.ended or status.ended_at is None:
            return
        fields = {"ended_at": status.ended_at, "next_action_at": moments.to_text(now + COLLECT_PATIENCE)}
        if self.batches.move(batch, BatchState.ENDED, fields):
            logger.info("batch ended", action="batch-ended", batch=batch.id, claude_batch=batch.claude_id)
            self._call_collector(batch)

    def _retrieve(self, batch: Batch, now: datetime) -> ClaudeBatch:
        """A batch that Claude no longer knows has ended, once its results' time is over: its collector gives it up."""
        try:
            return self.claude.retrieve(str(batch.claude_id))
        except ClaudeRefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND or not is_over(batch, now):
                raise
            return ended_unseen(batch)

    def _collect(self, batch: Batch, now: datetime) -> None:
        if self.batches.look_again(batch, now + COLLECT_PATIENCE):
            self._call_collector(batch)

    def _call_collector(self, batch: Batch) -> None:
        self.collect_queue.send({"batch": batch.id}, group=batch.workload)

    def _measure(self, batches: Sequence[Batch], now: datetime) -> None:
        """What lasts is told at each tick, so that its alarm rings for as long as it lasts."""
        count("PollerTicks")
        count("OpenBatches", len(batches))
        count("WaitingRequests", sum(batch.count for batch in batches if batch.state in AT_CLAUDE))
        count("QuarantinedBatches", sum(batch.quarantine is not None for batch in batches))
        seconds("OldestUncollectedSeconds", oldest_uncollected(batches, now).total_seconds())
        held = [batch for batch in batches if batch.state is BatchState.HELD and batch.hold_remedy == Remedy.PERSON]
        lanes = [lane for lane in Lane if waits_for_a_person(self.batches.breaker(lane), now)]
        count("HoldsForAPerson", len(held) + len(lanes))
        count("DeadlinesEndangered", 0)  # each is told once, when it is reported
        ages = [(now - moments.from_text(batch.sealed_at)).total_seconds() for batch in batches]
        seconds("OldestOpenBatchSeconds", max(ages, default=0.0))
