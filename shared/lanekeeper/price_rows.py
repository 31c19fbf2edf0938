"""A price is a dated row of data: read from prices.json or from one's own list, and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from lanekeeper.errors import LanekeeperError

PRIVATE = "private"
TOKEN_KINDS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")

_SEARCHES_PER_PRICE = 1000
_FIELDS = {"model", "valid_from", "web_search", "long_prompt", *TOKEN_KINDS}
_EXAMPLE = '{"model": "claude-sonnet-4-6", "valid_from": "2026-11-23", "input": "2.40", "output": "12"}'


class PriceError(LanekeeperError):
    """A price that was given cannot be used; the message names the model, the field and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """A model's standard prices from a day on, until its next row. Rates are micro-dollars per token, or per search."""

    model: str
    valid_from: date  # UTC
    source: str  # published-<day>, or private
    rates: Mapping[str, Decimal]
    long_prompt_above: int | None  # a longer prompt pays the long rates, on every token of its request
    long_rates: Mapping[str, Decimal]

    @property
    def version(self) -> str:
        """What the ledger keeps, so that a corrected price can be told from the one that was applied."""
        return f"{self.source}/from-{self.valid_from}"

    def rates_for(self, prompt_tokens: int) -> Mapping[str, Decimal]:
        """The rates of a request whose whole prompt, cached or not, has this many tokens."""
        is_long = self.long_prompt_above is not None and prompt_tokens > self.long_prompt_above
        return self.long_rates if is_long else self.rates


def row_of(fields: Any, source: str) -> PriceRow:
    """Reads one row: dollars per million tokens, web_search dollars per 1,000. Raises PriceError.

    A kind that is left out has no price: usage of it then has no cost.
    """
    if not isinstance(fields, Mapping) or not isinstance(fields.get("model"), str):
        raise PriceError(f"a price names its model, like {_EXAMPLE}")
    model = fields["model"]
    if unknown := sorted(str(field) for field in fields.keys() - _FIELDS):
        raise PriceError(f"price of {model}: no field is called {unknown[0]}; there are {', '.join(sorted(_FIELDS))}")
    rates = _token_rates(model, fields)
    searches = _search_rates(model, fields)
    above, long_rates = _long_prompt(model, fields.get("long_prompt"), rates)
    return PriceRow(
        model=model,
        valid_from=_day(model, fields.get("valid_from")),
        source=source,
        rates={**rates, **searches},
        long_prompt_above=above,
        long_rates={**long_rates, **searches},
    )


def _token_rates(model: str, fields: Mapping[str, Any]) -> dict[str, Decimal]:
    """Dollars per million tokens are micro-dollars per token: the same number."""
    if missing := [kind for kind in ("input", "output") if kind not in fields]:
        raise PriceError(f"price of {model}: {missing[0]} is missing; give it in dollars per million tokens")
    return {kind: _dollars(model, kind, fields[kind]) for kind in TOKEN_KINDS if kind in fields}


def _search_rates(model: str, fields: Mapping[str, Any]) -> dict[str, Decimal]:
    if "web_search" not in fields:
        return {}
    return {"web_search": _dollars(model, "web_search", fields["web_search"]) * 1_000_000 / _SEARCHES_PER_PRICE}


def _long_prompt(model: str, fields: Any, rates: Mapping[str, Decimal]) -> tuple[int | None, Mapping[str, Decimal]]:
    if fields is None:
        return None, {}
    if not isinstance(fields, Mapping) or type(fields.get("above_tokens")) is not int:
        raise PriceError(f"price of {model}: long_prompt needs above_tokens, the longest prompt at the normal price")
    if fields.keys() - {"above_tokens"} != rates.keys():
        raise PriceError(f"price of {model}: long_prompt prices the same kinds as the row: {', '.join(rates)}")
    return fields["above_tokens"], _token_rates(model, fields)


def _dollars(model: str, kind: str, value: Any) -> Decimal:
    """YAML gives 2.4 as a float: its shortest spelling is what was written."""
    try:
        dollars = Decimal(str(value))
    except InvalidOperation as error:
        raise PriceError(f"price of {model}: {kind} must be a number of dollars, like 2.40") from error
    if not dollars.is_finite() or dollars < 0:
        raise PriceError(f"price of {model}: {kind} must be a number of dollars, 0 or more")
    return dollars


def _day(model: str, value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise PriceError(f"price of {model}: valid_from must be a day like 2026-11-23") from error
