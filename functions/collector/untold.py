"""Untold: requests that a tick ended at their deadline, and that nobody was told of, since it died before its event.

The next tick would tell. But no tick looks at the deadlines of a batch that is collected, so its collector tells first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lanekeeper import moments
from lanekeeper.events import CompletionBus, request_completed
from lanekeeper.given_up import is_given_up
from lanekeeper.models import Batch
from lanekeeper.policy import Notify, OnLate, Registry, workload_of
from lanekeeper.requests_table import RequestsTable
from lanekeeper.rescue import Asked, Step

from .unsent import CLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """Tells of what lies behind the cursor of the ticks; both may tell of the same request at worst."""

    requests: RequestsTable
    bus: CompletionBus
    registry: Registry
    bucket: str

    def __call__(self, batch: Batch, asked: Sequence[Asked], *, now: datetime) -> None:
        workload, told = workload_of(self.registry, batch.workload), (batch.deadlines_done or {}).get(Step.FAIL, "")
        if workload.on_late is not OnLate.FAIL or workload.notify is Notify.NONE:
            return
        until = moments.to_text(now + CLOCKS)
        ids = {one.entry.key: one.entry.id for one in asked if one.position > told and one.entry.deadline < until}
        self.bus.send(
            request_completed(row, request_id=ids[key], bucket=self.bucket)
            for key, row in self.requests.get_all(list(ids)).items()
            if is_given_up(row) and "forgotten_at" not in row
        )
