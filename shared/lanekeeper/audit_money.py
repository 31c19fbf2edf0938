"""What was booked, and what the stored answers used: the same tokens and the same money, part by part."""

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lanekeeper import moments
from lanekeeper.audit import Gap, Kind
from lanekeeper.identity import request_key
from lanekeeper.pricing import PriceList
from lanekeeper.results import Bill, bill_of

BOOKED = {"answer", "rescue"}  # the kinds that have stored usage; the others say what nobody has seen
REALTIME = "realtime-"
SINGLES = (REALTIME, "late-")  # how the names of objects with one answer begin

Item = Mapping[str, Any]


@dataclass(slots=True)
class Stored:
    """One object of answers, read once: what it used by model, and where each request's line lies."""

    name: str  # without folder and ending
    bills: dict[str, Bill] = field(default_factory=dict)
    count: int = 0  # of its lines
    size: int = 0  # of them together, without the last newline
    is_whole: bool = True  # False where a line has lost its usage with its content
    _places: list[tuple[int, int, int]] = field(default_factory=list)
    _sorted: tuple["array[int]", "array[int]", "array[int]"] | None = None

    @property
    def is_realtime(self) -> bool:
        return self.name.startswith(REALTIME)

    def add(self, line: bytes, start: int, prices: PriceList) -> None:
        """Takes the next line, which begins at byte `start`. One that cannot be read answers nobody."""
        self.count += 1
        self.size = start + len(line.rstrip(b"\n"))
        try:
            document = json.loads(line)
            self._count(document, prices)
            digest = _digest(request_key(document["workload"], document["id"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        self._places.append((digest, start, self.size))

    def close(self) -> None:
        """Packs the places: twenty-odd bytes a request, so that a day's answers fit into memory."""
        self._places.sort()
        columns = list(zip(*self._places, strict=True)) or [(), (), ()]
        self._sorted = (array("Q", columns[0]), array("Q", columns[1]), array("Q", columns[2]))
        self._places = []

    def holds(self, key: str, start: int, end: int) -> bool:
        """Whether this request's line lies exactly there."""
        if self._sorted is None:
            return False
        digests, starts, ends = self._sorted
        place = bisect_left(digests, _digest(key))
        return place < len(digests) and (digests[place], starts[place], ends[place]) == (_digest(key), start, end)

    def _count(self, document: Item, prices: PriceList) -> None:
        result = document.get("result")
        if result is None:
            self.is_whole = False
        elif result["type"] == "succeeded":
            at = moments.from_text(document["ended_at"])
            usage, cost = bill_of(result["message"], prices, batch=not self.is_realtime, at=at)
            self.bills.setdefault(str(result["message"]["model"]), Bill()).add(usage, cost)


def entries_of(stored: Stored) -> dict[str, Bill]:
    """The ledger entries that an object's answers must have."""
    if stored.is_realtime:
        key, _, attempt = stored.name.removeprefix(REALTIME).rpartition("-")
        return {f"realtime#{key}#{attempt}": bill for bill in stored.bills.values()}
    return {f"batch#{stored.name}#{model}": bill for model, bill in stored.bills.items()}


def single_of(name: str) -> str:
    """The request key in the name of an object with one answer."""
    return name.split("-")[1]


def object_of(entry: str) -> str:
    """The name of the object that holds the answers of a ledger entry."""
    lane, name, rest = entry.split("#", 2)
    return name if lane == "batch" else f"{REALTIME}{name}-{rest}"


def money_gaps(stored: Stored, ledger: Mapping[str, Item]) -> Iterator[Gap]:
    """Compares an object with the ledger rows of its entries; a stored answer without a row is named as well."""
    if not stored.is_whole:
        return
    expected = entries_of(stored)
    booked = {name: row for name, row in ledger.items() if row["kind"] in BOOKED and object_of(name) == stored.name}
    for entry, bill in expected.items():
        row = booked.get(entry)
        if row is not None:
            yield from differences(entry, row, bill)
        elif f"{entry}#unseen" not in ledger:  # else it is booked as a call that may have been billed
            yield Gap(Kind.LEDGER_MISSING, entry, f"{bill.requests} answers")
    for entry in booked.keys() - expected.keys():
        yield Gap(Kind.ANSWERS_MISSING, entry, "no stored answer of that model")


def differences(entry: str, row: Item, bill: Bill) -> Iterator[Gap]:
    """One gap where the row says other numbers than the stored answers.

    A cost is compared where both come from the same price: an unknown one stays unknown when a price is added later.
    """
    told = {kind: int(number) for kind, number in row["tokens"].items()}
    wrong = [
        f"{kind} {told.get(kind, 0)}, stored {bill.tokens.get(kind, 0)}"
        for kind in sorted(told.keys() | bill.tokens.keys())
        if told.get(kind, 0) != bill.tokens.get(kind, 0)
    ]
    if int(row["requests"]) != bill.requests:
        wrong.append(f"requests {row['requests']}, stored {bill.requests}")
    if row["price_version"] == bill.price_version and row["cost_micro_usd"] != bill.cost_micro_usd:
        wrong.append(f"cost {row['cost_micro_usd']}, stored {bill.cost_micro_usd}")
    if wrong:
        yield Gap(Kind.LEDGER_DIFFERS, entry, "; ".join(wrong))


def counted_gaps(batch: str, bills: Mapping[str, Item], ledger: Mapping[str, Item]) -> Iterator[Gap]:
    """Compares a batch's ledger rows with what was counted when it was stored, whatever the prices are now."""
    for model, bill in bills.items():
        entry = f"batch#{batch}#{model}"
        row = ledger.get(entry)
        if row is not None and row["cost_micro_usd"] != bill["cost_micro_usd"]:
            yield Gap(Kind.LEDGER_DIFFERS, entry, f"cost {row['cost_micro_usd']}, counted {bill['cost_micro_usd']}")


def booked_costs(ledger: Iterable[Item]) -> list[Decimal | None]:
    """What the rows with stored usage cost."""
    return [row["cost_micro_usd"] for row in ledger if row["kind"] in BOOKED]


def _digest(key: str) -> int:
    return int(key[:16], 16)
