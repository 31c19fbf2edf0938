"""What one download holds: its rows by type, each model's bill, and which models' requests are lost."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from lanekeeper.dynamo import Item
from lanekeeper.models import Entry
from lanekeeper.pricing import PriceList
from lanekeeper.results import LOST, Bill, Row, bill_of
from lanekeeper.spool import Stored

TERMINAL_COUNTS = ("succeeded", "errored", "canceled", "expired")


@dataclass(slots=True)
class Tally:
    """The sums that go into a batch's row."""

    prices: PriceList
    ended_at: datetime
    types: Counter[str] = field(default_factory=Counter)
    bills: dict[str, Bill] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Counts a row that can be used."""
        kind = str(row.result["type"])
        self.types[kind] += 1
        if kind == "succeeded":
            message = row.result["message"]
            usage, cost = bill_of(message, self.prices, batch=True, at=self.ended_at)
            self.bills.setdefault(str(message["model"]), Bill()).add(usage, cost)

    def lose(self, entry: Entry) -> None:
        """Counts a request whose result nobody will see, by the model that it asked for."""
        self.types[LOST] += 1
        self.lost[entry.model] += 1

    def differs_by(self, counts: Mapping[str, int]) -> int:
        """How many rows Claude counted otherwise."""
        theirs = Counter({kind: counts.get(kind, 0) for kind in TERMINAL_COUNTS})
        return max((self.types - theirs).total(), (theirs - self.types).total())

    def fields(self, stored: Stored) -> Item:
        """What phase 2 needs to know of this download."""
        return {
            "stored": asdict(stored),
            "tally": dict(self.types),
            "bills": {model: asdict(bill) for model, bill in self.bills.items()},
            **({"lost": dict(self.lost)} if self.lost else {}),
        }
