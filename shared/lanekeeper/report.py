"""A period's money and time, folded row by row: memory goes by days and workloads, never by rows."""

import calendar
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from lanekeeper import moments
from lanekeeper.classify import BATCH_LATENCY
from lanekeeper.durations import Durations
from lanekeeper.models import Lane
from lanekeeper.planning import DAYS_PER_MONTH, Thresholds
from lanekeeper.policy import Batching, Registry, Workload
from lanekeeper.report_rows import Booked, Ended, SearchPrice
from lanekeeper.spending import UNANSWERED, ZERO, Ends, Overspend, Spend, overspend_of

IN_FLIGHT = timedelta(minutes=15)  # a collector books a batch first and ends its requests after: five minutes at most
ROWS_KEPT = timedelta(days=30)  # a request's row lives 45 days from its receipt; its answer came within half a month


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, UTC, both included."""

    first: date
    last: date

    def days(self) -> list[str]:
        return [(self.first + timedelta(days=number)).isoformat() for number in range(self.number)]

    @property
    def number(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, day: str) -> bool:
        return self.first.isoformat() <= day <= self.last.isoformat()


@dataclass(slots=True)
class Account:
    """What one workload, or all of them, did and paid."""

    spends: dict[Lane, Spend] = field(default_factory=lambda: {lane: Spend() for lane in Lane})
    durations: dict[Lane, Durations] = field(default_factory=lambda: {lane: Durations() for lane in Lane})
    ends: Ends = field(default_factory=Ends)
    overspend: Overspend = field(default_factory=Overspend)

    def merge(self, other: "Account") -> None:
        for lane in Lane:
            self.spends[lane].merge(other.spends[lane])
            self.durations[lane].merge(other.durations[lane])
        self.ends.merge(other.ends)
        self.overspend.merge(other.overspend)

    @property
    def cost(self) -> Decimal:
        return sum((spend.cost for spend in self.spends.values()), ZERO)

    @property
    def standard(self) -> Decimal:
        return sum((spend.standard for spend in self.spends.values()), ZERO)

    @property
    def saved(self) -> Decimal:
        return self.standard - self.cost

    @property
    def net(self) -> Decimal | None:
        """What real time would have cost for the answers that were used, less all that was billed."""
        return None if self.overspend.total is None else self.saved - self.overspend.unused_standard

    @property
    def batch_share(self) -> Decimal | None:
        """Of the money spent; None where none was."""
        return self.spends[Lane.BATCH].cost / self.cost if self.cost else None

    @property
    def unpriced_rows(self) -> int:
        return sum(spend.unpriced_rows for spend in self.spends.values())


@dataclass(frozen=True, slots=True)
class Line:
    """One workload."""

    name: str
    may_wait: bool | None  # by its policy; None where workloads.yaml does not know it
    account: Account


@dataclass(frozen=True, slots=True)
class Day:
    """What one day cost, in micro-dollars."""

    day: str
    batch: Decimal
    realtime: Decimal
    saved: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The running month until now, and what it comes to if it goes on as it did."""

    name: str  # 2026-11
    cost: Decimal
    saved: Decimal
    unpriced_rows: int
    elapsed: Decimal  # of its time, 0 to 1

    @property
    def can_be_projected(self) -> bool:
        """Less than a day says nothing of a month."""
        return self.elapsed >= Decimal(1) / 31

    @property
    def projected_cost(self) -> Decimal | None:
        return self.cost / self.elapsed if self.can_be_projected else None

    @property
    def projected_saved(self) -> Decimal | None:
        return self.saved / self.elapsed if self.can_be_projected else None


@dataclass(frozen=True, slots=True)
class Move:
    """The workload whose real-time calls would save most in batches."""

    workload: str
    saving: Decimal  # micro-dollars in the period
    may_wait: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the tables, the files and the page show."""

    period: Period
    made_at: datetime
    lines: Sequence[Line]
    total: Account
    eligible: Account  # of the workloads whose policy lets them wait
    days: Sequence[Day]
    month: Month
    never: frozenset[str]  # workloads that may not batch at all
    overdue: int  # requests without an end whose deadline has passed by now

    @property
    def move(self) -> Move | None:
        """Those whose policy lets them wait come first; what `lanekeeper plan` would not move is none."""
        moves = [Move(line.name, line.account.spends[Lane.REALTIME].batch_saving, line.may_wait) for line in self.lines]
        least = Thresholds().monthly_saving * 1_000_000 * self.period.number / DAYS_PER_MONTH
        worth = [move for move in moves if move.saving >= least and move.workload not in self.never]
        return max(worth, key=lambda move: (bool(move.may_wait), move.saving), default=None)


class Fold:
    """Takes rows one by one and becomes a report."""

    def __init__(self, period: Period, *, now: datetime, search_price: SearchPrice) -> None:
        self.period, self.now = period, now
        self.month = Period(now.astimezone(UTC).date().replace(day=1), now.astimezone(UTC).date())
        self._search_price = search_price
        self._spends: dict[tuple[str, str], dict[Lane, Spend]] = defaultdict(lambda: {lane: Spend() for lane in Lane})
        self._ends: dict[tuple[str, str], dict[Lane, Ends]] = defaultdict(lambda: {lane: Ends() for lane in Lane})
        self._durations: dict[str, dict[Lane, Durations]] = defaultdict(lambda: {lane: Durations() for lane in Lane})
        self._newest: dict[tuple[str, str], str] = defaultdict(str)
        self._overdue = 0

    def add_booked(self, rows: Iterable[Booked]) -> None:
        """Rows of the ledger, each once; in any order, and quickest as they lie there."""
        for (name, day, lane), group in groupby(rows, key=attrgetter("workload", "day", "lane")):
            spend, times = self._spends[name, day][lane], self._durations[name][lane]
            newest, in_period = self._newest[name, day], day in self.period
            for row in group:
                spend.add(row, self._search_price(row.model, day) if row.web_searches else None)
                newest = max(newest, row.recorded_at)
                if in_period and row.seconds is not None and row.kind not in UNANSWERED:
                    times.add(row.seconds, row.requests)
            self._newest[name, day] = newest

    def add_ended(self, rows: Iterable[Ended]) -> None:
        """Requests that have their end, in any order, each once; those of other days are passed over."""
        for row in rows:
            if row.day in self.period:
                self._ends[row.workload, row.day][row.lane].add(row)

    def add_overdue(self, number: int) -> None:
        self._overdue += number

    def report(self, registry: Registry) -> Report:
        accounts = self._accounts()
        lines = [Line(name, may_wait(registry.get(name)), account) for name, account in sorted(accounts.items())]
        return Report(
            period=self.period,
            made_at=self.now,
            lines=lines,
            total=_merged(line.account for line in lines),
            eligible=_merged(line.account for line in lines if line.may_wait),
            days=[self._day(day) for day in self.period.days()],
            month=self._month(),
            never=frozenset(name for name, workload in registry.items() if workload.batch is Batching.NEVER),
            overdue=self._overdue,
        )

    def _accounts(self) -> dict[str, Account]:
        accounts: dict[str, Account] = defaultdict(Account)
        for name, day in sorted({*self._spends, *self._ends}):
            if day in self.period:
                spends, ends = self._spends[name, day], self._ends[name, day]
                overspend = self._overspend(name, day)
                for lane in Lane:
                    accounts[name].spends[lane].merge(spends[lane])
                    accounts[name].ends.merge(ends[lane])
                accounts[name].overspend.merge(overspend)
        for name, durations in self._durations.items():
            accounts[name].durations = durations
        return dict(accounts)

    def _overspend(self, name: str, day: str) -> Overspend:
        newest = self._newest[name, day]
        is_in_flight = newest > moments.to_text(self.now - IN_FLIGHT)
        if is_in_flight or day < moments.day_of(self.now - ROWS_KEPT):
            return Overspend(not_compared=1)
        spends = self._spends[name, day]
        return overspend_of(spends[Lane.BATCH], spends[Lane.REALTIME], self._ends[name, day])

    def _day(self, day: str) -> Day:
        spends = [spends for (_, each), spends in self._spends.items() if each == day]
        batch, realtime = (sum((one[lane].cost for one in spends), ZERO) for lane in (Lane.BATCH, Lane.REALTIME))
        return Day(day, batch, realtime, sum((spend.saved for one in spends for spend in one.values()), ZERO))

    def _month(self) -> Month:
        spends = [spend for (_, day), lanes in self._spends.items() if day in self.month for spend in lanes.values()]
        start = datetime(self.month.first.year, self.month.first.month, 1, tzinfo=UTC)
        length = calendar.monthrange(start.year, start.month)[1] * 86_400
        return Month(
            name=self.month.first.isoformat()[:7],
            cost=sum((spend.cost for spend in spends), ZERO),
            saved=sum((spend.saved for spend in spends), ZERO),
            unpriced_rows=sum(spend.unpriced_rows for spend in spends),
            elapsed=Decimal(int((self.now - start).total_seconds())) / length,
        )


def may_wait(workload: Workload | None) -> bool | None:
    """Whether a policy lets requests travel in batches that say nothing else themselves."""
    if workload is None:
        return None
    if workload.batch is Batching.WHEN_IT_PAYS:
        return workload.max_latency >= BATCH_LATENCY
    return workload.batch is Batching.ALWAYS


def _merged(accounts: Iterable[Account]) -> Account:
    total = Account()
    for account in accounts:
        total.merge(account)
    return total
