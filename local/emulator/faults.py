"""Misbehaviour on demand. A fault waits for the next call of its route, and is used up by it."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from local.emulator.batches import RowType
from local.emulator.errors import ERROR_TYPES, ApiError

Route = Literal["messages", "count_tokens", "create", "retrieve", "list", "results", "cancel", "delete"]
Outcome = Literal["expired", "canceled", "errored", "overloaded"]

# What each outcome makes of a row: its type, and for an error the error document.
ROW_OUTCOMES: dict[Outcome, tuple[RowType, dict[str, Any] | None]] = {
    "expired": ("expired", None),
    "canceled": ("canceled", None),
    "errored": ("errored", ApiError(500, "Internal server error").body(request_id=None)),
    "overloaded": ("errored", ApiError(529, "Overloaded").body(request_id=None)),
}


class Fault(BaseModel):
    """One kind of misbehaviour, `count` times.

    On a route: `status` refuses the call, `status_after_accept` carries it out and then answers with an error,
    `drop` closes the connection without doing anything, `drop_after_accept` closes it after carrying the call out,
    `cut` ends a results stream cleanly after `rows` whole rows. On `batch_rows`: `outcome` befalls the next rows whose
    fate is decided when a batch ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    route: Route | Literal["batch_rows"]
    fault: Literal["status", "status_after_accept", "drop", "drop_after_accept", "cut"] | None = None
    count: int = Field(default=1, ge=1)
    status: int | None = Field(default=None, ge=400, le=599)
    error_type: str | None = None
    error_code: str | None = None
    message: str = "Injected by the emulator"
    retry_after: str | None = None
    rows: int | None = Field(default=None, ge=0)
    outcome: Outcome | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        on_rows = self.route == "batch_rows"
        if on_rows != (self.outcome is not None) or on_rows != (self.fault is None):
            raise ValueError("batch_rows takes an outcome, every other route a fault")
        if (self.fault in {"status", "status_after_accept"}) != (self.status is not None):
            raise ValueError("a status fault, and no other, names its status")
        if (self.fault == "cut") != (self.rows is not None):
            raise ValueError("a cut, and no other fault, names its rows")
        if self.fault == "cut" and self.route != "results":
            raise ValueError("only results can be cut")
        return self

    @property
    def error(self) -> ApiError:
        status = self.status or 500
        return ApiError(
            status,
            self.message,
            error_type=self.error_type or ERROR_TYPES.get(status),
            error_code=self.error_code,
            retry_after=self.retry_after,
        )


class Faults:
    """The faults that wait, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def queue(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def take(self, route: str) -> Fault | None:
        """The oldest fault of the route, one use of which is now spent."""
        for position, fault in enumerate(self._waiting):
            if fault.route == route:
                rest = [fault.model_copy(update={"count": fault.count - 1})] if fault.count > 1 else []
                self._waiting[position : position + 1] = rest
                return fault
        return None

    def take_outcome(self) -> Outcome | None:
        """What befalls the next row, where something was queued for it."""
        fault = self.take("batch_rows")
        return fault.outcome if fault else None

    @property
    def waiting(self) -> tuple[Fault, ...]:
        return tuple(self._waiting)
