"""Unsent: rescues that a batch's requests were left to, and whose messages nobody may have sent, since a tick died.

The next tick sends them, as long as it finds the batch open. So a batch is not closed before that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.dynamo import Item
from lanekeeper.errors import LanekeeperError
from lanekeeper.models import Batch
from lanekeeper.policy import OnLate, Registry, workload_of
from lanekeeper.requests_table import RequestsTable
from lanekeeper.rescue import Asked, is_being_rescued, is_left_to_rescue, is_over

CLOCKS = timedelta(minutes=15)  # by which a tick's clock may be ahead of ours


class RescuesUnsentError(LanekeeperError):
    """The batch is closed after the next tick, which sees to its deadlines first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """The last look before a batch is closed."""

    batches: BatchesTable
    requests: RequestsTable
    registry: Registry
    margin: timedelta  # before a deadline: when a rescue begins

    def __call__(self, batch: Batch, asked: Sequence[Asked], *, now: datetime) -> None:
        """Raises RescuesUnsentError where a request lives in nothing but such a rescue."""
        if workload_of(self.registry, batch.workload).on_late is not OnLate.RESCUE:
            return
        until = moments.to_text(now + self.margin + CLOCKS)
        due = {one.entry.key: one for one in asked if one.entry.deadline <= until}
        left = [(due[key], row) for key, row in self.requests.get_all(list(due)).items() if _lives_in_its_rescue(row)]
        if not left:
            return
        cursors = batch_of(self.batches.batch(batch.id) or {}).deadlines_done or {}
        if not all(is_left_to_rescue(one, row, cursors) for one, row in left):
            raise RescuesUnsentError("a rescue may not have been sent")


def _lives_in_its_rescue(row: Item) -> bool:
    return is_being_rescued(row) and not is_over(row) and "segment" not in row
