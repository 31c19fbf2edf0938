"""Messages, token counts and models over a real socket."""

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.limits import Limits
from local.emulator.server import Emulator
from local.emulator.world import World
from tests.emulator.builders import MODEL, cached, params


def test_a_message_is_answered_with_text_of_the_length_it_bills(claude: Anthropic) -> None:
    message = claude.messages.create(**params(max_tokens=1000))
    text = message.content[0].text
    assert message.id.startswith("msg_01")
    assert (message.model, message.role, message.stop_reason) == (MODEL, "assistant", "end_turn")
    assert 750 <= message.usage.output_tokens <= 1000
    assert 0.85 <= len(text) / 4 / message.usage.output_tokens <= 1


def test_usage_has_every_field_of_the_api(claude: Anthropic) -> None:
    usage = claude.messages.create(**params("x" * 400)).usage.to_dict()
    assert usage == {
        "input_tokens": 100,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage["output_tokens"],
        "service_tier": "standard",
        "inference_geo": "global",
    }


def test_the_same_request_gets_the_same_answer_under_a_new_id(claude: Anthropic) -> None:
    first, second = (claude.messages.create(**params()) for _ in range(2))
    other = claude.messages.create(**params("Something else"))
    assert first.content == second.content
    assert first.usage == second.usage
    assert first.id != second.id
    assert other.content != first.content


def test_an_alias_is_answered_by_the_dated_model(claude: Anthropic) -> None:
    assert claude.messages.create(**params(model="claude-haiku-4-5")).model == "claude-haiku-4-5-20251001"


def test_no_output_is_wanted_with_max_tokens_0(claude: Anthropic) -> None:
    message = claude.messages.create(**params(max_tokens=0))
    assert (message.content, message.usage.output_tokens, message.stop_reason) == ([], 0, "max_tokens")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"model": None}, "model: Field required", id="no-model"),
        pytest.param({"max_tokens": None}, "max_tokens: Field required", id="no-max-tokens"),
        pytest.param({"messages": None}, "messages: Field required", id="no-messages"),
        pytest.param({"messages": []}, "messages: at least one message is required", id="empty-messages"),
        pytest.param(
            {"messages": [{"role": "user", "content": ""}]},
            "messages.0.content: all messages must have non-empty content",
            id="empty-content",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages.0.content.0.text: Field required",
            id="block-without-text",
        ),
        pytest.param(
            {"messages": [{"role": "robot", "content": "x"}]},
            "messages.0.role: Input should be 'user', 'assistant' or 'system'",
            id="unknown-role",
        ),
        pytest.param({"max_tokens": "100"}, "max_tokens: Input should be a valid integer", id="text-for-a-number"),
        pytest.param({"max_tokens": 128_001}, "max_tokens: 128001 > 128000", id="more-than-the-model-can"),
        pytest.param({"temperature": 2}, "temperature: Input should be less than or equal to 1", id="too-hot"),
        pytest.param({"shrug": 1}, "shrug: Extra inputs are not permitted", id="unknown-parameter"),
        pytest.param({"store": True}, "store: Extra inputs are not permitted", id="beta-field-without-its-header"),
        pytest.param({"stream": True}, "stream: this emulator does not stream", id="streaming"),
        pytest.param(
            {"model": "claude-opus-4-7", "temperature": 0.5},
            "temperature: only the default is supported by claude-opus-4-7",
            id="sampling-on-a-new-model",
        ),
        pytest.param(
            {"model": "claude-opus-5-5", "top_k": 3},
            "top_k: only the default is supported by claude-opus-5-5",
            id="top-k-on-a-new-model",
        ),
        pytest.param(
            {"model": "claude-haiku-4-5", "inference_geo": "us"},
            "inference_geo: not supported by claude-haiku-4-5-20251001",
            id="geo-on-an-old-model",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
            "This model does not support assistant message prefill.",
            id="prefill",
        ),
        pytest.param(
            {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "x" * 800_004}]},
            "prompt is too long: 200001 tokens > 200000 maximum",
            id="too-long",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": cached(1) * 5}]},
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
            id="five-breakpoints",
        ),
    ],
)
def test_bad_parameters_are_refused_as_an_invalid_request(http: httpx2.Client, changes: dict, message: str) -> None:
    answer = http.post("/v1/messages", json=params(**changes))
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith(message)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"temperature": 0.2}, id="sampling-on-an-old-model"),
        pytest.param({"model": "claude-opus-4-7", "temperature": 1.0}, id="default-sampling-on-a-new-model"),
        pytest.param(
            {"system": "Be brief.", "tools": [{"name": "look_up", "input_schema": {}}]}, id="system-and-tools"
        ),
        pytest.param(
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "AA"}}]}
                ]
            },
            id="image",
        ),
    ],
)
def test_good_parameters_are_taken(http: httpx2.Client, changes: dict) -> None:
    assert http.post("/v1/messages", json=params(**changes)).status_code == 200


def test_beta_fields_pass_with_a_beta_header(http: httpx2.Client) -> None:
    answer = http.post("/v1/messages", json=params(store=True), headers={"anthropic-beta": "threads-2026-09-01"})
    assert answer.status_code == 200


def test_an_unknown_model_is_not_found(claude: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as raised:
        claude.messages.create(**params(model="claude-sonnet-4-6-20250929"))
    assert raised.value.type == "not_found_error"
    assert raised.value.api_message == "model: claude-sonnet-4-6-20250929"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"model": NaN}', id="nan"),
        pytest.param(b'{"model": "\\ud800"}', id="lone-surrogate"),
        pytest.param(b"[" * 300 + b"]" * 300, id="bottomless"),
        pytest.param(b'{"max_tokens": ' + b"9" * 5000 + b"}", id="giant-integer"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches"])
def test_what_is_not_strict_json_is_refused(http: httpx2.Client, path: str, body: bytes) -> None:
    answer = http.post(path, content=body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "The request body is not valid JSON")


def test_a_request_over_the_size_limit_is_too_large(http: httpx2.Client, world: World) -> None:
    world.limits = Limits(request_bytes=1_000)
    answer = http.post("/v1/messages", json=params("x" * 1_000))
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"authorization": "Bearer key"}, id="bearer"),
        pytest.param({"x-api-key": "key"}, id="x-api-key"),
    ],
)
def test_both_ways_to_send_a_key_are_good(running: Emulator, world: World, headers: dict) -> None:
    answer = httpx2.get(running.url + "/v1/models", headers={**headers, "anthropic-version": "2026-10-21"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "error_type"),
    [
        pytest.param({"anthropic-version": "2023-06-01"}, 401, "authentication_error", id="no-key"),
        pytest.param(
            {"authorization": "Basic key", "anthropic-version": "2023-06-01"}, 401, "authentication_error", id="basic"
        ),
        pytest.param({"x-api-key": "key"}, 400, "invalid_request_error", id="no-version"),
        pytest.param(
            {"x-api-key": "key", "anthropic-version": "1"}, 400, "invalid_request_error", id="unknown-version"
        ),
    ],
)
def test_a_key_and_a_known_version_are_required(
    running: Emulator, world: World, headers: dict, status: int, error_type: str
) -> None:
    answer = httpx2.get(running.url + "/v1/models", headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, error_type)


@pytest.mark.parametrize(("path", "status"), [("/v1/models", 200), ("/v1/models/none", 404), ("/v2", 404)])
def test_each_answer_carries_its_request_id(http: httpx2.Client, path: str, status: int) -> None:
    answer = http.get(path)
    assert answer.status_code == status
    assert answer.headers["request-id"].startswith("req_01")
    assert answer.json().get("request_id") in (None, answer.headers["request-id"])


def test_a_wrong_method_is_refused_in_the_apis_form(http: httpx2.Client) -> None:
    answer = http.put("/v1/messages", json={})
    assert (answer.status_code, answer.json()["type"]) == (405, "error")


def test_counting_tokens_agrees_with_what_a_message_bills_and_is_free(claude: Anthropic, world: World) -> None:
    prompt = {"model": MODEL, "system": "s" * 41, "messages": [{"role": "user", "content": "x" * 400}]}
    assert claude.messages.count_tokens(**prompt).input_tokens == 111
    assert world.account.requests_executed == 0
    assert claude.messages.create(**prompt, max_tokens=10).usage.input_tokens == 111


def test_the_models_are_listed_with_their_limits(claude: Anthropic) -> None:
    models = {model.id: model for model in claude.models.list()}
    assert len(models) == 13
    assert models["claude-opus-5-5"].display_name == "Claude Opus 5.5"
    assert models["claude-haiku-4-5-20251001"].max_tokens == 64_000
    assert all(model.capabilities.batch.supported for model in models.values())


def test_the_models_are_listed_in_pages(claude: Anthropic) -> None:
    ids = [model.id for model in claude.models.list(limit=5)]
    assert (len(ids), len(set(ids))) == (13, 13)
    page = claude.models.list(limit=2, after_id=ids[3])
    assert ([model.id for model in page.data], page.has_more) == (ids[4:6], True)
    with pytest.raises(anthropic.BadRequestError):
        claude.models.list(limit=1001)


def test_every_model_says_how_far_its_life_has_come_and_what_it_takes(claude: Anthropic) -> None:
    for model in claude.models.list():
        assert model.lifecycle == "active"
        assert model.max_tokens <= model.max_input_tokens


def test_a_model_is_found_by_its_id_and_by_its_alias(claude: Anthropic) -> None:
    assert claude.models.retrieve("claude-sonnet-5").id == "claude-sonnet-5"
    assert claude.models.retrieve("claude-opus-4-5").id == "claude-opus-4-5-20251101"
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("claude-opus-4-7-20250415")
