"""Reading a downloaded result set: each row checked against the batch, counted, and priced, one row at a time."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from lanekeeper.errors import ForeignResultsError, IncompleteResultsError
from lanekeeper.models import Entry, Member
from lanekeeper.pricing import Cost, PriceList
from lanekeeper.usage import Usage

LOST = "lost"  # our own type of a row, in the place of one that never came or cannot be used
_SEQUENCE = re.compile("0|[1-9][0-9]{0,8}")  # as `custom_id` writes it, and not otherwise


@dataclass(frozen=True, slots=True)
class Row:
    """One result: which request, and what became of it."""

    segment: str
    sequence: int
    result: Mapping[str, Any]


def read_row(line: bytes) -> Row:
    """Parses one line; raises IncompleteResultsError where it is cut or garbled, ForeignResultsError where its
    custom_id cannot be ours."""
    try:
        document = json.loads(line.decode())  # bytes may be UTF-16 to json, and not to whoever reads them later
        name, result = str(document["custom_id"]), document["result"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IncompleteResultsError(f"a result row cannot be read: {type(error).__name__}") from None
    segment, _, sequence = name.rpartition("_")
    if not _SEQUENCE.fullmatch(sequence):
        raise ForeignResultsError("a custom_id that is none of ours")
    return Row(segment, int(sequence), result)


def custom_id(segment: str, sequence: int) -> str:
    return f"{segment}_{sequence}"


def lost_row(segment: str, sequence: int) -> bytes:
    """What stands in the answers for a request whose result nobody will ever see."""
    words = "Claude has a result of this request that never reached us whole. It may have been billed."
    error = {"type": "error", "error": {"type": "result_lost", "message": words}}
    return json.dumps({"custom_id": custom_id(segment, sequence), "result": {"type": LOST, "error": error}}).encode()


def cost_without_answer(result: Mapping[str, Any]) -> Decimal | None:
    """In micro-dollars: nothing, as Claude says; unknown where the result is lost."""
    return None if result["type"] == LOST else Decimal(0)


def result_line(
    row: bytes, *, request_id: str, workload: str, metadata: Mapping[str, Any], batch: str | None, ended_at: str
) -> bytes:
    """The line that consumers and Athena read: who asked, then Claude's own row, byte for byte."""
    asked = {"id": request_id, "workload": workload, "batch": batch, "ended_at": ended_at, "metadata": metadata}
    return json.dumps(asked, ensure_ascii=False).encode()[:-1] + b", " + row.strip()[1:] + b"\n"


def batch_result_line(row: bytes, entry: Entry, *, batch: str, ended_at: str) -> bytes:
    """The same for a batch's row and the index entry of its request."""
    return result_line(
        row, request_id=entry.id, workload=entry.workload, metadata=entry.metadata, batch=batch, ended_at=ended_at
    )


_NOT_OURS, _OPEN, _TICKED = 0, 1, 2


@dataclass(slots=True)
class Checklist:
    """Ticks off every request of a batch exactly once. One byte a request is all the memory it takes."""

    members: tuple[Member, ...]
    _seats: dict[str, bytearray] = field(init=False)

    def __post_init__(self) -> None:
        self._seats = {}
        for member in self.members:  # several may be ranges of one segment
            seats = self._seats.setdefault(member.segment, bytearray())
            seats.extend(bytes(max(0, member.last - len(seats))))
            seats[member.first : member.last] = bytes([_OPEN]) * member.count

    def tick(self, row: Row) -> None:
        """Raises ForeignResultsError for a row that is not the batch's, IncompleteResultsError for a doubled one."""
        seats = self._seats.get(row.segment, b"")
        if row.sequence >= len(seats) or seats[row.sequence] == _NOT_OURS:
            raise ForeignResultsError("a custom_id that this batch does not hold")
        if seats[row.sequence] == _TICKED:
            raise IncompleteResultsError("a custom_id came twice")
        self._seats[row.segment][row.sequence] = _TICKED

    def finish(self) -> None:
        """Raises IncompleteResultsError where requests are without a row."""
        missing = sum(seats.count(_OPEN) for seats in self._seats.values())
        if missing:
            raise IncompleteResultsError(f"{missing} rows are missing")


@dataclass(slots=True)
class Bill:
    """What one model's share of a batch billed. A single unknown price makes the sum unknown."""

    requests: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    cost_micro_usd: Decimal | None = Decimal(0)
    standard_micro_usd: Decimal | None = Decimal(0)
    price_version: str | None = None

    def add(self, usage: Usage, cost: Cost | None) -> None:
        self.requests += 1
        for kind, count in (usage.tokens() | {"web_search": usage.web_searches}).items():
            self.tokens[kind] = self.tokens.get(kind, 0) + count
        if cost is None or self.cost_micro_usd is None or self.standard_micro_usd is None:
            self.cost_micro_usd = self.standard_micro_usd = None
            return
        self.cost_micro_usd += cost.micro_usd
        self.standard_micro_usd += cost.standard_micro_usd
        self.price_version = cost.price_version


def bill_of(message: Mapping[str, Any], prices: PriceList, *, batch: bool, at: datetime) -> tuple[Usage, Cost | None]:
    """The usage and cost of one succeeded message, by the model that answered."""
    usage = Usage.from_api(message["usage"])
    return usage, prices.price(str(message["model"]), usage, batch=batch, at=at)


def total(bills: Iterable[Bill]) -> Decimal | None:
    """The sum; unknown as soon as one part is."""
    costs = [bill.cost_micro_usd for bill in bills]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))
