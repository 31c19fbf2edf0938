"""Reading the API's usage object: what is counted, and what is named because no price covers it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanekeeper.pricing import Usage

FULL = {
    "input_tokens": 14,
    "output_tokens": 5,
    "cache_creation_input_tokens": 7,
    "cache_read_input_tokens": 9,
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
    "output_tokens_details": {"thinking_tokens": 2},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 8},
    "service_tier": "batch",
    "inference_geo": "us",
    "speed": "standard",
}
SMALL = {"input_tokens": 14, "output_tokens": 5}


def test_every_field_of_a_full_usage_is_read() -> None:
    assert Usage.from_api(FULL) == Usage(
        input_tokens=14,
        output_tokens=5,
        cache_write_5m=3,
        cache_write_1h=4,
        cache_read=9,
        web_searches=2,
        us_only=True,
        service_tier="batch",
    )


@pytest.mark.parametrize("absent", [None, "left out"])
def test_a_field_that_is_null_or_left_out_counts_nothing(absent: str | None) -> None:
    optional = {field: None for field in FULL if field not in SMALL}
    usage = SMALL | optional if absent is None else SMALL
    assert Usage.from_api(usage) == Usage(input_tokens=14, output_tokens=5)


def test_cache_writes_without_a_breakdown_count_as_the_five_minute_kind() -> None:
    used = Usage.from_api(SMALL | {"cache_creation_input_tokens": 7})
    assert (used.cache_write_5m, used.cache_write_1h, used.unpriced) == (7, 0, ())


def test_the_prompt_is_everything_but_the_answer() -> None:
    assert Usage.from_api(FULL).prompt_tokens == 14 + 3 + 4 + 9


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param(SMALL | {"inference_geo": "not_available"}, id="geography-not-available"),
        pytest.param(SMALL | {"inference_geo": "global"}, id="geography-global"),
        pytest.param(SMALL | {"a_new_word": "anything"}, id="unknown-word"),
        pytest.param(SMALL | {"a_new_count": 0}, id="unknown-zero"),
        pytest.param(SMALL | {"output_tokens_details": {"thinking_tokens": 900}}, id="unknown-breakdown"),
        pytest.param(SMALL | {"server_tool_use": {"x_requests": 0, "web_fetch_requests": 3}}, id="free-tools"),
        pytest.param(SMALL | {"iterations": [{"type": "message", "input_tokens": 14}]}, id="iterations-of-messages"),
    ],
)
def test_what_changes_no_bill_is_priced(usage: dict[str, Any]) -> None:
    assert Usage.from_api(usage).unpriced == ()


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        pytest.param({"output_tokens": 5}, "input_tokens", id="no-input"),
        pytest.param({"input_tokens": 5, "output_tokens": None}, "output_tokens", id="no-output"),
        pytest.param(SMALL | {"input_tokens": -1}, "input_tokens", id="negative"),
        pytest.param(SMALL | {"input_tokens": "14"}, "input_tokens", id="text"),
        pytest.param(SMALL | {"input_tokens": True}, "input_tokens", id="boolean"),
        pytest.param(SMALL | {"cache_read_input_tokens": 1.5}, "cache_read_input_tokens", id="half-a-token"),
        pytest.param(SMALL | {"server_tool_use": {"x_requests": 1}}, "server_tool_use", id="unknown-tool"),
        pytest.param(SMALL | {"server_tool_use": "many"}, "server_tool_use", id="tools-in-words"),
        pytest.param(
            SMALL | {"cache_creation": {"ephemeral_24h_input_tokens": 1}}, "cache_creation", id="longer-cache"
        ),
        pytest.param(FULL | {"cache_creation_input_tokens": 8}, "cache_creation_input_tokens", id="breakdown-differs"),
        pytest.param(SMALL | {"inference_geo": "eu"}, "inference_geo", id="unknown-geography"),
        pytest.param(SMALL | {"speed": "fast"}, "speed", id="fast-mode"),
        pytest.param(SMALL | {"fallback_credit": {"applied": True}}, "fallback_credit", id="credit"),
        pytest.param(SMALL | {"iterations": [{"type": "compaction"}]}, "iterations", id="compaction"),
        pytest.param(SMALL | {"iterations": 3}, "iterations", id="iterations-in-number"),
        pytest.param(SMALL | {"audio_tokens": 3}, "audio_tokens", id="unknown-count"),
    ],
)
def test_what_no_price_covers_is_named(usage: dict[str, Any], field: str) -> None:
    assert field in Usage.from_api(usage).unpriced


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*FULL, "iterations", "fallback_credit"]) | st.text(max_size=8), JSON))
def test_no_usage_raises_and_no_count_is_negative(usage: dict[str, Any]) -> None:
    used = Usage.from_api(usage)
    assert all(count >= 0 for count in [*used.tokens().values(), used.web_searches])


@given(st.dictionaries(st.sampled_from(sorted(FULL)), JSON))
def test_usage_without_both_counts_is_never_free(usage: dict[str, Any]) -> None:
    usage.pop("input_tokens", None)
    assert "input_tokens" in Usage.from_api(usage).unpriced
