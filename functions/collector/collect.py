"""Collect: under a lease, store a batch's results whole, then let their effects happen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.dynamo import Item
from lanekeeper.errors import ClaudeError, LanekeeperError
from lanekeeper.models import Batch, BatchState
from lanekeeper.quarantine import (
    LONGEST_WAIT,
    History,
    Move,
    OddResultsError,
    history_of,
    is_over,
    judge_download,
    wait_after,
)
from lanekeeper.refusals import Call
from lanekeeper.telemetry import count, count_trouble, logger

from .effects import Effects
from .set_aside import SetAside
from .store import Store
from .unsent import RescuesUnsentError

LEASE = timedelta(seconds=120)
RENEW_AFTER = timedelta(seconds=30)
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
    set_aside: SetAside
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
        history = history_of(self.batches.batch(batch_id) or item)  # as it is now that nobody else writes it
        try:
            self._collect(batch, history, lease)
        except (OutOfTimeError, RescuesUnsentError) as error:
            self._give_back(lease, error, wait=timedelta(0))
        except OddResultsError as error:
            self._odd(lease, history, error)
        except ClaudeError as error:
            count_trouble(error, Call.RESULTS)
            self._postpone(lease, history, error)

    def _collect(self, batch: Batch, history: History, lease: Lease) -> None:
        if batch.state is BatchState.ENDED:
            self.store(batch, history, renew=lease.renew, now=self.clock())
        item = self.batches.batch(batch.id)
        if item is None or item["state"] != BatchState.STORED:
            raise LeaseLostError("another collector has moved the batch on")
        self.effects(item, renew=lease.renew, clock=self.clock)
        logger.info("batch collected", action="batch-collected", batch=batch.id, requests=batch.count)

    def _odd(self, lease: Lease, history: History, error: OddResultsError) -> None:
        """A download whose rows are not the batch's own set."""
        batch, now = lease.batch, self.clock()
        last_word = history.released or is_over(batch, now)
        move = judge_download(error.inspection, history, last_word=last_word, now=now)
        if move is Move.DISOWN:
            self._disown(lease, history, error, now)
            return
        notes: Item = {
            "odd_downloads": history.odd_downloads + 1,
            "odd_since": moments.to_text(history.odd_since or now),
        }
        if move is Move.QUARANTINE:
            notes["quarantine"] = self.set_aside(batch, history, error.inspection, now=now)
            logger.error("batch in quarantine", action="batch-quarantined", batch=batch.id, odd=str(error))
            self._postpone(lease, history, error, notes, wait=LONGEST_WAIT)
        else:
            self._postpone(lease, history, error, notes)

    def _disown(self, lease: Lease, history: History, error: OddResultsError, now: datetime) -> None:
        if not self.batches.disown(lease.batch, held_until=moments.to_text(lease.until), now=now):
            self._postpone(lease, history, error)  # another batch of that count is in doubt: until that is settled
            return
        claude_id = lease.batch.claude_id
        logger.warning("not ours", action="batch-disowned", batch=lease.batch.id, claude_batch=claude_id)
        count("BatchesDisowned")

    def _postpone(
        self,
        lease: Lease,
        history: History,
        error: LanekeeperError,
        notes: Item | None = None,
        *,
        wait: timedelta | None = None,
    ) -> None:
        """Tries again later, each time a little later."""
        trouble = {
            "postponed": history.postponed + 1,
            "troubled_since": moments.to_text(history.troubled_since or self.clock()),
        }
        self._give_back(lease, error, wait=wait or wait_after(error, history), notes=trouble | (notes or {}))

    def _give_back(self, lease: Lease, error: LanekeeperError, *, wait: timedelta, notes: Item | None = None) -> None:
        """The poller calls a collector again when the batch is due."""
        logger.warning("collection postponed", action="collect-postponed", batch=lease.batch.id, error=str(error))
        count("CollectionsPostponed")
        held_until, look_at = moments.to_text(lease.until), self.clock() + wait
        self.batches.release(lease.batch, held_until=held_until, look_at=look_at, notes=notes)
