"""What the API accepts as the parameters of a message, and the sentences with which it refuses the rest."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from local.emulator.catalogue import BY_ID, Model
from local.emulator.errors import invalid, not_found

NOT_IN_BATCHES = ("speed", "store", "previous_thread_event_id", "cache_hint", "context_hint", "fallbacks")
BETA_FIELDS = frozenset(NOT_IN_BATCHES) - {"speed"} | {
    "billing_policy",
    "compaction",
    "context_management",
    "fallback_credit_token",
    "mcp_servers",
    "output_format",
    "thread",
}
SAMPLING_DEFAULTS = {"temperature": 1, "top_p": 1, "top_k": None}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class _Open(BaseModel):
    """A block whose own fields the emulator does not look into."""

    model_config = ConfigDict(extra="allow", strict=True, hide_input_in_errors=True)


class CacheControl(_Strict):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class TextBlock(_Strict):
    type: Literal["text"]
    text: str = Field(min_length=1)
    cache_control: CacheControl | None = None
    citations: list[Any] | None = None


class OtherBlock(_Open):
    type: str
    cache_control: CacheControl | None = None


class Tool(_Open):
    name: str
    cache_control: CacheControl | None = None


def _block_kind(block: object) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    return "#text" if kind == "text" else "#other"


def _content_kind(content: object) -> str:
    return "#string" if isinstance(content, str) else "#blocks"


String = Annotated[str, Tag("#string")]
Block = Annotated[Annotated[TextBlock, Tag("#text")] | Annotated[OtherBlock, Tag("#other")], Discriminator(_block_kind)]
Content = Annotated[String | Annotated[list[Block], Tag("#blocks")], Discriminator(_content_kind)]
TextContent = Annotated[String | Annotated[list[TextBlock], Tag("#blocks")], Discriminator(_content_kind)]


class Turn(_Strict):
    role: Literal["user", "assistant", "system"]
    content: Content

    @field_validator("content")
    @classmethod
    def _not_empty(cls, content: Content) -> Content:
        if not content:
            raise PydanticCustomError("no_content", "all messages must have non-empty content")
        return content


class Prompt(_Strict):
    """What can be counted: everything that goes into the model."""

    model: str
    messages: list[Turn] = Field(max_length=100_000)
    system: TextContent | None = None
    tools: list[Tool] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    cache_control: CacheControl | None = None
    speed: Literal["standard", "fast"] | None = None

    @field_validator("messages")
    @classmethod
    def _at_least_one(cls, messages: list[Turn]) -> list[Turn]:
        if not messages:
            raise PydanticCustomError("no_messages", "at least one message is required")
        return messages


class Params(Prompt):
    """The parameters of POST /v1/messages."""

    max_tokens: int = Field(ge=0)
    metadata: dict[str, Any] | None = None
    stop_sequences: list[str] | None = None
    stream: bool = False
    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    service_tier: Literal["auto", "standard_only"] | None = None
    inference_geo: Literal["us", "global"] | None = None
    container: dict[str, Any] | str | None = None
    diagnostics: dict[str, Any] | None = None


_Shape = TypeVar("_Shape", bound=Prompt)


def message_params(params: object, *, batch: bool, beta: bool) -> tuple[Params, Model]:
    """Check parameters as the API does. With `beta` (the request names beta features) beta fields pass unread.

    Raises `ApiError`: 400 for a bad parameter, 404 for a model that does not exist.
    """
    if batch:
        _check_batchable(params)
    checked = _checked(Params, params, beta=beta)
    model = find_model(checked.model)
    _check_for_model(checked, model)
    if checked.stream:
        raise invalid("stream: this emulator does not stream messages")
    return checked, model


def prompt_params(params: object, *, beta: bool) -> Prompt:
    """Check the parameters of a token count."""
    checked = _checked(Prompt, params, beta=beta)
    find_model(checked.model)
    return checked


def find_model(model_id: str) -> Model:
    if model_id not in BY_ID:
        raise not_found(f"model: {model_id}")
    return BY_ID[model_id]


def sentence(error: ErrorDetails) -> str:
    """A refusal as the API words it: where, and what is wrong there. It never repeats a value."""
    steps = [str(step) for step in error["loc"] if not str(step).startswith("#")]
    return f"{'.'.join(steps) or 'body'}: {error['msg']}"


def _checked(shape: type[_Shape], params: object, *, beta: bool) -> _Shape:
    if beta and isinstance(params, dict):
        params = {name: value for name, value in params.items() if name not in BETA_FIELDS}
    try:
        return shape.model_validate(params)
    except ValidationError as error:
        raise invalid(sentence(error.errors(include_url=False, include_input=False)[0])) from error


def _check_batchable(params: object) -> None:
    if not isinstance(params, dict):
        return
    for name in NOT_IN_BATCHES:
        if params.get(name) is not None:
            raise invalid(f"{name}: not supported in a batch")
    if params.get("stream"):
        raise invalid("stream: a batch cannot stream")
    if params.get("max_tokens") == 0:
        raise invalid("max_tokens: must be at least 1 in a batch")


def _check_for_model(params: Params, model: Model) -> None:
    if params.max_tokens > model.max_tokens:
        raise invalid(
            f"max_tokens: {params.max_tokens} > {model.max_tokens}, which is the maximum allowed number of output "
            f"tokens for {model.id}"
        )
    if params.inference_geo and not model.takes_geo:
        raise invalid(f"inference_geo: not supported by {model.id}")
    if params.messages[-1].role == "assistant" and not model.takes_prefill:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    if not model.takes_sampling:
        _check_sampling(params, model)


def _check_sampling(params: Params, model: Model) -> None:
    for name, default in SAMPLING_DEFAULTS.items():
        if getattr(params, name) not in (None, default):
            raise invalid(f"{name}: only the default is supported by {model.id}")
