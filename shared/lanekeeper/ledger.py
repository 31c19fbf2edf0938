"""The ledger table: what each batch and each real-time attempt billed. Rows are put once and never counted up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zlib import crc32

from lanekeeper import moments
from lanekeeper.dynamo import put_if_absent
from lanekeeper.models import Lane

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHARDS = 4  # of a workload's day: one takes 1,000 writes a second


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One cost record. Money is in micro-dollars; None says that no price is known, never that it was free."""

    workload: str
    day: str  # UTC; Claude's end of the batch, or the attempt's start: a repeat after midnight writes the same row
    # batch#<batch>#<model>, with #lost for what nobody will see; realtime#<request key>#<attempt>;
    # recorded#<sha256 of Claude's message id>
    entry: str
    lane: Lane
    model: str
    # answer; possible_duplicate: a call whose answer nobody saw; recorded: a call that its caller reports; lost: a
    # batch's requests whose results nobody will see
    kind: str
    requests: int
    tokens: Mapping[str, int]
    cost_micro_usd: Decimal | None
    standard_micro_usd: Decimal | None  # the same usage in real time
    price_version: str | None
    seconds: Decimal | None  # from accepted to answered in real time; Claude's own time for a batch


@dataclass(frozen=True, slots=True)
class Ledger:
    """Writes cost records."""

    dynamodb: "DynamoDBClient"
    name: str

    def record(self, rows: Iterable[LedgerRow], *, now: datetime) -> None:
        """Puts each row where none stands: any number of repeats leaves the first."""
        for row in rows:
            put_if_absent(self.dynamodb, self.name, "entry", _item(row, now))


def shard_keys(workload: str, day: str) -> list[str]:
    """The partitions that hold one workload's day."""
    return [f"{workload}#{day}#{shard}" for shard in range(SHARDS)]


def _item(row: LedgerRow, now: datetime) -> dict[str, Any]:
    shard = crc32(row.entry.encode()) % SHARDS
    return {
        "workload_day": f"{row.workload}#{row.day}#{shard}",
        "entry": row.entry,
        "workload": row.workload,
        "day": row.day,
        "lane": row.lane.value,
        "model": row.model,
        "kind": row.kind,
        "requests": row.requests,
        "tokens": dict(row.tokens),
        "cost_micro_usd": row.cost_micro_usd,
        "standard_micro_usd": row.standard_micro_usd,
        "price_version": row.price_version,
        "seconds": row.seconds,
        "recorded_at": moments.to_text(now),
    }
