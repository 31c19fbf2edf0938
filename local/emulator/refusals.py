"""The refusals that a client must be able to tell apart, by name."""

from typing import Literal, NamedTuple

from local.emulator.errors import ApiError

Refusal = Literal[
    "invalid_request",
    "spend_limit",
    "workspace_spend_limit",
    "organization_on_hold",
    "authentication",
    "billing",
    "permission",
    "not_found",
    "conflict",
    "request_too_large",
    "rate_limit",
    "ramp_limit_exceeded",
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "api_error",
    "timeout",
    "overloaded",
]


class _Form(NamedTuple):
    """How the API words one refusal."""

    status: int
    message: str
    error_code: str | None = None
    retry_after: str | None = None


_REGAIN = "You will regain access on the first day of next month at 00:00 UTC."

REFUSALS: dict[Refusal, _Form] = {
    "invalid_request": _Form(400, "Injected by the emulator"),
    # A limit that a user has set carries no code: nothing but its sentence tells it from a bad request.
    "spend_limit": _Form(400, f"You have reached your specified API usage limits. {_REGAIN}"),
    "workspace_spend_limit": _Form(400, f"You have reached your specified workspace API usage limits. {_REGAIN}"),
    "organization_on_hold": _Form(400, "This organization is on hold.", "organization_on_hold"),
    "authentication": _Form(401, "invalid x-api-key"),
    "billing": _Form(402, "There is a problem with your billing information."),
    "permission": _Form(403, "Your API key does not have permission to use the specified resource."),
    "not_found": _Form(404, "Not found"),
    "conflict": _Form(409, "Conflict"),
    "request_too_large": _Form(413, "Request exceeds the maximum size"),
    "rate_limit": _Form(429, "This request would exceed your organization's rate limit.", retry_after="30"),
    "ramp_limit_exceeded": _Form(429, "Usage rises faster than allowed.", "ramp_limit_exceeded", "60"),
    # Both last until the month ends, and say nothing of when to come again.
    "enforced_spend_limit_reached": _Form(429, "Monthly usage threshold reached.", "enforced_spend_limit_reached"),
    "contract_spend_limit_reached": _Form(429, "Contract spend limit reached.", "contract_spend_limit_reached"),
    "api_error": _Form(500, "Internal server error"),
    "timeout": _Form(504, "Request timed out"),
    "overloaded": _Form(529, "Overloaded"),
}


def refusal(name: Refusal, retry_after: str | None = None) -> ApiError:
    """The refusal of that name; `retry_after` (seconds) replaces its own."""
    form = REFUSALS[name]
    return ApiError(form.status, form.message, error_code=form.error_code, retry_after=retry_after or form.retry_after)
