"""What a Messages call may ask for, checked at the front door: the batch API looks at it up to a day later."""

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from lanekeeper.errors import RejectedError
from lanekeeper.pricing import PriceList
from lanekeeper.rejections import RejectionCode

# A call without streaming may take ten minutes, in which a model is counted on for 128,000 tokens an hour.
# https://github.com/anthropics/anthropic-sdk-python, _calculate_nonstreaming_timeout
MAX_TOKENS = 21_333

LONGEST_NAME = 100  # of which the nearest known one is looked for: the search is not linear

NOT_IN_BATCHES = ("speed", "store", "previous_thread_event_id", "cache_hint", "context_hint", "fallbacks")
NEEDS_BETA = frozenset(
    {
        "betas",
        "billing_policy",
        "compaction",
        "context_management",
        "fallback_credit_token",
        "mcp_servers",
        "output_format",
        "thread",
    }
)
_SAMPLING_DEFAULTS = {"temperature": 1, "top_p": 1, "top_k": None}
_NO_SAMPLING_SINCE = (4, 7)
_NO_PREFILL_SINCE = (4, 6)
_GEO_SINCE = (4, 6)
_MODEL_VERSION = re.compile(r"claude-[a-z]+-(\d{1,2})(?:-(\d))?(?:-\d{8})?")


_FAIL_FAST = Field(fail_fast=True)  # else each of a million wrong items becomes an error with its place


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class _Block(_Strict):
    """A content block; what is in it is for Claude to judge."""

    model_config = ConfigDict(extra="allow")
    type: str


class _Turn(_Strict):
    role: Literal["user", "assistant", "system"]
    content: Annotated[str, Field(min_length=1)] | Annotated[list[_Block], Field(min_length=1), _FAIL_FAST]


class _Params(_Strict):
    """The parameters of POST /v1/messages, as far as a refusal of the whole request depends on them."""

    model: Annotated[str, Field(min_length=1, max_length=100)]
    max_tokens: Annotated[int, Field(ge=1)]
    messages: Annotated[list[_Turn], Field(min_length=1, max_length=100_000), _FAIL_FAST]
    system: str | Annotated[list[_Block], _FAIL_FAST] | None = None
    tools: Annotated[list[dict[str, Any]], _FAIL_FAST] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    stop_sequences: Annotated[list[str], _FAIL_FAST] | None = None
    stream: bool = False
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    inference_geo: Literal["us", "global"] | None = None
    container: dict[str, Any] | str | None = None
    diagnostics: dict[str, Any] | None = None
    user_profile_id: str | None = None
    workspace_id: str | None = None


KNOWN = tuple(_Params.model_fields)


def check_params(params: Mapping[str, Any], prices: PriceList) -> None:
    """Raises RejectedError, whose text never quotes the params, for what Claude would refuse."""
    _check_names(params)
    try:
        checked = _Params.model_validate(params)
    except ValidationError as error:
        raise rejection(error, "params", names=KNOWN) from None  # the chained text would quote the message
    if checked.stream:
        raise RejectedError(RejectionCode.STREAMING, "answers are delivered whole: leave params.stream out")
    if checked.max_tokens > MAX_TOKENS:
        raise RejectedError(
            RejectionCode.MAX_TOKENS_TOO_LARGE,
            f"params.max_tokens is more than a call without streaming allows: ask for {MAX_TOKENS} or less",
        )
    _check_model(checked.model, prices)
    _check_for_model(checked)


def rejection(error: ValidationError, place: str, *, names: tuple[str, ...]) -> RejectedError:
    """The first thing that is wrong, named by our own fields and by numbers, never by what the producer wrote."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = _where(first, place, names)
    if first["type"] == "extra_forbidden":
        return RejectedError(RejectionCode.INVALID_FIELD, f"{where} has a field that is not known")
    if first["type"] == "missing":
        return RejectedError(RejectionCode.MISSING_FIELD, f"{where} is missing")
    return RejectedError(RejectionCode.INVALID_FIELD, f"{where}: {first['msg']}")


def _where(error: ErrorDetails, place: str, names: tuple[str, ...]) -> str:
    known = {*names, "role", "content", "type"}
    return (place + "".join(_step(step, known) for step in error["loc"])).removeprefix(".")


def _step(step: int | str, known: set[str]) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step in known else ""


def _check_names(params: Mapping[str, Any]) -> None:
    for name in NOT_IN_BATCHES:
        if name in params:
            raise RejectedError(RejectionCode.NOT_IN_BATCHES, f"no batch takes params.{name}: leave it out")
    if NEEDS_BETA & params.keys():
        name = min(NEEDS_BETA & params.keys())
        raise RejectedError(
            RejectionCode.NEEDS_BETA,
            f"params.{name} needs a beta header, and none is sent: leave it out",
        )
    unknown = next((name for name in params if name not in KNOWN), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown[:LONGEST_NAME], KNOWN, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KNOWN)}"
        raise RejectedError(RejectionCode.UNKNOWN_PARAM, f"params has a parameter that the Messages API lacks: {hint}")


def _check_model(model: str, prices: PriceList) -> None:
    if prices.knows(model):
        return
    near = prices.nearest(model)
    hint = f"did you mean {near}?" if near else "correct it, or add its price (docs/pricing.md)"
    raise RejectedError(RejectionCode.UNKNOWN_MODEL, f"params.model has no known price: {hint}")


def _check_for_model(params: _Params) -> None:
    version = _version(params.model)
    if version is None:  # a model with a private price: Claude knows what it takes
        return
    if version >= _NO_SAMPLING_SINCE:
        _check_sampling(params)
    if version >= _NO_PREFILL_SINCE and params.messages[-1].role == "assistant":
        raise _unsupported("messages", "ends with the assistant's words: end with a user's message")
    if version < _GEO_SINCE and params.inference_geo is not None:
        raise _unsupported("inference_geo", "is not taken: leave it out, or use a model of version 4.6 or later")


def _check_sampling(params: _Params) -> None:
    for name, default in _SAMPLING_DEFAULTS.items():
        if getattr(params, name) not in (None, default):
            raise _unsupported(name, "is not taken: leave it out, or use a model before version 4.7")


def _unsupported(name: str, sentence: str) -> RejectedError:
    return RejectedError(RejectionCode.UNSUPPORTED_BY_MODEL, f"with this model params.{name} {sentence}")


def _version(model: str) -> tuple[int, int] | None:
    match = _MODEL_VERSION.fullmatch(model)
    return (int(match[1]), int(match[2] or 0)) if match else None
