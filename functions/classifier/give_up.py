"""Give up: a request whose deadline passed while it waited with us, in a workload that wants no late answers.

Nothing is sent to Claude and nothing billed: the request gets an answer that says so, its terminal state, its event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lanekeeper import moments
from lanekeeper.events import CompletionBus, request_completed
from lanekeeper.given_up import write_end
from lanekeeper.policy import Notify, Registry
from lanekeeper.requests_table import RequestsTable, ending_fields, new_row
from lanekeeper.spool import Spool
from lanekeeper.telemetry import count

from .run import Arrival, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Ends late requests at the door."""

    requests: RequestsTable
    spool: Spool
    bus: CompletionBus
    registry: Registry

    def __call__(self, late: Sequence[Arrival], run: Run, *, now: datetime) -> list[Arrival]:
        """Returns those that came before and are on their way already: they keep their lane."""
        known = []
        for arrival in late:
            with run.boundary(arrival.messages):
                if not self._end(arrival, now):
                    known.append(arrival)
        return known

    def _end(self, arrival: Arrival, now: datetime) -> bool:
        """False where the request has a row already."""
        request = arrival.request
        if self.requests.get(request.key) is not None:
            return False
        ending = write_end(
            self.spool,
            key=request.key,
            request_id=request.id,
            workload=request.workload,
            metadata=request.metadata,
            deadline=moments.to_text(request.deadline),
            now=now,
        )
        row = new_row(request, arrival.decision, segment=None, now=now) | ending_fields(ending, now)
        if self.requests.accept_many([row]) != [None]:
            return False
        count("DeadlinesMissed")
        count("RequestsFailed")
        if self.registry[request.workload].notify is not Notify.NONE:
            self.bus.send([request_completed(row, request_id=request.id, bucket=self.spool.bucket)])
        return True
