"""What can become of a request instead of an ordinary answer."""

from typing import Any, Literal, NamedTuple, get_args

from local.emulator.errors import ApiError
from local.emulator.refusals import REFUSALS, Refusal, refusal

# No API of today sends `deferred`: it stands for a type that a client does not know yet.
RowType = Literal["succeeded", "errored", "canceled", "expired", "deferred"]
StopReason = Literal["max_tokens", "refusal", "pause_turn", "model_context_window_exceeded"]
OutcomeName = Literal["expired", "canceled", "unknown", "errored", "any", Refusal, StopReason]

STOP_REASONS: frozenset[StopReason] = frozenset(get_args(StopReason))
# What `any` draws from: everything that the API makes of a row of its own accord, unbilled.
UNBILLED: tuple[OutcomeName, ...] = ("expired", "canceled", "errored", "overloaded", "invalid_request")


class Outcome(NamedTuple):
    """A row's type and, for an error, its document; for an answer, why it stopped."""

    type: RowType
    error: dict[str, Any] | None = None
    stop_reason: StopReason | None = None


def errored(error: ApiError) -> Outcome:
    """A row that met this error; the document in it names no request."""
    return Outcome("errored", error.body(request_id=None))


OUTCOMES: dict[OutcomeName, Outcome] = {
    "expired": Outcome("expired"),
    "canceled": Outcome("canceled"),
    "unknown": Outcome("deferred"),
    "errored": errored(refusal("api_error")),
    **{name: errored(refusal(name)) for name in REFUSALS},
    **{reason: Outcome("succeeded", stop_reason=reason) for reason in get_args(StopReason)},
}
