"""Before anything is built: which lane pays for a workload, and what batches would save on the requests of a log.

Pure: no file, no clock. Money is in dollars and exact; rounding belongs to whoever prints it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from lanekeeper.classify import BATCH_LATENCY
from lanekeeper.errors import LanekeeperError
from lanekeeper.models import Lane
from lanekeeper.pricing import Cost, PriceList, Usage

DAYS_PER_MONTH = 30


class UnpricedModelError(LanekeeperError):
    """A model without a valid price; the message says which, and what was probably meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From where on batching is considered. Both limits belong to the batch lane."""

    latency_minutes: Decimal = Decimal(BATCH_LATENCY // timedelta(minutes=1))  # exactly this long may batch
    monthly_saving: Decimal = Decimal(10)  # dollars; less is not worth a second lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected of a workload; the tokens are those of an average request."""

    name: str
    latency_minutes: Decimal  # how long an answer may take
    requests_per_day: Decimal  # may be a fraction: a monthly volume rarely divides by 30
    input_tokens: int
    output_tokens: int
    model: str

    @property
    def requests_per_month(self) -> Decimal:
        return self.requests_per_day * DAYS_PER_MONTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The lane for a workload, with what a month costs in either."""

    forecast: Forecast
    lane: Lane
    reason: str
    realtime_monthly: Decimal
    batch_monthly: Decimal

    @property
    def monthly_saving(self) -> Decimal:
        """What following the recommendation saves against real time: nothing in the real-time lane."""
        return self.realtime_monthly - self.batch_monthly if self.lane is Lane.BATCH else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request of a log."""

    model: str
    usage: Usage
    is_urgent: bool
    is_estimated: bool  # its tokens were guessed from the text, not reported by the API


@dataclass(slots=True)
class Share:
    """The urgent or the normal requests of a log. Requests without a price are counted, and cost nothing here."""

    requests: int = 0
    tokens: int = 0
    realtime_cost: Decimal = Decimal(0)
    batch_cost: Decimal = Decimal(0)


@dataclass(slots=True)
class LogPlan:
    """What a log tells about batching: its normal requests could have travelled at half price."""

    urgent: Share = field(default_factory=Share)
    normal: Share = field(default_factory=Share)
    estimated: int = 0
    unpriced: Counter[str] = field(default_factory=Counter)  # requests by model that have no known cost

    @property
    def requests(self) -> int:
        return self.urgent.requests + self.normal.requests

    @property
    def tokens(self) -> int:
        return self.urgent.tokens + self.normal.tokens

    @property
    def realtime_cost(self) -> Decimal:
        return self.urgent.realtime_cost + self.normal.realtime_cost

    @property
    def saving(self) -> Decimal:
        return self.normal.realtime_cost - self.normal.batch_cost


def recommend(forecast: Forecast, prices: PriceList, thresholds: Thresholds, *, at: datetime) -> Recommendation:
    """The lane that pays, at the prices valid at `at`; raises UnpricedModelError."""
    usage = Usage(input_tokens=forecast.input_tokens, output_tokens=forecast.output_tokens)
    cost = prices.price(forecast.model, usage, batch=True, at=at)
    if cost is None:
        raise UnpricedModelError(unpriced_model(forecast.model, prices))
    realtime = _dollars(cost.standard_micro_usd) * forecast.requests_per_month
    batch = _dollars(cost.micro_usd) * forecast.requests_per_month
    lane, reason = _decide(forecast.latency_minutes, realtime - batch, thresholds)
    return Recommendation(forecast=forecast, lane=lane, reason=reason, realtime_monthly=realtime, batch_monthly=batch)


def total_saving(recommendations: Iterable[Recommendation]) -> Decimal:
    """Dollars a month, over what is recommended for batch."""
    return sum((row.monthly_saving for row in recommendations), Decimal(0))


def weigh(requests: Iterable[LoggedRequest], prices: PriceList, *, at: datetime) -> LogPlan:
    """Adds up a log of any length, one request at a time, at the prices valid at `at`."""
    plan = LogPlan()
    for request in requests:
        share = plan.urgent if request.is_urgent else plan.normal
        share.requests += 1
        share.tokens += sum(request.usage.tokens().values())
        plan.estimated += request.is_estimated
        if (cost := _cost_in_both_lanes(request, prices, at)) is None:
            plan.unpriced[request.model] += 1
            continue
        share.realtime_cost += _dollars(cost.standard_micro_usd)
        share.batch_cost += _dollars(cost.micro_usd)
    return plan


def unpriced_model(model: str, prices: PriceList) -> str:
    """The sentence about a model that the list cannot price."""
    if prices.knows(model):
        return f"no price of {model} is valid today"
    nearest = prices.nearest(model)
    hint = f"the nearest known model is {nearest}" if nearest else f"known are {', '.join(prices.models())}"
    return f"{model} has no known price; {hint}"


def _decide(latency_minutes: Decimal, saving: Decimal, thresholds: Thresholds) -> tuple[Lane, str]:
    due, needed = duration(latency_minutes), duration(thresholds.latency_minutes)
    if latency_minutes < thresholds.latency_minutes:
        return Lane.REALTIME, f"due within {due}; a batch may take {needed}"
    if saving < thresholds.monthly_saving:
        return Lane.REALTIME, f"a batch would save less than ${thresholds.monthly_saving:f} a month"
    return Lane.BATCH, f"may wait {due}; a batch costs half"


def _cost_in_both_lanes(request: LoggedRequest, prices: PriceList, at: datetime) -> Cost | None:
    """Whichever lane it really took: a logged tier would contradict one of the two."""
    return prices.price(request.model, replace(request.usage, service_tier=None), batch=True, at=at)


def _dollars(micro_usd: Decimal) -> Decimal:
    return micro_usd.scaleb(-6)


def duration(minutes: Decimal) -> str:
    """Minutes as people say them: 90 min, 24 h."""
    hours = minutes / 60
    is_whole = hours == hours.to_integral_value()
    return f"{int(hours)} h" if hours >= 2 and is_whole else f"{minutes.normalize():f} min"
