"""Give up: a request whose deadline passed while it waited with us, in a workload that wants no late answers.

Nothing is sent to Claude and nothing billed: the request gets an answer that says so, its terminal state, its event.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lanekeeper import moments
from lanekeeper.events import CompletionBus, request_completed
from lanekeeper.models import Outcome
from lanekeeper.policy import Notify, Registry
from lanekeeper.requests_table import Ending, RequestsTable, ending_fields, new_row
from lanekeeper.results import result_line
from lanekeeper.spool import Spool, result_key
from lanekeeper.telemetry import count

from .run import Arrival, Run

DEADLINE_PASSED = "deadline-passed"


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
        ending = self._answer(arrival, now)
        first = new_row(request, arrival.decision, segment=None, now=now)
        row = first | ending_fields(ending) | {"finished_at": moments.to_text(now)}
        if self.requests.accept_many([row]) != [None]:
            return False
        count("DeadlinesMissed")
        count("RequestsFailed")
        if self.registry[request.workload].notify is not Notify.NONE:
            self.bus.send([request_completed(row, request_id=request.id, bucket=self.spool.bucket)])
        return True

    def _answer(self, arrival: Arrival, now: datetime) -> Ending:
        request = arrival.request
        error = {"type": DEADLINE_PASSED, "message": "the deadline passed before the request could be sent to Claude"}
        result = {"type": "errored", "error": {"type": "error", "error": error}}
        line = result_line(
            json.dumps({"custom_id": None, "result": result}).encode(),
            request_id=request.id,
            workload=request.workload,
            metadata=request.metadata,
            batch=None,
            ended_at=moments.to_text(now),
        )
        place = result_key(request.workload, moments.day_of(request.deadline), f"late-{request.key}")
        self.spool.put(place, line)
        return Ending(
            key=request.key,
            segment=None,
            outcome=Outcome.FAILED,
            reason=DEADLINE_PASSED,
            answer_key=place,
            answer_from=0,
            answer_to=len(line) - 1,
            cost_micro_usd=Decimal(0),
        )
