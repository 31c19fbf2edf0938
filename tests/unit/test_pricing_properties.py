"""What holds for all usage: half in a batch, additive, never cheaper for more."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanekeeper.pricing import Cost, Usage, standard_prices

PRICES = standard_prices()
TODAY = datetime(2026, 11, 23, tzinfo=UTC)
TIERED = "claude-haiku-5-5"
DATED_NAMES = {"claude-haiku-4-5-20251001", "claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929"}
KINDS = ["input_tokens", "output_tokens", "cache_write_5m", "cache_write_1h", "cache_read"]

counts = st.integers(0, 2_000_000)
models = st.sampled_from(PRICES.models())
usages = st.builds(Usage, **dict.fromkeys([*KINDS, "web_searches"], counts), us_only=st.booleans())


def price(model: str, used: Usage, *, batch: bool) -> Cost:
    cost = PRICES.price(model, used, batch=batch, at=TODAY)
    assert cost is not None
    return cost


def plus(one: Usage, other: Usage) -> Usage:
    sums = {kind: getattr(one, kind) + getattr(other, kind) for kind in [*KINDS, "web_searches"]}
    return replace(one, **sums)


@given(models, usages)
def test_tokens_cost_exactly_half_in_a_batch(model: str, used: Usage) -> None:
    cost = price(model, replace(used, web_searches=0), batch=True)
    assert cost.micro_usd * 2 == cost.standard_micro_usd


@given(models, usages)
def test_a_search_costs_the_same_in_both_lanes(model: str, used: Usage) -> None:
    without = price(model, replace(used, web_searches=0), batch=True)
    cost = price(model, used, batch=True)
    assert cost.micro_usd - without.micro_usd == used.web_searches * 10_000
    assert cost.standard_micro_usd - without.standard_micro_usd == used.web_searches * 10_000


@given(models, usages)
def test_the_standard_price_does_not_depend_on_the_lane(model: str, used: Usage) -> None:
    in_batch, in_real_time = price(model, used, batch=True), price(model, used, batch=False)
    assert in_batch.standard_micro_usd == in_real_time.standard_micro_usd == in_real_time.micro_usd


@given(models.filter(lambda model: model != TIERED), usages, usages, st.booleans())
def test_two_requests_cost_the_sum_where_the_prompt_length_does_not_matter(
    model: str, one: Usage, other: Usage, batch: bool
) -> None:
    other = replace(other, us_only=one.us_only)
    apart = price(model, one, batch=batch).micro_usd + price(model, other, batch=batch).micro_usd
    assert price(model, plus(one, other), batch=batch).micro_usd == apart


@given(usages, usages)
def test_a_longer_prompt_never_costs_less_than_its_parts_at_the_tiered_model(one: Usage, other: Usage) -> None:
    other = replace(other, us_only=one.us_only)
    apart = price(TIERED, one, batch=False).micro_usd + price(TIERED, other, batch=False).micro_usd
    assert price(TIERED, plus(one, other), batch=False).micro_usd >= apart


@given(models, usages, st.sampled_from([*KINDS, "web_searches"]), st.integers(1, 100_000))
def test_more_of_anything_never_costs_less(model: str, used: Usage, kind: str, more: int) -> None:
    larger = replace(used, **{kind: getattr(used, kind) + more})
    assert price(model, larger, batch=True).micro_usd > price(model, used, batch=True).micro_usd


@given(models, st.text(min_size=1, max_size=12))
def test_no_model_is_priced_by_its_beginning(model: str, rest: str) -> None:
    name = model + rest
    assert PRICES.knows(name) == (name in {*PRICES.models(), *DATED_NAMES})


@pytest.mark.parametrize("field", ["speed", "server_tool_use", "inference_geo"])
@given(models, usages, st.booleans())
def test_usage_with_an_unpriced_part_has_no_cost(field: str, model: str, used: Usage, batch: bool) -> None:
    assert PRICES.price(model, replace(used, unpriced=(field,)), batch=batch, at=TODAY) is None
