"""From the bytes of a message to a request that can be accepted, or to a reason why not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lanekeeper import moments
from lanekeeper.errors import RejectedError
from lanekeeper.identity import canonical_json
from lanekeeper.models import Priority, Request
from lanekeeper.policy import Registry, Workload

DEADLINE_HORIZON = timedelta(days=14)  # SQS keeps a message no longer


class _Params(BaseModel):
    """What every Messages call needs; all else is Claude's to judge."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=100)]
    max_tokens: Annotated[int, Field(ge=1)]
    messages: Annotated[list[dict[str, JsonValue]], Field(min_length=1)]


class _Message(BaseModel):
    """A producer's message, as docs/sending.md describes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(min_length=1, max_length=256)]
    workload: str
    params: dict[str, JsonValue]
    priority: Annotated[Priority, Field(strict=False)] = Priority.NORMAL
    deadline: str | None = None
    max_latency_minutes: Annotated[float, Field(gt=0, le=DEADLINE_HORIZON.total_seconds() / 60)] | None = None
    metadata: dict[str, JsonValue] = {}


def read_request(body: str, *, sent_at: datetime, registry: Registry) -> Request:
    """Reads one message; raises RejectedError, whose text never quotes the message."""
    message = _validated(body)
    workload = registry.get(message.workload)
    if workload is None:
        raise RejectedError(
            "unknown_workload", "the workload is not in workloads.yaml: add it there, or correct the name"
        )
    _check_params(message.params)
    _check_numbers(message.metadata, "metadata")
    return Request(
        id=message.id,
        workload=workload.name,
        params=message.params,
        priority=message.priority,
        sent_at=sent_at,
        deadline=_deadline(message, workload, sent_at),
        metadata=message.metadata,
    )


def _validated(body: str) -> _Message:
    try:
        return _Message.model_validate_json(body)
    except ValidationError as error:
        raise _rejection(error, "") from None  # the chained text would quote the message


def _check_params(params: Mapping[str, Any]) -> None:
    try:
        _Params.model_validate(params)
    except ValidationError as error:
        raise _rejection(error, "params.") from None
    if params.get("stream"):
        raise RejectedError("streaming", "answers are delivered whole: leave params.stream out")
    _check_numbers(params, "params")


def _check_numbers(value: Mapping[str, Any], field: str) -> None:
    """NaN and numbers too large for a float have no JSON, so the request could not be passed on as it was sent."""
    try:
        canonical_json(value)
    except ValueError:
        raise RejectedError("invalid_json", f"a number in {field} is out of range") from None


def _rejection(error: ValidationError, prefix: str) -> RejectedError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return RejectedError("invalid_json", "the message is not a JSON object in UTF-8")
    if first["type"] == "extra_forbidden":
        fields = ", ".join(_Message.model_fields)
        return RejectedError(
            "unknown_field", f"the message has a field besides {fields}: remove it, or put it in metadata"
        )
    field = prefix + str(first["loc"][0]) if first["loc"] else "the message"
    if first["type"] == "missing":
        return RejectedError("missing_field", f"{field} is missing")
    return RejectedError("invalid_field", f"{field}: {first['msg']}")


def _deadline(message: _Message, workload: Workload, sent_at: datetime) -> datetime:
    if message.deadline is not None and message.max_latency_minutes is not None:
        raise RejectedError("two_deadlines", "give deadline or max_latency_minutes, not both")
    if message.max_latency_minutes is not None:
        return sent_at + timedelta(minutes=message.max_latency_minutes)
    if message.deadline is not None:
        return _absolute_deadline(message.deadline, sent_at)
    return sent_at + workload.max_latency


def _absolute_deadline(text: str, sent_at: datetime) -> datetime:
    try:
        deadline = moments.from_text(text)
    except (ValueError, OverflowError):
        raise RejectedError(
            "invalid_deadline", "deadline is an RFC 3339 time with an offset, like 2026-11-23T17:00:00Z"
        ) from None
    if deadline <= sent_at:
        raise RejectedError(
            "deadline_past", "the deadline had passed when the message was sent: send it with a later one"
        )
    if deadline > sent_at + DEADLINE_HORIZON:
        raise RejectedError("invalid_deadline", "the deadline is more than 14 days away: send the message later")
    return deadline
