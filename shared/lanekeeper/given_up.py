"""A request whose deadline has passed in a workload that wants no late answers: the line and the end that it gets.

Nothing is sent to Claude for it any more. The batch that it may travel in goes on, and what that bills is recorded.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from lanekeeper import moments
from lanekeeper.models import Outcome
from lanekeeper.requests_table import Ending
from lanekeeper.results import result_line
from lanekeeper.spool import Spool, result_key

DEADLINE_PASSED = "deadline-passed"
_NAME = "late-"


def write_end(
    spool: Spool, *, key: str, request_id: str, workload: str, metadata: Mapping[str, Any], deadline: str, now: datetime
) -> Ending:
    """Puts the answer that says so, under a name that repeats share; returns the end to be written to the row."""
    error = {"type": DEADLINE_PASSED, "message": "the deadline passed before Claude's answer was there"}
    result = {"type": "errored", "error": {"type": "error", "error": error}}
    line = result_line(
        json.dumps({"custom_id": None, "result": result}).encode(),
        request_id=request_id,
        workload=workload,
        metadata=metadata,
        batch=None,
        ended_at=moments.to_text(now),
    )
    place = result_key(workload, moments.day_of(moments.from_text(deadline)), f"{_NAME}{key}")
    spool.put(place, line)
    return Ending(
        key=key,
        segment=None,
        outcome=Outcome.FAILED,
        reason=DEADLINE_PASSED,
        answer_key=place,
        answer_from=0,
        answer_to=len(line) - 1,
        cost_micro_usd=Decimal(0),
        deadline=deadline,
        is_final=True,
    )


def is_given_up(row: Mapping[str, Any]) -> bool:
    """Whether a request was ended so, and by nothing that Claude said."""
    return str(row.get("answer_key", "")).rpartition("/")[2].startswith(_NAME)
