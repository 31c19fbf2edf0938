"""What one request used, read from the API's `usage` object. What no price list could cover is named, never dropped."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

_CACHE_WRITES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_TOOLS = ("web_search_requests", "web_fetch_requests")  # a fetch costs its tokens only


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and searches of one request. `input_tokens` are those outside the cache, as in the API."""

    input_tokens: int
    output_tokens: int
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    web_searches: int = 0
    us_only: bool = False  # inference_geo "us"
    service_tier: str | None = None  # how the API says it was billed: standard, batch, priority
    unpriced: tuple[str, ...] = ()  # fields with a charge that no price covers: the cost is unknown

    @classmethod
    def from_api(cls, usage: Mapping[str, Any]) -> Self:
        """Reads a response's `usage`. Never raises for odd content: what cannot be priced is named in `unpriced`."""
        writes = _object(usage, "cache_creation") or {_CACHE_WRITES[0]: usage.get("cache_creation_input_tokens")}
        return cls(
            input_tokens=_count(usage, "input_tokens"),
            output_tokens=_count(usage, "output_tokens"),
            cache_write_5m=_count(writes, _CACHE_WRITES[0]),
            cache_write_1h=_count(writes, _CACHE_WRITES[1]),
            cache_read=_count(usage, "cache_read_input_tokens"),
            web_searches=_count(_object(usage, "server_tool_use"), "web_search_requests"),
            us_only=usage.get("inference_geo") == "us",
            service_tier=usage.get("service_tier"),
            unpriced=tuple(_unpriced(usage)),
        )

    @property
    def prompt_tokens(self) -> int:
        """The whole prompt, cached or not: what prompt-length tiers go by."""
        return self.input_tokens + self.cache_write_5m + self.cache_write_1h + self.cache_read

    def tokens(self) -> dict[str, int]:
        """Tokens by kind, under the names that price rows use."""
        return {
            "input": self.input_tokens,
            "output": self.output_tokens,
            "cache_write_5m": self.cache_write_5m,
            "cache_write_1h": self.cache_write_1h,
            "cache_read": self.cache_read,
        }


def _object(usage: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = usage.get(key)
    return value if isinstance(value, Mapping) else {}


def _count(source: Mapping[str, Any], key: str) -> int:
    value = source.get(key)
    return value if isinstance(value, int) and _is_count(value) else 0


def _unpriced(usage: Mapping[str, Any]) -> Iterator[str]:
    yield from (key for key in ("input_tokens", "output_tokens") if usage.get(key) is None)
    reported = ((key, value) for key, value in usage.items() if value is not None)
    yield from (key for key, value in reported if not _RULES.get(key, _charges_nothing)(value))
    writes, total = _object(usage, "cache_creation"), usage.get("cache_creation_input_tokens")
    if writes and total is not None and sum(_count(writes, key) for key in _CACHE_WRITES) != total:
        yield "cache_creation_input_tokens"


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _charges_nothing(value: Any) -> bool:
    """A number we do not know may be a charge; a word or a breakdown of known counts is none."""
    return not isinstance(value, int | float) or value == 0


def _counts_only(known: tuple[str, ...]) -> Callable[[Any], bool]:
    def rule(value: Any) -> bool:
        return isinstance(value, Mapping) and all(
            count is None or count == 0 or (key in known and _is_count(count)) for key, count in value.items()
        )

    return rule


def _one_of(*words: str) -> Callable[[Any], bool]:
    return lambda value: value in words


def _messages_only(value: Any) -> bool:
    """Other iterations, a compaction for one, are billed beside the counts at the top."""
    turns = value if isinstance(value, list) else [None]
    return all(isinstance(turn, Mapping) and turn.get("type") == "message" for turn in turns)


_RULES: Mapping[str, Callable[[Any], bool]] = {
    "input_tokens": _is_count,
    "output_tokens": _is_count,
    "cache_creation_input_tokens": _is_count,
    "cache_read_input_tokens": _is_count,
    "cache_creation": _counts_only(_CACHE_WRITES),
    "server_tool_use": _counts_only(_TOOLS),
    "inference_geo": _one_of("global", "not_available", "us"),
    "speed": _one_of("standard"),  # fast mode has prices of its own
    "service_tier": lambda value: isinstance(value, str),  # whether it fits the lane is the price list's to say
    "iterations": _messages_only,
    "fallback_credit": lambda _: False,
}
