"""From the bytes of a message to a request that can be accepted, or to a reason why not.

docs/sending.md has the contract, docs/schemas/request.schema.json its form.
"""

import difflib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lanekeeper import moments
from lanekeeper.claims import Claim, check_place
from lanekeeper.errors import RejectedError
from lanekeeper.identity import canonical_json
from lanekeeper.models import Priority, Request
from lanekeeper.params import LONGEST_NAME, check_params, rejection
from lanekeeper.policy import Registry, Workload
from lanekeeper.pricing import PriceList
from lanekeeper.rejections import RejectionCode
from lanekeeper.strict_json import read_json

DEADLINE_HORIZON = timedelta(days=14)  # SQS keeps a message no longer
MOST_METADATA = 4_096  # bytes, as canonical JSON

_Written = TypeVar("_Written")


class _ParamsObject(BaseModel):
    """Where the params lie that are too large for a message."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    key: Annotated[str, Field(min_length=1, max_length=1024)]
    version: Annotated[str, Field(min_length=1, max_length=1024)]
    sha256: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


class Message(BaseModel):
    """A producer's message, as docs/sending.md describes it."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    id: Annotated[str, Field(min_length=1, max_length=256)]
    workload: str
    params: dict[str, Any] | None = None
    params_object: _ParamsObject | None = None
    priority: Annotated[Priority, Field(strict=False)] = Priority.NORMAL
    deadline: str | None = None
    max_latency_minutes: Annotated[float, Field(gt=0, le=DEADLINE_HORIZON.total_seconds() / 60)] | None = None
    metadata: dict[str, Any] = {}

    @property
    def claim(self) -> Claim | None:
        """Where the params are to be fetched; None where they are inline."""
        return Claim(**self.params_object.model_dump()) if self.params_object else None


FIELDS = tuple(Message.model_fields)


def read_message(body: str, *, registry: Registry) -> Message:
    """Reads one message, but for its params; raises RejectedError, whose text never quotes the message."""
    document = read_json(body.encode(errors="surrogatepass"), "the message")
    message = _validated(document)
    if message.workload not in registry:
        raise RejectedError(RejectionCode.UNKNOWN_WORKLOAD, _unknown_workload(message.workload, registry))
    if message.params is not None and message.params_object is not None:
        raise RejectedError(RejectionCode.TWO_PARAMS, "give params or params_object, not both")
    if message.params is None and message.params_object is None:
        raise RejectedError(RejectionCode.MISSING_FIELD, "params is missing")
    _check_metadata(message.metadata)
    if message.claim is not None:
        check_place(message.claim, message.workload)
    return message


def read_params(data: bytes) -> Mapping[str, Any]:
    """The params that an object of the inbox holds; raises RejectedError."""
    params = read_json(data, "the object of params_object")
    if not isinstance(params, dict):
        raise RejectedError(RejectionCode.INVALID_FIELD, "the object of params_object is not a JSON object")
    return params


def accept(
    message: Message, params: Mapping[str, Any], *, sent_at: datetime, registry: Registry, prices: PriceList
) -> Request:
    """The request that a message and its params make; raises RejectedError."""
    check_params(params, prices)
    request = Request(
        id=message.id,
        workload=message.workload,
        params=params,
        priority=message.priority,
        sent_at=sent_at,
        deadline=_deadline(message, registry[message.workload], sent_at),
        metadata=message.metadata,
    )
    _check_numbers(lambda: request.content_hash, "params")
    return request


def _validated(document: Any) -> Message:
    if not isinstance(document, dict):
        raise RejectedError(RejectionCode.INVALID_FIELD, "the message is not a JSON object")
    if not document.keys() <= set(FIELDS):
        raise RejectedError(
            RejectionCode.UNKNOWN_FIELD,
            f"the message has a field besides {', '.join(FIELDS)}: remove it, or put it in metadata",
        )
    try:
        return Message.model_validate(document)
    except ValidationError as error:
        raise rejection(error, "", names=(*FIELDS, *_ParamsObject.model_fields)) from None  # it would quote the message


def _unknown_workload(name: str, registry: Registry) -> str:
    """Names of the registry are ours to tell; the message's own is not repeated."""
    near = difflib.get_close_matches(name[:LONGEST_NAME], registry, n=1)
    hint = f"did you mean {near[0]}?" if near else "add it there and deploy, or correct the name"
    return f"the workload is not in workloads.yaml: {hint}"


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    """It stands in the index of a batch, which the collector holds in memory for all 50,000 requests."""
    written = _check_numbers(lambda: canonical_json(metadata), "metadata")
    if len(written) > MOST_METADATA:
        raise RejectedError(
            RejectionCode.INVALID_FIELD, f"metadata has more than {MOST_METADATA} bytes: keep what is large yourself"
        )


def _check_numbers(write: Callable[[], _Written], field: str) -> _Written:
    """A number too large for a float has no JSON, so the request could not be passed on as it was sent."""
    try:
        return write()
    except ValueError:
        raise RejectedError(RejectionCode.INVALID_JSON, f"a number in {field} is out of range") from None


def _deadline(message: Message, workload: Workload, sent_at: datetime) -> datetime:
    if message.deadline is not None and message.max_latency_minutes is not None:
        raise RejectedError(RejectionCode.TWO_DEADLINES, "give deadline or max_latency_minutes, not both")
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
            RejectionCode.INVALID_DEADLINE, "deadline is an RFC 3339 time with an offset, like 2026-11-23T17:00:00Z"
        ) from None
    if deadline <= sent_at:
        raise RejectedError(
            RejectionCode.DEADLINE_PAST, "the deadline had passed when the message was sent: send it with a later one"
        )
    if deadline > sent_at + DEADLINE_HORIZON:
        raise RejectedError(
            RejectionCode.INVALID_DEADLINE, "the deadline is more than 14 days away: send the message later"
        )
    return deadline
