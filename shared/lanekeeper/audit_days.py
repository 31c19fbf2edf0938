"""The ledger against the stored answers: one workload's day at a time, each object read once for all of its checks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from lanekeeper import moments
from lanekeeper.audit import CLOSED, GRACE, DaySum, Gap, Kind, Snapshot, total
from lanekeeper.audit_money import (
    BOOKED,
    SINGLES,
    Stored,
    booked_costs,
    counted_gaps,
    money_gaps,
    object_of,
    single_of,
)
from lanekeeper.audit_reading import Listed, Reading
from lanekeeper.dynamo import Item

AT_ONCE = 8  # objects that are read at the same time
CHUNK = 200

Day = tuple[str, str]  # workload, UTC date


@dataclass(slots=True, kw_only=True)
class Days:
    """Compares days, and remembers where each answer lies, so that no request's answer is fetched by itself."""

    reading: Reading
    now: datetime
    tell: Callable[[str, int], None]  # of what there is more to count; raises where the time is over
    sums: dict[Day, DaySum] = field(default_factory=dict)
    _batches: dict[str, Stored] = field(default_factory=dict)  # by key
    _singles: set[int] = field(default_factory=set)

    def gaps(self, day: Day, snapshot: Snapshot) -> Iterator[Gap]:
        """Everything in which ledger and stored answers of a day differ."""
        ledger, names = self.reading.ledger(*day), set[str]()
        self.tell("ledger rows", len(ledger))
        costs: list[Decimal | None] = []
        for stored in self._stored(day):
            names.add(stored.name)
            if snapshot.states.get(stored.name, "COLLECTED") in CLOSED:
                costs += [bill.cost_micro_usd for bill in stored.bills.values()]
                yield from self._compared(stored, ledger, snapshot)
        rows = {entry: row for entry, row in ledger.items() if row["kind"] in BOOKED}
        for entry, row in rows.items():
            if object_of(entry) not in names and not self._is_young(moments.from_text(row["recorded_at"])):
                yield Gap(Kind.ANSWERS_MISSING, entry, f"{day[0]}, {day[1]}")
        if rows or costs:
            booked = total(booked_costs(row for entry, row in rows.items() if self._is_closed(entry, snapshot)))
            self.sums[day] = DaySum(workload=day[0], day=day[1], ledger_micro_usd=booked, stored_micro_usd=total(costs))

    def holds(self, row: Item) -> bool:
        """Whether a request's answer was seen exactly where its row says; False says nothing yet."""
        try:
            key, start, end = row["answer_key"], int(row["answer_from"]), int(row["answer_to"])
        except (KeyError, ValueError, TypeError):
            return False
        if (stored := self._batches.get(str(key))) is not None:
            return stored.holds(row["request_key"], start, end)
        return hash((key, row["request_key"], start, end)) in self._singles

    def _compared(self, stored: Stored, ledger: Mapping[str, Item], snapshot: Snapshot) -> Iterator[Gap]:
        found = list(money_gaps(stored, ledger))
        batch = snapshot.batches.get(stored.name)
        if batch is not None and not found:
            found += counted_gaps(batch.id, batch.bills, ledger)
        if stored.is_realtime and any(gap.kind is Kind.LEDGER_MISSING for gap in found) and self._waits(stored):
            return
        yield from found

    def _waits(self, stored: Stored) -> bool:
        """Whether the request is unanswered: then its next delivery finds the answer, and books it."""
        key = single_of(stored.name)
        row = self.reading.requests([key]).get(key)
        return row is not None and "outcome" not in row

    def _stored(self, day: Day) -> Iterator[Stored]:
        """The day's objects, read; single ones side by side."""
        singles: list[Listed] = []
        for listed in self.reading.answers(*day):
            if self._is_young(listed.written_at):
                continue
            if listed.name.startswith(SINGLES):
                singles.append(listed)
            else:
                stored = self.reading.stored(listed)
                self._batches[listed.key] = stored
                self.tell("answers", stored.count)
                yield stored
            if len(singles) == CHUNK:
                yield from self._read_singles(singles)
                singles = []
        yield from self._read_singles(singles)

    def _read_singles(self, listed: Sequence[Listed]) -> Iterator[Stored]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for each, stored in zip(listed, pool.map(self.reading.stored, listed), strict=True):
                key = single_of(each.name)
                if stored.count and stored.holds(key, 0, stored.size):
                    self._singles.add(hash((each.key, key, 0, stored.size)))
                yield stored
        self.tell("answers", len(listed))

    def _is_closed(self, entry: str, snapshot: Snapshot) -> bool:
        return snapshot.states.get(object_of(entry), "COLLECTED") in CLOSED

    def _is_young(self, moment: datetime) -> bool:
        return self.now - moment < GRACE


def days_of(workloads: set[str], snapshot: Snapshot) -> list[Day]:
    """Each workload's days since the audit's beginning, and the earlier ones of batches that were collected since."""
    dates, date = [], snapshot.since
    while moments.day_of(date) <= moments.day_of(snapshot.now):
        dates.append(moments.day_of(date))
        date += timedelta(days=1)
    earlier = {(seen.workload, seen.ended_at[:10]) for seen in snapshot.batches.values() if seen.ended_at}
    return sorted({(workload, date) for workload in workloads for date in dates} | earlier)
