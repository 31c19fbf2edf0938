"""The prompt cache: who finds a prefix pays little for it, who does not pays a little more and leaves it behind."""

from datetime import datetime, timedelta

from local.emulator.plan import Plan, Usage

KEPT_FOR = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
# The API's minimum differs by model, from 512 to 4,096 tokens; a shorter prefix is silently not cached.
SHORTEST_PREFIX = 1_024


class PromptCache:
    """Prefixes by model and hash, each with the moment when it is forgotten."""

    def __init__(self) -> None:
        self._expiry: dict[tuple[str, bytes], datetime] = {}

    def usage(self, plan: Plan, service_tier: str, now: datetime) -> Usage:
        """What the request reads from the cache and writes to it, as things stand. Changes nothing."""
        found, written = 0, {"5m": 0, "1h": 0}
        for digest, tokens, _ in plan.breakpoints:
            if self._expiry.get((plan.model.id, digest), now) > now:
                found = tokens
        reached = found
        for _, tokens, ttl in plan.breakpoints:
            if tokens > reached and tokens >= SHORTEST_PREFIX:
                written[ttl] += tokens - reached
                reached = tokens
        return Usage(
            input_tokens=plan.prompt_tokens - reached,
            cache_read_tokens=found,
            cache_write_5m_tokens=written["5m"],
            cache_write_1h_tokens=written["1h"],
            output_tokens=plan.output_tokens,
            service_tier=service_tier,
            geo=plan.geo,
        )

    def keep(self, plan: Plan, now: datetime) -> None:
        """Remember the request's prefixes from now on; those it read live on from now, too."""
        for digest, tokens, ttl in plan.breakpoints:
            if tokens >= SHORTEST_PREFIX:
                key = plan.model.id, digest
                self._expiry[key] = max(now + KEPT_FOR[ttl], self._expiry.get(key, now))
