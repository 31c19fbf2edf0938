"""The emulator's bill, against figures worked out by hand from the published price list."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from anthropic import Anthropic
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from local.emulator.billing import OVERRIDES, cost_micro_usd
from local.emulator.catalogue import BY_ID, MODELS
from local.emulator.plan import Usage
from local.emulator.world import World
from tests.emulator.builders import cached, params, request, requests

TODAY = date(2026, 11, 23)


def usage(**changes: Any) -> Usage:
    return Usage(**{"input_tokens": 0, "output_tokens": 0, "service_tier": "standard", "geo": "global", **changes})


@pytest.mark.parametrize(
    ("model", "changes", "micro_usd"),
    [
        pytest.param("claude-sonnet-4-6", {"input_tokens": 3000, "output_tokens": 1000}, "24000", id="chat"),
        pytest.param(
            "claude-sonnet-4-6",
            {"input_tokens": 3000, "output_tokens": 1000, "service_tier": "batch"},
            "12000",
            id="chat-in-a-batch",
        ),
        pytest.param("claude-sonnet-4-6", {"input_tokens": 3000, "output_tokens": 1000, "geo": "us"}, "26400", id="us"),
        pytest.param(
            "claude-sonnet-4-6",
            {"input_tokens": 3000, "output_tokens": 1001, "geo": "us", "service_tier": "batch"},
            "13208.25",
            id="us-in-a-batch",
        ),
        pytest.param(
            "claude-opus-5-5",
            {"cache_write_5m_tokens": 1000, "cache_write_1h_tokens": 2000, "cache_read_tokens": 5000},
            "22000",
            id="cache",
        ),
        pytest.param(
            "claude-opus-5-5",
            {"cache_write_1h_tokens": 2000, "cache_read_tokens": 5000, "service_tier": "batch"},
            "8500",
            id="cache-in-a-batch",
        ),
        pytest.param(
            "claude-haiku-5-5", {"input_tokens": 100_000, "output_tokens": 1000}, "10500", id="just-a-short-prompt"
        ),
        pytest.param(
            "claude-haiku-5-5", {"input_tokens": 100_001, "output_tokens": 1000}, "52500.5", id="just-a-long-prompt"
        ),
        pytest.param(
            "claude-haiku-5-5",
            {
                "input_tokens": 1,
                "cache_read_tokens": 60_000,
                "cache_write_5m_tokens": 40_000,
                "service_tier": "batch",
            },
            "14000.25",
            id="long-by-what-is-cached",
        ),
        pytest.param("claude-sonnet-4-5-20250929", {"input_tokens": 250_000}, "750000", id="no-tier-at-200k"),
        pytest.param(
            "claude-haiku-4-5-20251001", {"output_tokens": 1, "service_tier": "batch"}, "2.5", id="half-units"
        ),
    ],
)
def test_a_request_costs_what_the_price_list_says(model: str, changes: dict, micro_usd: str) -> None:
    assert cost_micro_usd(model, usage(**changes), TODAY) == Decimal(micro_usd)


PRICE_LIST = """
claude-fable-5-2   8    40  10    16   0.20
claude-opus-5-5    4    20  5     8    0.20
claude-opus-5      5    25  6.25  10   0.50
claude-opus-4-8    5    25  6.25  10   0.50
claude-opus-4-7    5    25  6.25  10   0.50
claude-opus-4-6    5    25  6.25  10   0.50
claude-opus-4-5    5    25  6.25  10   0.50
claude-sonnet-5-5  2    10  2.5   4    0.10
claude-sonnet-5    2    10  2.5   4    0.20
claude-sonnet-4-6  3    15  3.75  6    0.30
claude-sonnet-4-5  3    15  3.75  6    0.30
claude-haiku-5-5   0.10 0.5 0.125 0.20 0.01
claude-haiku-4-5   1    5   1.25  2    0.10
"""


@pytest.mark.parametrize("line", PRICE_LIST.strip().splitlines(), ids=lambda line: line.split()[0])
def test_every_model_is_billed_by_the_published_list(line: str) -> None:
    alias, *prices = line.split()
    kinds = ("input_tokens", "output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens")
    for kind, price in zip(kinds, prices, strict=True):
        for tier, share in (("standard", 1), ("batch", Decimal("0.5"))):
            cost = cost_micro_usd(BY_ID[alias].id, usage(**{kind: 1000, "service_tier": tier}), TODAY)
            assert cost == Decimal(price) * 1000 * share


def test_the_list_names_every_model_that_is_served() -> None:
    assert {BY_ID[line.split()[0]] for line in PRICE_LIST.strip().splitlines()} == set(MODELS)


def test_a_batch_of_an_earlier_day_is_billed_by_the_oldest_list_known_not_at_the_standard_price() -> None:
    batch = usage(input_tokens=1000, service_tier="batch")
    assert cost_micro_usd("claude-sonnet-4-6", batch, date(2026, 3, 1)) == 1500


counts = st.integers(min_value=0, max_value=150_000)


@settings(deadline=None)
@given(
    model=st.sampled_from([model.id for model in MODELS if model.id not in OVERRIDES]),
    tier=st.sampled_from(["standard", "batch"]),
    tokens=st.tuples(counts, counts, counts, counts, counts),
)
def test_a_whole_request_costs_what_genai_prices_says_of_it(model: str, tier: str, tokens: tuple[int, ...]) -> None:
    fresh, output, write_5m, write_1h, read = tokens
    ours = usage(
        input_tokens=fresh,
        output_tokens=output,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        cache_read_tokens=read,
        service_tier=tier,
    )
    theirs = calc_price(
        PricedUsage(
            input_tokens=fresh + write_5m + write_1h + read,
            cache_write_tokens=write_5m + write_1h,
            cache_write_1h_tokens=write_1h,
            cache_read_tokens=read,
            output_tokens=output,
        ),
        model,
        provider_id="anthropic",
        genai_request_timestamp=datetime(2026, 11, 23, tzinfo=UTC),
        price_context={"processing": "batch"} if tier == "batch" else None,
    )
    assert cost_micro_usd(model, ours, TODAY) == theirs.total_price * 1_000_000


# The account


def test_the_account_tells_what_was_executed_and_what_it_would_cost(
    claude: Anthropic, http: httpx2.Client, world: World
) -> None:
    message = claude.messages.create(**params("x" * 4000))
    claude.messages.batches.create(requests=[request("a", text="x" * 8000, model="claude-haiku-4-5")])
    world.clock.advance(1800)
    output = message.usage.output_tokens
    account = http.get("/_emulator/account").json()
    haiku, sonnet = account["by"]
    assert sonnet == {
        "model": "claude-sonnet-4-6",
        "service_tier": "standard",
        "inference_geo": "global",
        "requests": 1,
        "tokens": {
            "input_tokens": 1000,
            "cache_creation_5m_input_tokens": 0,
            "cache_creation_1h_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
        },
        "cost_micro_usd": str(3000 + 15 * output),
    }
    assert (haiku["service_tier"], haiku["requests"], haiku["tokens"]["input_tokens"]) == ("batch", 1, 2000)
    assert (account["requests_executed"], account["distinct_requests"], account["batches"]) == (2, 2, 1)
    assert Decimal(account["cost_micro_usd"]) == sum(Decimal(line["cost_micro_usd"]) for line in account["by"])


def test_the_account_adds_up_to_the_usage_in_the_results(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(
        requests=[*requests(20), *[request(f"c-{n}", system=cached(8000, "1h"), inference_geo="us") for n in range(5)]]
    )
    world.clock.advance(1800)
    total = Decimal(0)
    for row in claude.messages.batches.results(batch.id):
        used = row.result.message.usage
        cost = used.input_tokens * 3 + used.output_tokens * 15 + used.cache_creation.ephemeral_1h_input_tokens * 6
        total += cost * Decimal("0.5") * (Decimal("1.1") if used.inference_geo == "us" else 1)
    assert world.account.cost_micro_usd == total


def test_each_prompt_is_priced_alone_not_the_sum_of_them(claude: Anthropic, world: World) -> None:
    prompt = params("x" * 240_000, model="claude-haiku-5-5", max_tokens=1)
    claude.messages.create(**prompt)
    claude.messages.create(**prompt)
    assert world.account.cost_micro_usd == 2 * (60_000 * Decimal("0.1") + Decimal("0.5"))


def test_the_account_tells_when_the_same_request_was_executed_twice(claude: Anthropic, world: World) -> None:
    for _ in range(2):
        claude.messages.batches.create(requests=requests(3))
    world.clock.advance(1800)
    assert (world.account.requests_executed, world.account.distinct_requests) == (6, 3)


def test_refused_and_errored_requests_are_free(http: httpx2.Client, claude: Anthropic, world: World) -> None:
    http.post("/v1/messages", json=params(messages=[]))
    claude.messages.batches.create(requests=requests(3, max_tokens=0))
    world.clock.advance(1800)
    assert world.account.report()["cost_micro_usd"] == "0"
    assert world.account.requests_executed == 0
