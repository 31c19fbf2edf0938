"""The pure planner: which lane pays, and what a log's normal requests would save."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanekeeper.models import Lane
from lanekeeper.planning import (
    Forecast,
    LoggedRequest,
    Thresholds,
    UnpricedModelError,
    duration,
    recommend,
    total_saving,
    weigh,
)
from lanekeeper.pricing import Usage, standard_prices

PRICES = standard_prices()
TODAY = datetime(2026, 11, 23, tzinfo=UTC)
DEFAULTS = Thresholds()

ARTICLES = Forecast(
    name="content-pipeline",
    latency_minutes=Decimal(1440),
    requests_per_day=Decimal(500),
    input_tokens=5000,
    output_tokens=3000,
    model="claude-sonnet-4-6",
)
CHAT = replace(
    ARTICLES,
    name="live-chat",
    latency_minutes=Decimal(1),
    requests_per_day=Decimal(200_000) / 30,
    input_tokens=3000,
    output_tokens=1000,
)
REVIEWS = replace(
    ARTICLES,
    name="code-review",
    latency_minutes=Decimal(120),
    requests_per_day=Decimal(100),
    input_tokens=20_000,
    output_tokens=5000,
)


def test_the_worked_example_saves_652_dollars_and_a_half_a_month() -> None:
    rows = [recommend(forecast, PRICES, DEFAULTS, at=TODAY) for forecast in (CHAT, ARTICLES, REVIEWS)]
    assert [row.lane for row in rows] == [Lane.REALTIME, Lane.BATCH, Lane.BATCH]
    assert [round(row.realtime_monthly, 9) for row in rows] == [4800, 900, 405]
    assert [round(row.batch_monthly, 9) for row in rows] == [2400, 450, Decimal("202.5")]
    assert [row.monthly_saving for row in rows] == [0, 450, Decimal("202.5")]
    assert total_saving(rows) == Decimal("652.5")


@pytest.mark.parametrize(
    ("latency", "threshold", "lane"),
    [
        pytest.param("59.999", "60", Lane.REALTIME, id="just-under"),
        pytest.param("60", "60", Lane.BATCH, id="exactly"),
        pytest.param("0", "60", Lane.REALTIME, id="at-once"),
        pytest.param("0", "0", Lane.BATCH, id="no-threshold"),
        pytest.param("60", "90", Lane.REALTIME, id="a-higher-threshold"),
    ],
)
def test_a_latency_of_the_threshold_itself_may_batch(latency: str, threshold: str, lane: Lane) -> None:
    forecast = replace(ARTICLES, latency_minutes=Decimal(latency))
    thresholds = Thresholds(latency_minutes=Decimal(threshold))
    assert recommend(forecast, PRICES, thresholds, at=TODAY).lane is lane


@pytest.mark.parametrize(
    ("threshold", "lane"),
    [
        pytest.param("450", Lane.BATCH, id="exactly"),
        pytest.param("450.01", Lane.REALTIME, id="a-cent-short"),
        pytest.param("0", Lane.BATCH, id="no-threshold"),
    ],
)
def test_a_saving_of_the_threshold_itself_is_worth_it(threshold: str, lane: Lane) -> None:
    assert recommend(ARTICLES, PRICES, Thresholds(monthly_saving=Decimal(threshold)), at=TODAY).lane is lane


def test_without_thresholds_of_ones_own_10_dollars_a_month_decide() -> None:
    one_a_day = replace(ARTICLES, requests_per_day=Decimal(1))  # saves 0.03 × 30 = 0.90
    assert recommend(one_a_day, PRICES, DEFAULTS, at=TODAY).lane is Lane.REALTIME
    a_dozen = replace(ARTICLES, requests_per_day=Decimal(12))  # 10.80
    assert recommend(a_dozen, PRICES, DEFAULTS, at=TODAY).lane is Lane.BATCH


@pytest.mark.parametrize(
    ("forecast", "reason"),
    [
        pytest.param(CHAT, "due within 1 min; a batch may take 60 min", id="urgent"),
        pytest.param(ARTICLES, "may wait 24 h; a batch costs half", id="worth-it"),
        pytest.param(
            replace(ARTICLES, requests_per_day=Decimal(1)),
            "a batch would save less than $10 a month",
            id="not-worth-it",
        ),
        pytest.param(
            replace(CHAT, requests_per_day=Decimal(0)),
            "due within 1 min; a batch may take 60 min",
            id="urgent-and-idle",
        ),
    ],
)
def test_the_reason_names_the_rule_that_decided(forecast: Forecast, reason: str) -> None:
    assert recommend(forecast, PRICES, DEFAULTS, at=TODAY).reason == reason


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        ("1", "1 min"),
        ("0.5", "0.5 min"),
        ("60", "60 min"),
        ("90.0", "90 min"),
        ("120", "2 h"),
        ("1440", "24 h"),
        ("0", "0 min"),
    ],
)
def test_minutes_are_said_as_people_say_them(minutes: str, words: str) -> None:
    assert duration(Decimal(minutes)) == words


@pytest.mark.parametrize(
    ("model", "at", "message"),
    [
        pytest.param(
            "claude-sonnet-4-6-20250929",
            TODAY,
            "has no known price; the nearest known model is claude-sonnet-4-6",
            id="date",
        ),
        pytest.param(
            "gpt-4o", TODAY, "gpt-4o has no known price; known are claude-fable-5-2, claude-haiku", id="foreign"
        ),
        pytest.param(
            "claude-fable-5-2",
            datetime(2026, 1, 1, tzinfo=UTC),
            "no price of claude-fable-5-2 is valid today",
            id="before-its-price",
        ),
    ],
)
def test_a_model_without_a_price_is_an_error_and_never_free(model: str, at: datetime, message: str) -> None:
    with pytest.raises(UnpricedModelError, match=message):
        recommend(replace(ARTICLES, model=model), PRICES, DEFAULTS, at=at)


forecasts = st.builds(
    Forecast,
    name=st.just("any"),
    latency_minutes=st.decimals(0, 3000, places=1),
    requests_per_day=st.decimals(0, 10_000, places=2),
    input_tokens=st.integers(0, 300_000),
    output_tokens=st.integers(0, 64_000),
    model=st.sampled_from(PRICES.models()),
)


@given(forecasts, st.decimals(0, 3000, places=1))
def test_a_later_deadline_never_moves_a_workload_from_batch_to_real_time(forecast: Forecast, more: Decimal) -> None:
    later = replace(forecast, latency_minutes=forecast.latency_minutes + more)
    if recommend(forecast, PRICES, DEFAULTS, at=TODAY).lane is Lane.BATCH:
        assert recommend(later, PRICES, DEFAULTS, at=TODAY).lane is Lane.BATCH


@given(forecasts)
def test_a_dearer_model_never_makes_batching_less_worth(forecast: Forecast) -> None:
    cheap = recommend(replace(forecast, model="claude-sonnet-4-6"), PRICES, DEFAULTS, at=TODAY)
    dear = recommend(replace(forecast, model="claude-opus-4-7"), PRICES, DEFAULTS, at=TODAY)
    assert dear.monthly_saving >= cheap.monthly_saving


def logged(input_tokens: int, output_tokens: int, *, urgent: bool, model: str = "claude-sonnet-4-6") -> LoggedRequest:
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return LoggedRequest(model=model, usage=usage, is_urgent=urgent, is_estimated=False)


def test_the_saving_of_a_log_is_weighted_by_tokens_and_not_by_count() -> None:
    plan = weigh([logged(1000, 0, urgent=True)] * 9 + [logged(91_000, 0, urgent=False)], PRICES, at=TODAY)
    assert (plan.urgent.requests, plan.normal.requests) == (9, 1)
    assert (plan.urgent.tokens, plan.normal.tokens) == (9000, 91_000)
    assert plan.realtime_cost == Decimal("0.3")  # 100,000 tokens at 3 dollars a million
    assert plan.saving == Decimal("0.1365")  # half of the 91 % that could wait


@pytest.mark.parametrize("tier", ["batch", "standard"])
def test_a_logged_tier_does_not_keep_a_request_from_being_priced_in_both_lanes(tier: str) -> None:
    usage = Usage(input_tokens=1000, output_tokens=0, service_tier=tier)
    plan = weigh([replace(logged(0, 0, urgent=False), usage=usage)], PRICES, at=TODAY)
    assert (plan.realtime_cost, plan.saving) == (Decimal("0.003"), Decimal("0.0015"))


def test_requests_without_a_price_are_counted_and_named_and_cost_nothing() -> None:
    unread = replace(logged(10, 10, urgent=False), usage=Usage(input_tokens=10, output_tokens=10, unpriced=("speed",)))
    plan = weigh([logged(10, 0, urgent=False, model="claude-x"), unread, logged(0, 0, urgent=True)], PRICES, at=TODAY)
    assert plan.unpriced == {"claude-x": 1, "claude-sonnet-4-6": 1}
    assert (plan.requests, plan.tokens, plan.realtime_cost) == (3, 30, 0)


def test_an_empty_log_weighs_nothing() -> None:
    plan = weigh([], PRICES, at=TODAY)
    assert (plan.requests, plan.tokens, plan.realtime_cost, plan.saving) == (0, 0, 0, 0)
