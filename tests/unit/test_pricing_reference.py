"""Our table against genai-prices 0.2.3: equal over the whole grid, and each known deviation named.

A deviation that ends (they correct it, or prices change) fails here and calls for a look at both.
"""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import genai_prices
import pytest

from lanekeeper.pricing import Usage, standard_prices

PRICES = standard_prices()
TODAY = datetime(2026, 11, 23, tzinfo=UTC)
BATCH_KNOWN_SINCE = datetime(2026, 10, 14, tzinfo=UTC)  # to genai-prices
DATED_NAMES = ("claude-haiku-4-5-20251001", "claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929")

# Each count on its own and all together, below and above the prompt length from which claude-haiku-5-5 is dearer.
USAGES = [
    Usage(input_tokens=1, output_tokens=0),
    Usage(input_tokens=0, output_tokens=1),
    Usage(input_tokens=0, output_tokens=0, cache_write_5m=1),
    Usage(input_tokens=0, output_tokens=0, cache_write_1h=1),
    Usage(input_tokens=0, output_tokens=0, cache_read=1),
    Usage(input_tokens=0, output_tokens=0, web_searches=1),
    Usage(input_tokens=3000, output_tokens=1000),
    Usage(input_tokens=100_000, output_tokens=7),
    Usage(input_tokens=100_001, output_tokens=7),
    Usage(
        input_tokens=19, output_tokens=1234, cache_write_5m=311, cache_write_1h=4099, cache_read=51_001, web_searches=3
    ),
    Usage(input_tokens=1, output_tokens=64_000, cache_write_5m=40_000, cache_write_1h=30_000, cache_read=30_000),
]


def theirs(model: str, used: Usage, *, batch: bool, at: datetime) -> Decimal:
    """Micro-dollars by genai-prices, with its own idea of the fields: input means the whole prompt."""
    price = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=used.prompt_tokens,
            output_tokens=used.output_tokens,
            cache_write_tokens=used.cache_write_5m + used.cache_write_1h,
            cache_write_1h_tokens=used.cache_write_1h,
            cache_read_tokens=used.cache_read,
            web_searches=used.web_searches,
        ),
        model_ref=model,
        provider_id="anthropic",
        genai_request_timestamp=at,
        price_context={"processing": "batch"} if batch else None,
    )
    return price.total_price * 1_000_000


def ours(model: str, used: Usage, *, batch: bool, at: datetime) -> Decimal | None:
    cost = PRICES.price(model, used, batch=batch, at=at)
    return cost and cost.micro_usd


@pytest.mark.parametrize("batch", [pytest.param(False, id="real-time"), pytest.param(True, id="batch")])
@pytest.mark.parametrize("model", [*PRICES.models(), *DATED_NAMES])
def test_both_charge_the_same_for_every_usage_of_the_grid(model: str, batch: bool) -> None:
    assert [ours(model, used, batch=batch, at=TODAY) for used in USAGES] == [
        theirs(model, used, batch=batch, at=TODAY) for used in USAGES
    ]


def test_deviation_batches_before_they_knew_of_them_are_half_price_with_us_and_full_price_with_them() -> None:
    earlier = datetime(2026, 10, 13, 23, 59, tzinfo=UTC)
    used = Usage(input_tokens=1000, output_tokens=100)
    for model, at in product(PRICES.models(), (earlier, BATCH_KNOWN_SINCE)):
        if (charge := ours(model, used, batch=True, at=at)) is not None:
            factor = 2 if at == earlier else 1
            assert theirs(model, used, batch=True, at=at) == charge * factor


def test_deviation_cache_reads_of_sonnet_5_5_cost_twice_as_much_before_7_october_with_us() -> None:
    used, before = Usage(input_tokens=0, output_tokens=0, cache_read=1000), datetime(2026, 10, 6, tzinfo=UTC)
    assert ours("claude-sonnet-5-5", used, batch=False, at=before) == 200
    assert theirs("claude-sonnet-5-5", used, batch=False, at=before) == 100


def test_deviation_long_prompts_of_sonnet_4_5_keep_a_tier_with_them_that_ended_with_its_beta() -> None:
    used = Usage(input_tokens=200_001, output_tokens=1000)
    assert ours("claude-sonnet-4-5", used, batch=False, at=TODAY) == 200_001 * 3 + 1000 * 15
    assert theirs("claude-sonnet-4-5", used, batch=False, at=TODAY) == 200_001 * 6 + 1000 * Decimal("22.5")


def test_deviation_they_do_not_know_that_inference_in_the_us_costs_more() -> None:
    used = Usage(input_tokens=1000, output_tokens=100, us_only=True)
    charge = ours("claude-opus-5-5", used, batch=True, at=TODAY)
    assert charge == theirs("claude-opus-5-5", used, batch=True, at=TODAY) * Decimal("1.1")


@pytest.mark.parametrize(
    "model", ["claude-sonnet-4-6-20250929", "claude-opus-4-7-20250415", "claude-haiku-4-5-nonsense"]
)
def test_deviation_they_price_ids_that_do_not_exist_by_their_beginning(model: str) -> None:
    used = Usage(input_tokens=1000, output_tokens=100)
    assert ours(model, used, batch=False, at=TODAY) is None
    assert theirs(model, used, batch=False, at=TODAY) > 0


def test_deviation_a_typo_in_their_context_silently_means_the_standard_price() -> None:
    usage = genai_prices.Usage(input_tokens=1000, output_tokens=0)
    prices = {
        word: genai_prices.calc_price(
            usage, model_ref="claude-sonnet-4-6", genai_request_timestamp=TODAY, price_context={"processing": word}
        ).total_price
        for word in ("batch", "batched")
    }
    assert prices["batched"] == 2 * prices["batch"]


@pytest.mark.parametrize(
    "reported",
    [
        pytest.param({"service_tier": "priority"}, id="committed-capacity"),
        pytest.param({"speed": "fast"}, id="fast-mode"),
        pytest.param({"server_tool_use": {"a_new_tool_requests": 4}}, id="unknown-tool"),
    ],
)
def test_deviation_what_they_do_not_read_they_leave_out_and_we_call_unknown(reported: dict[str, object]) -> None:
    response = {"model": "claude-opus-4-8", "usage": {"input_tokens": 1000, "output_tokens": 100} | reported}
    used = Usage.from_api(response["usage"])  # type: ignore[arg-type]
    assert ours("claude-opus-4-8", used, batch=False, at=TODAY) is None
    extracted = genai_prices.extract_usage(response, provider_id="anthropic")
    assert extracted.calc_price(genai_request_timestamp=TODAY).total_price * 1_000_000 == 1000 * 5 + 100 * 25
