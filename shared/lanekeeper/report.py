"""A period's money and time: what a report says, and what follows from its sums."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from lanekeeper.classify import BATCH_LATENCY
from lanekeeper.durations import Durations
from lanekeeper.models import Lane
from lanekeeper.planning import DAYS_PER_MONTH, Thresholds
from lanekeeper.policy import Batching, Workload
from lanekeeper.spending import ZERO, Ends, Overspend, Spend


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


def may_wait(workload: Workload | None) -> bool | None:
    """Whether a policy lets requests travel in batches that say nothing else themselves."""
    if workload is None:
        return None
    if workload.batch is Batching.WHEN_IT_PAYS:
        return workload.max_latency >= BATCH_LATENCY
    return workload.batch is Batching.ALWAYS
