"""A marker in a prompt provokes an outcome for that request alone."""

from contextlib import suppress
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic
from hypothesis import given
from hypothesis import strategies as st

from local.emulator.errors import ApiError
from local.emulator.markers import NAMES, find_marker
from local.emulator.world import World
from tests.emulator.builders import params, request, requests
from tests.emulator.calls import RecordingClock

Results = dict[str, Any]


def results_of(claude: Anthropic, world: World, batch_requests: list[Any]) -> Results:
    batch = claude.messages.batches.create(requests=batch_requests)
    world.clock.advance(1800)
    return {row.custom_id: row.result for row in claude.messages.batches.results(batch.id)}


def marked(marker: str, custom_id: str = "marked") -> dict[str, Any]:
    return request(custom_id, text=f"Say hello. [[emulator: {marker}]] Thanks.")


# On a Messages call


@pytest.mark.parametrize(
    ("marker", "status", "error_code", "retry_after"),
    [
        pytest.param("529", 529, None, None, id="status"),
        pytest.param("429 retry-after=7", 429, None, "7", id="with-retry-after"),
        pytest.param("503 retry_after=7", 503, None, "7", id="underscore"),
        pytest.param("overloaded", 529, None, None, id="by-name"),
        pytest.param("rate-limit", 429, None, "30", id="rate-limit"),
        pytest.param("spend-limit", 400, None, None, id="spend-limit-without-a-code"),
        pytest.param("enforced-spend-limit-reached", 429, "enforced_spend_limit_reached", None, id="with-a-code"),
        pytest.param("ramp_limit_exceeded retry-after=9", 429, "ramp_limit_exceeded", "9", id="ramp"),
    ],
)
def test_a_call_is_refused_as_its_marker_says_and_no_other_call_is(
    claude: Anthropic, world: World, marker: str, status: int, error_code: str | None, retry_after: str | None
) -> None:
    for _ in range(2):
        with pytest.raises(anthropic.APIStatusError) as raised:
            claude.messages.create(**params(f"Hello [[emulator: {marker}]]"))
        assert (raised.value.status_code, raised.value.error_code) == (status, error_code)
        assert raised.value.response.headers.get("retry-after") == retry_after
    assert claude.messages.create(**params("Hello")).stop_reason == "end_turn"
    assert world.account.requests_executed == 1


def test_times_counts_the_same_request_and_lets_it_through_after_that(claude: Anthropic) -> None:
    for text in ("One [[emulator: 529 times=2]]", "Two [[emulator: 529 times=2]]"):
        for _ in range(2):
            with pytest.raises(anthropic.OverloadedError):
                claude.messages.create(**params(text))
        assert claude.messages.create(**params(text)).content


@pytest.mark.parametrize(("marker", "billed"), [("drop", 0), ("drop-after-accept", 1)])
def test_a_call_is_dropped_as_its_marker_says(claude: Anthropic, world: World, marker: str, billed: int) -> None:
    with pytest.raises(anthropic.APIConnectionError):
        claude.messages.create(**params(f"[[emulator: {marker}]]"))
    assert world.account.requests_executed == billed


@pytest.mark.parametrize(("marker", "billed"), [("hang", 0), ("hang-after-accept", 1)])
def test_a_call_hangs_as_its_marker_says(claude: Anthropic, world: World, marker: str, billed: int) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        claude.with_options(timeout=0.2).messages.create(**params(f"[[emulator: {marker}]]"))
    assert world.account.requests_executed == billed


def test_a_call_is_slow_as_its_marker_says(claude: Anthropic, world: World) -> None:
    clock = world.clock = RecordingClock()
    claude.messages.create(**params("[[emulator: delay seconds=90]]"))
    assert clock.slept[0] == 90


@pytest.mark.parametrize("reason", ["refusal", "max_tokens", "pause_turn", "model_context_window_exceeded"])
def test_an_answer_stops_as_its_marker_says_in_both_lanes(claude: Anthropic, world: World, reason: str) -> None:
    text = f"[[emulator: {reason.replace('_', '-')}]]"
    assert claude.messages.create(**params(text)).stop_reason == reason
    results = results_of(claude, world, [request("a", text=text), request("b")])
    assert (results["a"].message.stop_reason, results["b"].message.stop_reason) == (reason, "end_turn")


@pytest.mark.parametrize("marker", ["expired", "canceled", "unknown", "garbled", "doubled", "missing", "alien"])
def test_what_befalls_rows_only_leaves_a_call_alone(claude: Anthropic, marker: str) -> None:
    assert claude.messages.create(**params(f"[[emulator: {marker}]]")).stop_reason == "end_turn"


# On a batch's row


@pytest.mark.parametrize(
    ("marker", "row_type", "error_type"),
    [
        ("expired", "expired", None),
        ("canceled", "canceled", None),
        ("unknown", "deferred", None),
        ("api-error", "errored", "api_error"),
        ("overloaded", "errored", "overloaded_error"),
        ("invalid-request", "errored", "invalid_request_error"),
        ("529", "errored", "overloaded_error"),
        ("404", "errored", "not_found_error"),
    ],
)
def test_a_row_meets_the_fate_that_its_marker_says_and_its_neighbours_do_not(
    claude: Anthropic, world: World, marker: str, row_type: str, error_type: str | None
) -> None:
    results = results_of(claude, world, [marked(marker), *requests(3)])
    assert results.pop("marked").type == row_type
    assert {result.type for result in results.values()} == {"succeeded"}
    assert world.account.requests_executed == 3
    again = results_of(claude, world, [marked(marker)])["marked"]
    assert again.type == row_type
    assert error_type is None or again.error.error.type == error_type


@pytest.mark.parametrize("marker", ["drop", "drop-after-accept", "hang", "hang-after-accept", "delay seconds=5"])
def test_what_befalls_calls_only_leaves_a_row_alone(claude: Anthropic, world: World, marker: str) -> None:
    assert results_of(claude, world, [marked(marker)])["marked"].type == "succeeded"


def test_a_row_that_expires_once_succeeds_in_the_next_batch(claude: Anthropic, world: World) -> None:
    rounds = [results_of(claude, world, [marked("expired times=1", name)]) for name in ("first", "second")]
    assert (rounds[0]["first"].type, rounds[1]["second"].type) == ("expired", "succeeded")


@pytest.mark.parametrize(
    ("marker", "lines"), [("missing times=1", 3), ("doubled times=1", 5), ("alien times=1", 5), ("garbled times=1", 4)]
)
def test_a_rows_line_is_wrong_in_its_first_download(http: httpx2.Client, world: World, marker: str, lines: int) -> None:
    batch = world.create_batch({"requests": [marked(marker), *requests(3)]})
    world.clock.advance(1800)
    first, second = (http.get(f"/v1/messages/batches/{batch.id}/results").content.splitlines() for _ in range(2))
    assert len(first) == lines
    assert sorted(first) != sorted(second)
    assert len(second) == 4


def test_each_batchs_own_downloads_are_counted(http: httpx2.Client, world: World) -> None:
    for _ in range(2):
        batch = world.create_batch({"requests": [marked("missing times=1")]})
        world.clock.advance(1800)
        path = f"/v1/messages/batches/{batch.id}/results"
        assert [len(http.get(path).content.splitlines()) for _ in range(2)] == [0, 1]


# Where it is looked for, and what is no marker


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"system": "[[emulator: 529]]"}, id="system-prompt"),
        pytest.param(
            {
                "messages": [
                    {"role": "user", "content": "[[emulator: 529]]"},
                    {"role": "assistant", "content": "[[emulator: 529]]"},
                    {"role": "user", "content": "Go on"},
                ]
            },
            id="earlier-messages",
        ),
        pytest.param({"text": "[emulator: 529] and emulator: 529"}, id="other-brackets"),
    ],
)
def test_a_marker_elsewhere_than_in_the_last_user_message_is_plain_text(claude: Anthropic, changes: dict) -> None:
    assert claude.messages.create(**params(**changes)).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("said", "prefilled", "status"),
    [("[[emulator: 529]]", "Sure,", 529), ("Hello", "[[emulator: 529]]", 200)],
    ids=["of-the-user", "of-the-assistant"],
)
def test_a_prefilled_answer_leaves_the_users_marker_the_last(
    http: httpx2.Client, said: str, prefilled: str, status: int
) -> None:
    turns = [{"role": "user", "content": said}, {"role": "assistant", "content": prefilled}]
    body = params(model="claude-haiku-4-5", messages=turns)
    assert http.post("/v1/messages", json=body).status_code == status


def test_a_marker_is_found_among_the_blocks_of_a_message(claude: Anthropic) -> None:
    blocks = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "[[emulator:\n529 ]]"}]
    with pytest.raises(anthropic.OverloadedError):
        claude.messages.create(**params(messages=[{"role": "user", "content": blocks}]))


@pytest.mark.parametrize(
    "marker",
    [
        "[[emulator: ]]",
        "[[emulator: shrug]]",
        "[[emulator: 200]]",
        "[[emulator: 4040]]",
        "[[emulator: 529 retry-after=]]",
        "[[emulator: 529 times=0]]",
        "[[emulator: 529 times]]",
        "[[emulator: 529 chance=1]]",
        "[[emulator: 529 route=create]]",
        "[[emulator: delay]]",
        "[[emulator: delay seconds=soon]]",
        "[[emulator: expired retry-after=3]]",
        "[[emulator: cut]]",
        "[[emulator: slow]]",
        "[[emulator: 529",
        "[[emulator: 529]] [[emulator: 529]]",
        "[[emulator: 529]] [[emulator: 529",
    ],
)
def test_a_marker_that_is_not_understood_is_refused_with_the_names_of_all_and_without_the_prompt(
    claude: Anthropic, world: World, marker: str
) -> None:
    text = f"CANARY {marker}"
    with pytest.raises(anthropic.BadRequestError) as raised:
        claude.messages.create(**params(text))
    result = results_of(claude, world, [request("a", text=text)])["a"]
    for message in (raised.value.api_message, result.error.error.message):
        assert all(name in message for name in NAMES)
        assert not any(word in message for word in ("CANARY", "shrug", "4040", "soon", "chance"))


def test_a_token_count_does_not_look_for_markers(claude: Anthropic) -> None:
    assert claude.messages.count_tokens(**params("[[emulator: shrug]]", max_tokens=None)).input_tokens == 5


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["messages", "role", "content", "type", "text"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(params=anything | anything.map(lambda content: {"messages": [{"role": "user", "content": content}]}))
def test_parameters_of_any_shape_are_searched_without_stumbling(params: object) -> None:
    assert find_marker(params) is None


@given(inside=st.text() | st.sampled_from(NAMES).flatmap(lambda name: st.text().map(lambda rest: f"{name} {rest}")))
def test_a_marker_of_any_content_is_understood_or_refused(inside: str) -> None:
    with suppress(ApiError):
        assert find_marker(params(f"[[emulator:{inside}]]"))


def test_every_name_is_understood_by_itself_but_for_what_it_needs() -> None:
    needs: dict[str, str] = {"delay": " seconds=1"}
    markers = [find_marker(params(f"[[emulator: {name}{needs.get(name, '')}]]")) for name in NAMES]
    assert all(marker and (marker.call or marker.outcome or marker.line) for marker in markers)
