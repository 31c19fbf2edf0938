"""Collect: under a lease, store a batch's results whole, then let their effects happen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.errors import ClaudeError, ForeignResultsError, IncompleteResultsError, LanekeeperError
from lanekeeper.models import Batch, BatchState
from lanekeeper.refusals import Call
from lanekeeper.telemetry import count, count_trouble, logger

from .effects import Effects
from .store import Store

LEASE = timedelta(seconds=120)
RENEW_AFTER = timedelta(seconds=30)
TRY_AGAIN = timedelta(seconds=60)  # right after a batch has ended, its results can be 404 for minutes
LEAST_SECONDS = 30.0


class LeaseLostError(LanekeeperError):
    """We were paused longer than our lease; another collector has the batch now."""


class OutOfTimeError(LanekeeperError):
    """The function's time is nearly over; another invocation goes on from the last chunk."""


@dataclass(slots=True)
class Lease:
    """Our claim on a batch; `renew` is called often and writes seldom."""

    batches: BatchesTable
    batch: Batch
    clock: Callable[[], datetime]
    seconds_left: Callable[[], float]
    until: datetime

    def renew(self) -> None:
        """Raises LeaseLostError or OutOfTimeError where this invocation must stop."""
        if self.seconds_left() < LEAST_SECONDS:
            raise OutOfTimeError("collection goes on in another invocation")
        now = self.clock()
        if self.until - now > LEASE - RENEW_AFTER:
            return
        if not self.batches.renew(self.batch, held_until=moments.to_text(self.until), until=now + LEASE):
            raise LeaseLostError("another collector has taken over")
        self.until = now + LEASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """The collector's one deed. Any number of repeats leaves the same end state."""

    batches: BatchesTable
    store: Store
    effects: Effects
    clock: Callable[[], datetime]

    def __call__(self, batch_id: str, *, seconds_left: Callable[[], float]) -> None:
        """Takes a batch from ENDED or STORED to COLLECTED; in any other state there is nothing to do."""
        item = self.batches.batch(batch_id)
        if item is None or item["state"] not in (BatchState.ENDED, BatchState.STORED):
            return
        batch, now = batch_of(item), self.clock()
        if not self.batches.lease(batch, now=now, until=now + LEASE):
            return
        lease = Lease(self.batches, batch, self.clock, seconds_left, now + LEASE)
        try:
            self._collect(batch, lease)
        except (ClaudeError, IncompleteResultsError, ForeignResultsError, OutOfTimeError) as error:
            self._postpone(lease, error)

    def _collect(self, batch: Batch, lease: Lease) -> None:
        if batch.state is BatchState.ENDED:
            self.store(batch, renew=lease.renew, now=self.clock())
        item = self.batches.batch(batch.id)
        if item is None or item["state"] != BatchState.STORED:
            raise LeaseLostError("another collector has moved the batch on")
        self.effects(item, renew=lease.renew, clock=self.clock)
        logger.info("batch collected", action="batch-collected", batch=batch.id, requests=batch.count)

    def _postpone(self, lease: Lease, error: LanekeeperError) -> None:
        """Gives the batch back; the poller calls a collector again when it is due."""
        logger.warning("collection postponed", action="collect-postponed", batch=lease.batch.id, error=str(error))
        count("CollectionsPostponed")
        if isinstance(error, ClaudeError):
            count_trouble(error, Call.RESULTS)
        wait = timedelta(0) if isinstance(error, OutOfTimeError) else TRY_AGAIN
        self.batches.release(lease.batch, held_until=moments.to_text(lease.until), look_at=self.clock() + wait)
