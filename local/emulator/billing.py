"""What the emulator would charge. Kept apart from Lanekeeper's own pricing on purpose: the two must agree unasked."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from local.emulator.plan import Usage

# genai-prices knows batch prices from 2026-10-14 on, and charges the standard price for a batch before that day.
FIRST_DAY = date(2026, 11, 22)
LONG_PROMPT_TOKENS = 100_000
GEO_FACTORS = {"us": Decimal("1.1")}
BATCH_FACTOR = Decimal("0.5")

# Dollars per million tokens where genai-prices is wrong: Sonnet 4.5 has no dearer tier for prompts over 200,000 tokens,
# and Fable 5.2 is missing before genai-prices 0.2.
OVERRIDES = {
    "claude-sonnet-4-5-20250929": {"input": "3", "output": "15", "write_5m": "3.75", "write_1h": "6", "read": "0.30"},
    "claude-fable-5-2": {"input": "8", "output": "40", "write_5m": "10", "write_1h": "16", "read": "0.20"},
}


def cost_micro_usd(model_id: str, usage: Usage, on: date) -> Decimal:
    """The exact price of one request in millionths of a dollar, by the prices of that day (UTC)."""
    batch, day = usage.service_tier == "batch", max(on, FIRST_DAY)
    long_prompt = usage.prompt_tokens > LONG_PROMPT_TOKENS
    cost = sum(
        (tokens * _rate(model_id, kind, day, batch=batch, long_prompt=long_prompt) for kind, tokens in _kinds(usage)),
        Decimal(0),
    )
    return cost * GEO_FACTORS.get(usage.geo, Decimal(1))


def load_prices() -> None:
    """Read the price list now; it takes up to a second, which the first message would otherwise wait."""
    _rate("claude-opus-5-5", "input", FIRST_DAY, batch=False, long_prompt=False)


def _kinds(usage: Usage) -> tuple[tuple[str, int], ...]:
    return (
        ("input", usage.input_tokens),
        ("output", usage.output_tokens),
        ("write_5m", usage.cache_write_5m_tokens),
        ("write_1h", usage.cache_write_1h_tokens),
        ("read", usage.cache_read_tokens),
    )


@cache
def _rate(model_id: str, kind: str, day: date, *, batch: bool, long_prompt: bool) -> Decimal:
    """Dollars per million tokens, which is micro-dollars per token."""
    if model_id in OVERRIDES:
        return Decimal(OVERRIDES[model_id][kind]) * (BATCH_FACTOR if batch else 1)
    tokens = 2 * LONG_PROMPT_TOKENS if long_prompt else LONG_PROMPT_TOKENS
    price = calc_price(
        _sample(kind, tokens),
        model_id,
        provider_id="anthropic",
        genai_request_timestamp=datetime.combine(day, time(), UTC),
        price_context={"processing": "batch"} if batch else None,
    )
    return (price.output_price if kind == "output" else price.input_price) / tokens * 1_000_000


def _sample(kind: str, tokens: int) -> PricedUsage:
    """A usage of one kind of token; its `input_tokens` are the whole prompt, cached or not."""
    cached = {"write_5m": "cache_write_tokens", "write_1h": "cache_write_1h_tokens", "read": "cache_read_tokens"}
    counts = {"input_tokens": tokens}
    if kind == "output":
        counts["output_tokens"] = tokens
    if kind in cached:
        counts["cache_write_tokens" if kind == "write_1h" else cached[kind]] = tokens
        counts[cached[kind]] = tokens
    return PricedUsage(**counts)


@dataclass(slots=True)
class Tally:
    """What one model executed in one service tier and geography."""

    requests: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    cost: Decimal = Decimal(0)


class Account:
    """Every request that was executed, and what it would be billed at. Failed, expired and cancelled ones are free."""

    def __init__(self) -> None:
        self.batches = 0
        self._tallies: dict[tuple[str, str, str], Tally] = {}
        self._digests: set[bytes] = set()

    def add(self, digest: bytes, model_id: str, usage: Usage, at: datetime) -> None:
        tally = self._tallies.setdefault((model_id, usage.service_tier, usage.geo), Tally())
        tally.requests += 1
        tally.tokens.update(dict(_kinds(usage)))
        tally.cost += cost_micro_usd(model_id, usage, at.date())
        self._digests.add(digest)

    @property
    def requests_executed(self) -> int:
        return sum(tally.requests for tally in self._tallies.values())

    @property
    def distinct_requests(self) -> int:
        """How many different parameters were executed: what exceeds it was paid for more than once."""
        return len(self._digests)

    @property
    def cost_micro_usd(self) -> Decimal:
        return sum((tally.cost for tally in self._tallies.values()), Decimal(0))

    def report(self) -> dict[str, Any]:
        """The account as JSON; costs are exact decimal strings."""
        tokens: Counter[str] = Counter()
        for tally in self._tallies.values():
            tokens.update(tally.tokens)
        return {
            "requests_executed": self.requests_executed,
            "distinct_requests": self.distinct_requests,
            "batches": self.batches,
            "tokens": _token_names(tokens),
            "cost_micro_usd": _exact(self.cost_micro_usd),
            "by": [_line(*key, tally) for key, tally in sorted(self._tallies.items())],
        }


def _line(model_id: str, service_tier: str, geo: str, tally: Tally) -> dict[str, Any]:
    return {
        "model": model_id,
        "service_tier": service_tier,
        "inference_geo": geo,
        "requests": tally.requests,
        "tokens": _token_names(tally.tokens),
        "cost_micro_usd": _exact(tally.cost),
    }


def _token_names(tokens: Counter[str]) -> dict[str, int]:
    return {
        "input_tokens": tokens["input"],
        "cache_creation_5m_input_tokens": tokens["write_5m"],
        "cache_creation_1h_input_tokens": tokens["write_1h"],
        "cache_read_input_tokens": tokens["read"],
        "output_tokens": tokens["output"],
    }


def _exact(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
