"""A call to Claude that its caller made and reports: one ledger row, priced like every other."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from lanekeeper import moments
from lanekeeper.client.errors import InvalidWorkloadError
from lanekeeper.ledger import LedgerRow
from lanekeeper.models import Lane
from lanekeeper.policy import is_workload_name
from lanekeeper.pricing import PriceList
from lanekeeper.usage import Usage

RECORDED = "recorded"


def recorded_row(
    workload: str, *, message_id: str, model: str, usage: Any, at: datetime, seconds: float | None, prices: PriceList
) -> LedgerRow:
    """The row of one message. Raises InvalidWorkloadError, and ValueError for a time without a time zone."""
    if not is_workload_name(workload):
        raise InvalidWorkloadError("a workload's name has 1 to 40 of a-z, 0-9 and -, and does not start with -")
    used = Usage.from_api(plain(usage))
    cost = prices.price(model, used, batch=False, at=at)
    return LedgerRow(
        workload=workload,
        day=moments.day_of(at),
        entry=f"{RECORDED}#{hashlib.sha256(message_id.encode()).hexdigest()}",
        lane=Lane.REALTIME,
        model=model,
        kind=RECORDED,
        requests=1,
        tokens=used.tokens() | {"web_search": used.web_searches},
        cost_micro_usd=cost.micro_usd if cost else None,
        standard_micro_usd=cost.standard_micro_usd if cost else None,
        price_version=cost.price_version if cost else None,
        seconds=None if seconds is None else Decimal(str(round(seconds, 3))),
    )


def plain(value: Any) -> Mapping[str, Any]:
    """A mapping as it is, or an object of Claude's SDK as the mapping that it was made from; else TypeError."""
    if isinstance(value, Mapping):
        return value
    if callable(dump := getattr(value, "model_dump", None)):
        fields: Mapping[str, Any] = dump(mode="json")
        return fields
    raise TypeError(f"a message or usage is an object of Claude's SDK or a mapping, not {type(value).__name__}")
