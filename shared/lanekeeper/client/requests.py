"""What a producer asks for, and what it holds in hand once the queue has taken it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from lanekeeper import moments
from lanekeeper.identity import params_hash, request_key

OPTIONAL = ("priority", "deadline", "max_latency_minutes", "metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as docs/sending.md describes it. Whether it can be followed is for Lanekeeper to say."""

    workload: str
    id: str  # unique in the workload
    params: Mapping[str, Any]  # what you would send to the Messages API
    priority: str | None = None  # normal or high
    deadline: datetime | str | None = None  # RFC 3339 where it is text
    max_latency_minutes: float | None = None  # the same, counted from the sending
    metadata: Mapping[str, Any] | None = None  # comes back with the answer

    def fields(self) -> dict[str, Any]:
        """The message's fields, those left out that say nothing; ValueError for a deadline without a time zone."""
        optional = {name: value for name in OPTIONAL if (value := getattr(self, name)) is not None}
        if isinstance(self.deadline, datetime):
            optional["deadline"] = moments.to_text(self.deadline)
        return {"id": self.id, "workload": self.workload, "params": self.params, **optional}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A request under way. It can be kept as plain data and waited for by another process."""

    workload: str
    id: str
    message_id: str | None = None  # SQS's: a rejection can be found by nothing else
    content_hash: str | None = field(default=None, repr=False)  # of the params; another's answer is not taken for ours

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any], message_id: str | None) -> Self:
        """The ticket of a message's fields; what names no request can only be rejected."""
        workload, request_id = fields.get("workload"), fields.get("id")
        named = isinstance(workload, str) and isinstance(request_id, str)
        return cls(
            workload=str(workload) if named else "",
            id=str(request_id) if named else "",
            message_id=message_id,
            content_hash=content_hash(fields.get("params")),
        )

    @property
    def key(self) -> str:
        """Of the request's row."""
        return request_key(self.workload, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """A request that did not get onto the queue, and why: SQS's or AWS's code, or ours."""

    request: Request
    code: str
    sentence: str


def content_hash(params: Any) -> str | None:
    """The hash that the request's row will hold; None where the params will be rejected."""
    try:
        return params_hash(json.loads(json.dumps(params))) if isinstance(params, Mapping) else None
    except (ValueError, TypeError, RecursionError):
        return None
