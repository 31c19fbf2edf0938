"""What a report reads of the ledger's rows and of the rows of requests that have ended."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from lanekeeper.models import Lane
from lanekeeper.pricing import PriceList
from lanekeeper.usage import Usage

# The attributes that are read, for projections: the rest of a row stays where it is.
BOOKED = (
    "lane",
    "model",
    "kind",
    "requests",
    "tokens.web_search",
    "cost_micro_usd",
    "standard_micro_usd",
    "seconds",
    "recorded_at",
)
ENDED = (
    "workload",
    "answer_key",
    "segment",
    "cost_micro_usd",
    "outcome",
    "outcome_reason",
    "late",
    "endangered_at",
    "deadline",
    "accepted_at",
    "rescue",
    "attempt",
)

LANES = {lane.value: lane for lane in Lane}  # many times as fast as to ask the enumeration

NONE = {"N": "0"}

_ANSWER = re.compile(r"results/workload=[^/]+/date=(?P<day>[^/]+)/(?P<realtime>realtime-)?")
_ROUND = re.compile(r"-r(\d+)-")

SearchPrice = Callable[[str, str], Decimal | None]  # by model and day: micro-dollars a web search; None: unknown


class Booked(NamedTuple):
    """One row of the ledger. Money is in micro-dollars, None where it is unknown."""

    workload: str
    day: str
    lane: Lane
    model: str
    kind: str
    requests: int
    web_searches: int
    cost: Decimal | None
    standard: Decimal | None
    seconds: Decimal | None
    recorded_at: str


class Ended(NamedTuple):
    """One request that has its end, under the day and the lane of the answer that ended it, as the ledger has them."""

    workload: str
    day: str
    lane: Lane
    cost: Decimal | None
    failure: str | None  # why it failed
    is_late: bool
    is_told: bool  # of its deadline, before that passed or when it came
    is_rescue: bool  # asked for in real time because its batch was slow, whichever answered
    rounds: int  # further batches
    attempts: int  # further calls in real time


def booked_of(workload: str, day: str, item: Mapping[str, Any]) -> Booked:
    """One item in DynamoDB's own form: there are a million of them, and half of the time is spent here."""
    cost, standard, seconds = (item[name].get("N") for name in ("cost_micro_usd", "standard_micro_usd", "seconds"))
    searches = item.get("tokens")
    return Booked(
        workload,
        day,
        LANES[item["lane"]["S"]],
        item["model"]["S"],
        item["kind"]["S"],
        int(item["requests"]["N"]),
        int(searches["M"].get("web_search", NONE)["N"]) if searches else 0,
        None if cost is None else Decimal(cost),
        None if standard is None else Decimal(standard),
        None if seconds is None else Decimal(seconds),
        item["recorded_at"]["S"],
    )


def ended_of(item: Mapping[str, Any]) -> Ended | None:
    """None for a row whose answer lies where none of ours does."""
    place = _ANSWER.match(item["answer_key"])
    if place is None:
        return None
    further = _ROUND.search(item.get("segment", ""))
    told_at = item.get("endangered_at")
    return Ended(
        workload=item["workload"],
        day=place["day"],
        lane=Lane.REALTIME if place["realtime"] else Lane.BATCH,
        cost=item["cost_micro_usd"],
        failure=item["outcome_reason"] if item["outcome"] == "failed" else None,
        is_late=bool(item.get("late")),
        is_told=told_at is not None and told_at <= max(item["deadline"], item["accepted_at"]),
        is_rescue="rescue" in item,
        rounds=int(further[1]) if further else 0,
        attempts=max(0, int(item["attempt"]) - 1),
    )


def search_price(prices: PriceList) -> SearchPrice:
    """What a web search costs, which is no token charge and has no batch price."""

    @cache
    def price(model: str, day: str) -> Decimal | None:
        one = Usage(input_tokens=0, output_tokens=0, web_searches=1)
        cost = prices.price(model, one, batch=False, at=datetime.fromisoformat(day).replace(tzinfo=UTC))
        return None if cost is None else cost.micro_usd

    return price
