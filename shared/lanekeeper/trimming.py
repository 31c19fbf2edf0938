"""Trim: what found another end while its batch waited is taken out before the batch is sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batching import may_hold_ended, trimmed
from lanekeeper.dynamo import Item
from lanekeeper.errors import LanekeeperError
from lanekeeper.given_up import is_given_up
from lanekeeper.models import Batch
from lanekeeper.requests_table import RequestsTable
from lanekeeper.rescue import Asked, Cursors, Step, asked_of, is_left_to_rescue, is_over
from lanekeeper.spool import Spool

FEW_TICKS = timedelta(minutes=5)


class EndUntoldError(LanekeeperError):
    """A tick ended a request of this batch at its deadline, and may have died before it told of it: the next one tells,
    as long as the request is in a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trim:
    """Nobody pays for an answer that nobody needs.

    Nothing is written but the row of a request that is left to its rescue; the batch's own row learns of it in the
    transaction that begins the send.
    """

    requests: RequestsTable
    spool: Spool

    def __call__(self, batch: Batch, now: datetime) -> Batch:
        """The batch without those requests; with a count of 0 where none is left. Raises EndUntoldError."""
        if not may_hold_ended(batch):
            return batch
        indexes = {member.segment: self.spool.entries(member.segment) for member in batch.members}
        asked = asked_of(batch.members, indexes)
        rows = self.requests.get_all([one.entry.key for one in asked])
        gone = {
            (one.segment, one.sequence)
            for one in asked
            if (row := rows.get(one.entry.key)) is not None and self._is_gone(one, row, batch.deadlines_done or {}, now)
        }
        return trimmed(batch, indexes, gone) if gone else batch

    def _is_gone(self, one: Asked, row: Item, cursors: Cursors, now: datetime) -> bool:
        if is_over(row):
            self._check_told(one, row, cursors, now)
            return True
        if not is_left_to_rescue(one, row, cursors):
            return False
        return "segment" not in row or self.requests.leave_to_rescue(one.entry.key, segment=one.segment)

    def _check_told(self, one: Asked, row: Item, cursors: Cursors, now: datetime) -> None:
        is_new = moments.to_text(now - FEW_TICKS) < row["finished_at"]  # a workload may have changed its wishes since
        if is_new and is_given_up(row) and one.position > cursors.get(Step.FAIL, ""):
            raise EndUntoldError("an end at a deadline may not have been told of")
