"""What the front door says of params, Claude would say: held against the emulator's own reading of the rules."""

from typing import Any, get_type_hints

import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase

from lanekeeper.errors import RejectedError
from lanekeeper.params import KNOWN, MAX_TOKENS, NEEDS_BETA, NOT_IN_BATCHES, check_params
from lanekeeper.pricing import standard_prices
from local.emulator.errors import ApiError
from local.emulator.params import message_params
from tests.system import params

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 0.0, 0.5, 1.0, 1.5, 10**30, "", "x", "auto", "us", "standard", "ephemeral", [], {},
    [{}], ["x"], [1], [{"type": "text", "text": "x"}], [{"name": "x"}], {"type": "auto"}, {"type": "ephemeral"},
)  # fmt: skip
MODELS = ("claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-7", "claude-haiku-5-5", "claude-imaginary-9")
# Named in the SDK, and nowhere said what they do: passed on unseen, and unknown to the emulator.
UNDOCUMENTED = {"user_profile_id", "workspace_id"}
# What stands in an object is Claude's to judge: the emulator looks into these two, we do not.
OBJECTS_LOOKED_INTO = {"cache_control", "tools"}


def accepts(document: dict[str, Any]) -> bool:
    try:
        check_params(document, standard_prices())
    except RejectedError:
        return False
    return True


def claude_accepts(document: dict[str, Any]) -> bool:
    try:
        message_params(document, batch=True, beta=False)
    except ApiError:
        return False
    return True


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", [*KNOWN, *NOT_IN_BATCHES, *sorted(NEEDS_BETA), "temprature"])
def test_what_is_accepted_claude_accepts(name: str, model: str) -> None:
    for value in VALUES:
        document = params(model=model) | {name: value}
        if accepts(document) and name not in UNDOCUMENTED | OBJECTS_LOOKED_INTO:
            assert claude_accepts(document), value


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", KNOWN)
def test_what_claude_accepts_is_accepted(name: str, model: str) -> None:
    for value in VALUES:
        document = params(model=model) | {name: value}
        if claude_accepts(document) and (name, value) != ("max_tokens", MAX_TOKENS):
            assert accepts(document), value


def test_every_parameter_that_the_sdk_knows_is_known_or_refused_by_name() -> None:
    in_sdk = set(get_type_hints(MessageCreateParamsBase))
    assert in_sdk <= {*KNOWN, *NOT_IN_BATCHES, *NEEDS_BETA}


@pytest.mark.parametrize("last", ["assistant", "user"])
@pytest.mark.parametrize("model", MODELS)
def test_words_put_into_the_assistants_mouth_go_to_models_that_take_them(model: str, last: str) -> None:
    turns = [{"role": "user", "content": "x"}, {"role": last, "content": "y"}]
    document = params(model=model, messages=turns)
    assert accepts(document) == claude_accepts(document)


@pytest.mark.parametrize(
    ("tokens", "taken"), [pytest.param(MAX_TOKENS, True, id="most"), pytest.param(MAX_TOKENS + 1, False, id="one-more")]
)
def test_no_more_tokens_are_asked_for_than_a_call_without_streaming_allows(tokens: int, taken: bool) -> None:
    assert accepts(params(max_tokens=tokens)) is taken
