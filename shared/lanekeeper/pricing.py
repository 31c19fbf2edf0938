"""What usage costs: exact micro-dollars, by the price that was valid when it ran.

What no price covers has no cost, and that is never 0. docs/pricing.md shows the table and what it leaves out.
"""

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from lanekeeper.price_rows import PRIVATE, PriceError, PriceRow, row_of
from lanekeeper.usage import Usage

__all__ = ["Cost", "PriceError", "PriceList", "Usage", "standard_prices"]

BATCH_SHARE = Decimal("0.5")  # of every token kind
US_ONLY_FACTOR = Decimal("1.1")  # on every token kind; stacks with batch

_LANE_TIERS = {True: (None, "batch"), False: (None, "standard")}  # what another tier costs, the list does not say
_MODEL_DATE = re.compile(r"[-@]\d{8}\b")


@dataclass(frozen=True, slots=True)
class Cost:
    """The price of one request's usage, in micro-dollars with exact fractions."""

    micro_usd: Decimal  # as billed in its lane
    standard_micro_usd: Decimal  # the same usage in real time
    price_version: str  # which list, and the day from which its row holds


class PriceList:
    """Price rows by model. A private row holds over the published ones from its day on."""

    def __init__(self, rows: Iterable[PriceRow], aliases: Mapping[str, str]) -> None:
        self._aliases = aliases
        self._rows: dict[str, list[PriceRow]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: (row.source == PRIVATE, row.valid_from), reverse=True):
            self._rows[self._canonical(row.model)].append(row)

    def price(self, model: str, usage: Usage, *, batch: bool, at: datetime) -> Cost | None:
        """The cost of a request that ran at `at` in the batch or in the real-time lane.

        None where it is unknown: an unknown model, no row valid at that time, a kind of usage without a price, a
        service tier that contradicts the lane. Raises ValueError for a time without a time zone.
        """
        row = self._row(model, at)
        if row is None or usage.unpriced or usage.service_tier not in _LANE_TIERS[batch]:
            return None
        rates = row.rates_for(usage.prompt_tokens)
        tokens = _charge(rates, usage.tokens())
        searches = _charge(rates, {"web_search": usage.web_searches})
        if tokens is None or searches is None:
            return None
        tokens *= US_ONLY_FACTOR if usage.us_only else 1
        billed = tokens * BATCH_SHARE if batch else tokens
        return Cost(billed + searches, tokens + searches, row.version)  # searches have no published batch rate

    def knows(self, model: str) -> bool:
        """Whether there is a price for exactly this id, or for the id that it is the dated name of."""
        return self._canonical(model) in self._rows

    def models(self) -> tuple[str, ...]:
        """The ids that have a price, without their dated names."""
        return tuple(sorted(self._rows))

    def nearest(self, model: str) -> str | None:
        """The known id that a mistaken one was probably meant to be; None where none is close. Never price by it."""
        known = {_spelling(name): name for name in self.models()}
        close = difflib.get_close_matches(_spelling(model), known, n=1)
        return known[close[0]] if close else None

    def with_private(self, prices: Iterable[Mapping[str, Any]]) -> "PriceList":
        """This list and private prices, each given like a row of prices.json; raises PriceError."""
        rows = [row for rows in self._rows.values() for row in rows]
        return PriceList(rows + [row_of(fields, PRIVATE) for fields in prices], self._aliases)

    def _canonical(self, model: str) -> str:
        return self._aliases.get(model, model)

    def _row(self, model: str, at: datetime) -> PriceRow | None:
        if at.tzinfo is None:
            raise ValueError("the time at which a request ran needs a time zone")
        day = at.astimezone(UTC).date()
        return next((row for row in self._rows.get(self._canonical(model), ()) if row.valid_from <= day), None)


@cache
def standard_prices() -> PriceList:
    """The published prices, shipped with the package and read once."""
    document = json.loads(resources.files("lanekeeper").joinpath("prices.json").read_bytes())
    source = f"published-{document['published']}"
    return PriceList([row_of(fields, source) for fields in document["prices"]], document["aliases"])


def _charge(rates: Mapping[str, Decimal], counts: Mapping[str, int]) -> Decimal | None:
    used = {kind: count for kind, count in counts.items() if count}
    if not used.keys() <= rates.keys():
        return None
    return sum((rates[kind] * count for kind, count in used.items()), Decimal(0))


def _spelling(model: str) -> str:
    """Undated and the parts in one order: claude-4.6-sonnet is spelled like claude-sonnet-4-6-20250929."""
    return "-".join(sorted(re.split(r"[^a-z0-9]+", _MODEL_DATE.sub("", model.lower()))))
