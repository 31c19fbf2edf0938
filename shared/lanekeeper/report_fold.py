"""Rows become a report one by one: memory goes by days and workloads, never by rows."""

import calendar
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from lanekeeper import moments
from lanekeeper.durations import Durations
from lanekeeper.models import Lane
from lanekeeper.policy import Batching, Registry
from lanekeeper.report import Account, Day, Line, Month, Period, Report, may_wait
from lanekeeper.report_rows import Booked, Ended, SearchPrice
from lanekeeper.spending import UNANSWERED, ZERO, Ends, Overspend, Spend, overspend_of

IN_FLIGHT = timedelta(minutes=15)  # a collector books a batch first and ends its requests after: five minutes at most
ROWS_KEPT = timedelta(days=30)  # a request's row lives 45 days from its receipt; its answer came within half a month


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


def _merged(accounts: Iterable[Account]) -> Account:
    total = Account()
    for account in accounts:
        total.merge(account)
    return total
