"""The published prices by hand arithmetic, and what has no price."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

from lanekeeper.pricing import PriceError, Usage, standard_prices

PRICES = standard_prices()
TODAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PRICING_PAGE = Path(__file__).parents[2] / "docs" / "pricing.md"
AN_HOUR_WEST = timezone(timedelta(hours=-1))

# Dollars per million tokens, as published: input, output, cache write for 5 minutes and for 1 hour, cache read.
PUBLISHED = {
    "claude-fable-5-2": "8 40 10 16 0.20",
    "claude-opus-5-5": "4 20 5 8 0.20",
    "claude-opus-5": "5 25 6.25 10 0.50",
    "claude-opus-4-8": "5 25 6.25 10 0.50",
    "claude-opus-4-7": "5 25 6.25 10 0.50",
    "claude-opus-4-6": "5 25 6.25 10 0.50",
    "claude-opus-4-5": "5 25 6.25 10 0.50",
    "claude-sonnet-5-5": "2 10 2.5 4 0.10",
    "claude-sonnet-5": "2 10 2.5 4 0.20",
    "claude-sonnet-4-6": "3 15 3.75 6 0.30",
    "claude-sonnet-4-5": "3 15 3.75 6 0.30",
    "claude-haiku-5-5": "0.10 0.50 0.125 0.20 0.01",
    "claude-haiku-4-5": "1 5 1.25 2 0.10",
}
KINDS = ("input_tokens", "output_tokens", "cache_write_5m", "cache_write_1h", "cache_read")


def usage(**counts: int) -> Usage:
    return Usage(**({"input_tokens": 0, "output_tokens": 0} | counts))


def micro_dollars(model: str, used: Usage, *, batch: bool = False, at: datetime = TODAY) -> Decimal | None:
    cost = PRICES.price(model, used, batch=batch, at=at)
    return cost and cost.micro_usd


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", PUBLISHED)
def test_a_thousand_tokens_of_each_kind_cost_what_the_published_table_says(model: str, kind: str) -> None:
    dollars_per_million = Decimal(PUBLISHED[model].split()[KINDS.index(kind)])
    cost = PRICES.price(model, usage(**{kind: 1000}), batch=True, at=TODAY)
    assert cost is not None
    assert cost.standard_micro_usd == dollars_per_million * 1000
    assert cost.micro_usd == dollars_per_million * 500


def test_every_model_of_the_list_is_in_the_table_of_this_test() -> None:
    assert set(PRICES.models()) == set(PUBLISHED)


@pytest.mark.parametrize(
    ("model", "used", "batch", "expected"),
    [
        # 3,000 × 3 + 1,000 × 15
        pytest.param("claude-sonnet-4-6", usage(input_tokens=3000, output_tokens=1000), False, "24000", id="chat"),
        # (5,000 × 3 + 3,000 × 15) / 2
        pytest.param("claude-sonnet-4-6", usage(input_tokens=5000, output_tokens=3000), True, "30000", id="article"),
        # (1 × 3) / 2: a fraction of a micro-dollar is kept
        pytest.param("claude-sonnet-4-6", usage(input_tokens=1), True, "1.5", id="fraction"),
        # 100 × 5 + 2,000 × 25 + 400 × 6.25 + 300 × 10 + 5,000 × 0.50 = 500 + 50,000 + 2,500 + 3,000 + 2,500
        pytest.param(
            "claude-opus-4-7",
            Usage(input_tokens=100, output_tokens=2000, cache_write_5m=400, cache_write_1h=300, cache_read=5000),
            False,
            "58500",
            id="every-kind",
        ),
        # (1,000 × 2 + 100 × 10) × 1.1
        pytest.param(
            "claude-sonnet-5-5", Usage(input_tokens=1000, output_tokens=100, us_only=True), False, "3300", id="us-only"
        ),
        # (1,000 × 2 + 100 × 10) × 1.1 / 2
        pytest.param(
            "claude-sonnet-5-5",
            Usage(input_tokens=1000, output_tokens=100, us_only=True),
            True,
            "1650",
            id="us-in-batch",
        ),
        # 3 searches at 10 dollars per 1,000 are 30,000; the 100 × 1 beside them
        pytest.param("claude-haiku-4-5", usage(input_tokens=100, web_searches=3), False, "30100", id="searches"),
        # searches at full price, tokens at half
        pytest.param(
            "claude-haiku-4-5", usage(input_tokens=100, web_searches=3), True, "30050", id="searches-in-batch"
        ),
        # searches are no tokens: the factor 1.1 is on the 100 × 1 only
        pytest.param(
            "claude-haiku-4-5",
            Usage(input_tokens=100, output_tokens=0, web_searches=3, us_only=True),
            False,
            "30110",
            id="searches-us-only",
        ),
        # 100,000 × 0.10 + 1,000 × 0.50
        pytest.param(
            "claude-haiku-5-5",
            usage(input_tokens=100_000, output_tokens=1000),
            False,
            "10500",
            id="longest-short-prompt",
        ),
        # 100,001 × 0.50 + 1,000 × 2.50: one token more, and the whole request is dearer
        pytest.param(
            "claude-haiku-5-5", usage(input_tokens=100_001, output_tokens=1000), False, "52500.5", id="long-prompt"
        ),
        # the prompt counts with its cached part: 1 × 0.50 + 40,000 × 0.625 + 30,000 × 1.00 + 30,000 × 0.05 + 10 × 2.50
        pytest.param(
            "claude-haiku-5-5",
            Usage(input_tokens=1, output_tokens=10, cache_write_5m=40_000, cache_write_1h=30_000, cache_read=30_000),
            False,
            "56525.5",
            id="long-cached-prompt",
        ),
        # output does not make a prompt long
        pytest.param("claude-haiku-5-5", usage(output_tokens=200_000), True, "50000", id="long-output"),
        pytest.param("claude-haiku-4-5-20251001", usage(input_tokens=7), False, "7", id="dated-name"),
        pytest.param("claude-sonnet-4-6", usage(), False, "0", id="nothing-used"),
    ],
)
def test_the_charge_of_a_request_is_exact(model: str, used: Usage, batch: bool, expected: str) -> None:
    assert micro_dollars(model, used, batch=batch) == Decimal(expected)


@pytest.mark.parametrize(
    ("moment", "cache_read"),
    [
        pytest.param(datetime(2026, 9, 27, 23, 59, tzinfo=UTC), None, id="before-the-model"),
        pytest.param(datetime(2026, 9, 28, tzinfo=UTC), "200", id="first-price"),
        pytest.param(datetime(2026, 10, 6, 23, 59, 59, tzinfo=UTC), "200", id="its-last-second"),
        pytest.param(datetime(2026, 10, 7, tzinfo=UTC), "100", id="second-price"),
        pytest.param(datetime(2026, 10, 6, 23, 0, tzinfo=AN_HOUR_WEST), "100", id="days-are-utc"),
        pytest.param(datetime(2031, 1, 1, tzinfo=UTC), "100", id="until-a-next-row"),
    ],
)
def test_a_request_is_priced_by_the_row_valid_when_it_ran(moment: datetime, cache_read: str | None) -> None:
    price = micro_dollars("claude-sonnet-5-5", usage(cache_read=1000), at=moment)
    assert price == (cache_read and Decimal(cache_read))


def test_the_version_tells_the_list_and_the_row() -> None:
    cost = PRICES.price("claude-sonnet-5-5", usage(input_tokens=1), batch=False, at=TODAY)
    assert cost is not None
    assert cost.price_version == "published-2026-11-22/from-2026-10-07"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        PRICES.price("claude-sonnet-4-6", usage(), batch=False, at=datetime(2026, 11, 23))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("model", "nearest"),
    [
        pytest.param("claude-sonnet-4-6-20250929", "claude-sonnet-4-6", id="a-date-that-does-not-exist"),
        pytest.param("claude-opus-4-7-20250415", "claude-opus-4-7", id="another-one"),
        pytest.param("claude-sonnet-4-6-latest", "claude-sonnet-4-6", id="latest"),
        pytest.param("claude-sonnet-4.6", "claude-sonnet-4-6", id="dot"),
        pytest.param("claude-4-6-sonnet", "claude-sonnet-4-6", id="old-order"),
        pytest.param("Claude-Opus-5-5", "claude-opus-5-5", id="capitals"),
        pytest.param("claude-sonet-4-6", "claude-sonnet-4-6", id="typo"),
        pytest.param("anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5", id="bedrock"),
        pytest.param("claude-sonnet-4-6 ", "claude-sonnet-4-6", id="trailing-space"),
        pytest.param("gpt-4o", None, id="another-maker"),
        pytest.param("", None, id="empty"),
    ],
)
def test_an_unknown_model_has_no_price_and_a_nearest_known_one(model: str, nearest: str | None) -> None:
    assert not PRICES.knows(model)
    assert micro_dollars(model, usage(input_tokens=1000)) is None
    assert PRICES.nearest(model) == nearest


@pytest.mark.parametrize(
    ("tier", "batch", "known"),
    [
        pytest.param(None, True, True, id="not-told-in-batch"),
        pytest.param("batch", True, True, id="batch-in-batch"),
        pytest.param("standard", True, False, id="standard-in-batch"),
        pytest.param(None, False, True, id="not-told-in-real-time"),
        pytest.param("standard", False, True, id="standard-in-real-time"),
        pytest.param("batch", False, False, id="batch-in-real-time"),
        pytest.param("priority", False, False, id="committed-capacity"),
    ],
)
def test_a_tier_that_contradicts_the_lane_has_no_price(tier: str | None, batch: bool, known: bool) -> None:
    used = Usage(input_tokens=10, output_tokens=10, service_tier=tier)
    assert (micro_dollars("claude-sonnet-4-6", used, batch=batch) is not None) == known


PRIVATE = {"model": "claude-sonnet-4-6", "valid_from": "2026-11-01", "input": "2.40", "output": 12}


def test_a_private_price_holds_from_its_day_on_and_halves_in_a_batch() -> None:
    prices = PRICES.with_private([PRIVATE])
    before = prices.price(
        "claude-sonnet-4-6", usage(input_tokens=10), batch=True, at=datetime(2026, 10, 31, tzinfo=UTC)
    )
    after = prices.price("claude-sonnet-4-6", usage(input_tokens=10), batch=True, at=TODAY)
    assert before is not None
    assert after is not None
    assert (before.micro_usd, before.standard_micro_usd) == (15, 30)
    assert (after.micro_usd, after.standard_micro_usd) == (12, 24)
    assert after.price_version == "private/from-2026-11-01"


def test_a_private_price_outlives_a_younger_published_one() -> None:
    old = PRIVATE | {"model": "claude-sonnet-5-5", "valid_from": date(2026, 10, 1)}
    cost = PRICES.with_private([old]).price("claude-sonnet-5-5", usage(input_tokens=10), batch=False, at=TODAY)
    assert cost is not None
    assert cost.micro_usd == 24


def test_a_private_price_given_under_a_dated_name_holds_for_the_model() -> None:
    prices = PRICES.with_private([PRIVATE | {"model": "claude-haiku-4-5-20251001", "input": 0.8}])
    cost = prices.price("claude-haiku-4-5", usage(input_tokens=10), batch=False, at=TODAY)
    assert cost is not None
    assert cost.micro_usd == 8


def test_a_private_price_makes_a_model_known_and_leaves_the_published_list_alone() -> None:
    prices = PRICES.with_private([PRIVATE | {"model": "claude-mythos-5-2"}])
    assert prices.knows("claude-mythos-5-2")
    assert not PRICES.knows("claude-mythos-5-2")
    assert prices.models() == tuple(sorted([*PRICES.models(), "claude-mythos-5-2"]))


@pytest.mark.parametrize("kind", ["cache_write_5m", "cache_write_1h", "cache_read", "web_searches"])
def test_a_kind_that_a_private_price_leaves_out_has_no_price(kind: str) -> None:
    prices = PRICES.with_private([PRIVATE])
    assert prices.price("claude-sonnet-4-6", usage(input_tokens=1, **{kind: 1}), batch=False, at=TODAY) is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param("claude-sonnet-4-6", "names its model", id="no-row"),
        pytest.param({"input": 1, "output": 1}, "names its model", id="no-model"),
        pytest.param(PRIVATE | {"input": "three"}, "input must be a number of dollars", id="word"),
        pytest.param(PRIVATE | {"input": -1}, "input must be a number of dollars", id="negative"),
        pytest.param(PRIVATE | {"input": True}, "input must be a number of dollars", id="boolean"),
        pytest.param(PRIVATE | {"input": "NaN"}, "input must be a number of dollars", id="not-a-number"),
        pytest.param(PRIVATE | {"input": None}, "input must be a number of dollars", id="null"),
        pytest.param({k: v for k, v in PRIVATE.items() if k != "output"}, "output is missing", id="no-output"),
        pytest.param(PRIVATE | {"valid_from": "1 November"}, "valid_from must be a day", id="day"),
        pytest.param({k: v for k, v in PRIVATE.items() if k != "valid_from"}, "valid_from must be a day", id="no-day"),
        pytest.param(PRIVATE | {"cache_wirte": 1}, "no field is called cache_wirte", id="misspelt-field"),
        pytest.param(PRIVATE | {"long_prompt": {"input": 1}}, "long_prompt needs above_tokens", id="no-threshold"),
        pytest.param(
            PRIVATE | {"long_prompt": {"above_tokens": 1, "input": 1}}, "the same kinds", id="tier-without-output"
        ),
    ],
)
def test_a_private_price_that_cannot_be_used_is_refused_with_its_field(row: object, message: str) -> None:
    with pytest.raises(PriceError, match=message):
        PRICES.with_private([row])  # type: ignore[list-item]


def test_the_documentation_shows_every_row_of_the_list() -> None:
    table = [
        line.strip("|").split("|") for line in PRICING_PAGE.read_text("utf-8").splitlines() if "| `claude-" in line
    ]
    documented = [[cells[0].split("`")[1], *map(Decimal, cells[1:6]), cells[6].strip()] for cells in table]
    document = json.loads(resources.files("lanekeeper").joinpath("prices.json").read_bytes())
    listed = []
    for row in document["prices"]:
        tiers = [row, row["long_prompt"]] if "long_prompt" in row else [row]
        listed += [[row["model"], *figures(tier), row["valid_from"]] for tier in tiers]
    assert documented == listed
    assert f"as published on {document['published']}" in PRICING_PAGE.read_text("utf-8")


def figures(tier: dict[str, str]) -> list[Decimal]:
    kinds = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
    return [Decimal(tier[kind]) for kind in kinds]
