"""Misbehaviour on demand, as data. A fault waits for the next call of its route, and is used up by it."""

from typing import Annotated, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from local.emulator.downloads import Ending
from local.emulator.errors import ERROR_TYPES, ApiError
from local.emulator.outcomes import STOP_REASONS, OutcomeName
from local.emulator.refusals import REFUSALS, Refusal, refusal

Route = Literal[
    "messages",
    "count_tokens",
    "create",
    "retrieve",
    "list",
    "results",
    "cancel",
    "delete",
    "models",
    "model",
    "paid",
    "all",
    "batch_rows",
]
Kind = Literal[
    Refusal,
    "status",
    "status_after_accept",
    "drop",
    "drop_after_accept",
    "hang",
    "hang_after_accept",
    "delay",
    "cut",
    "garbled",
    "doubled",
    "missing",
    "alien",
    "slow",
    "stuck",
    "unlisted",
    "hidden",
    "hidden_once_ended",
]

ROUTES: tuple[Route, ...] = get_args(Route)
# Where a fault of `paid` strikes: spend limits are shared by both lanes.
PAID: frozenset[str] = frozenset({"messages", "create"})


class _Rule(NamedTuple):
    """Which fields a kind of fault needs and which it takes besides, and the only route that it makes sense on."""

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    only: Route | None = None


_STATUS = _Rule(needs=("status",), takes=("error_type", "error_code", "message", "retry_after"))
_LINE = _Rule(takes=("rows",), only="results")
_LAG = _Rule(needs=("seconds",), only="create")

KINDS: dict[Kind, _Rule] = {
    **dict.fromkeys(REFUSALS, _Rule(takes=("retry_after",))),
    "status": _STATUS,
    "status_after_accept": _STATUS,
    "drop": _Rule(),
    "drop_after_accept": _Rule(),
    "hang": _Rule(),
    "hang_after_accept": _Rule(),
    "delay": _Rule(needs=("seconds",)),
    "cut": _Rule(takes=("rows", "at_byte", "ending"), only="results"),
    "garbled": _LINE,
    "doubled": _LINE,
    "missing": _LINE,
    "alien": _LINE,
    "slow": _Rule(needs=("minutes",), only="create"),
    "stuck": _Rule(only="create"),
    "unlisted": _LAG,
    "hidden": _LAG,
    "hidden_once_ended": _LAG,
}
# These do not disturb the call that meets them: they say what kind of batch it creates.
TRAITS: tuple[Kind, ...] = tuple(kind for kind, rule in KINDS.items() if rule.only == "create")
# Emulated; about thirty years, so that no date overflows.
Duration = Annotated[float, Field(ge=0, le=10**9)]
_EVERY_FAULT = {"route", "fault", "outcome", "count", "for_seconds", "chance"}


class Fault(BaseModel):
    """One kind of misbehaviour. docs/emulator.md has a table of all.

    On a route, `fault` disturbs a call or, on `create`, says what kind of batch comes of it. An `outcome` decides what
    becomes of a batch's row (`batch_rows`: at the batch's end) or of a message (`messages`). All durations are
    emulated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    route: Route
    fault: Kind | None = None
    outcome: OutcomeName | None = None
    count: int | None = Field(default=1, ge=1)  # how often it strikes; None: until it is cleared
    for_seconds: Annotated[Duration, Field(gt=0)] | None = None  # over so long after it was queued, whatever the count
    chance: float = Field(default=1, gt=0, le=1)  # with which it strikes a call or row that it fits
    status: int | None = Field(default=None, ge=400, le=599)
    error_type: str | None = None
    error_code: str | None = None
    message: str = "Injected by the emulator"
    retry_after: str | None = Field(default=None, pattern="^[ -~]+$")  # as the header spells it
    seconds: Duration | None = None
    minutes: float | None = Field(default=None, ge=0, le=10**7)
    rows: int | None = Field(default=None, ge=0)
    at_byte: int | None = Field(default=None, ge=0)
    ending: Ending | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.fault is None) == (self.outcome is None):
            raise ValueError("either a fault or an outcome is wanted")
        if self.fault is None:
            self._check_outcome()
            self._check_fields(_Rule())
        else:
            self._check_fault(self.fault, KINDS[self.fault])
        return self

    def _check_outcome(self) -> None:
        if self.route not in {"batch_rows", "messages"}:
            raise ValueError("an outcome befalls batch_rows or messages; every other route takes a fault")
        if self.route == "messages" and self.outcome not in STOP_REASONS:
            raise ValueError("a message's outcome is a stop reason; to refuse it, name a fault")

    def _check_fault(self, kind: Kind, rule: _Rule) -> None:
        if self.route == "batch_rows":
            raise ValueError("batch_rows takes an outcome")
        if rule.only not in (None, self.route):
            raise ValueError(f"{kind} makes sense on {rule.only} only")
        self._check_fields(rule)
        if kind == "cut" and (self.rows is None) == (self.at_byte is None):
            raise ValueError("a cut names its rows or its byte")

    def _check_fields(self, rule: _Rule) -> None:
        given = {name for name in self.model_fields_set if getattr(self, name) is not None} - _EVERY_FAULT
        if missing := set(rule.needs) - given:
            raise ValueError(f"{self.fault} names its {' and '.join(sorted(missing))}")
        if idle := given - {*rule.needs, *rule.takes}:
            raise ValueError(f"{self.fault or self.outcome} has no {' and no '.join(sorted(idle))}")

    def strikes(self, route: str) -> bool:
        """Whether it disturbs calls of that route."""
        if self.fault is None or self.fault in TRAITS:
            return False
        return self.route in (route, "all") or (self.route == "paid" and route in PAID)

    @property
    def error(self) -> ApiError | None:
        """The refusal that this fault answers with, where it is one."""
        if self.fault in REFUSALS:
            return refusal(self.fault, self.retry_after)
        if self.status is None:
            return None
        return ApiError(
            self.status,
            self.message,
            error_type=self.error_type or ERROR_TYPES.get(self.status),
            error_code=self.error_code,
            retry_after=self.retry_after,
        )
