"""Sums over ledger rows and ended requests: small, mergeable, and never a guess for what no row tells."""

from collections import Counter
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Self

from lanekeeper.models import Lane
from lanekeeper.report_rows import Booked, Ended

ZERO = Decimal(0)
ANSWER, UNSEEN, LOST, RESCUE, RECORDED = "answer", "possible_duplicate", "lost", "rescue", "recorded"
UNANSWERED = {UNSEEN, LOST}


@dataclass(slots=True)
class Sum:
    """Fields that add up, each by itself."""

    def merge(self, other: Self) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(slots=True)
class Spend(Sum):
    """What ledger rows of one lane come to. Money is in micro-dollars, of the rows whose price is known."""

    rows: int = 0
    answers: int = 0
    cost: Decimal = ZERO
    standard: Decimal = ZERO  # the same usage in real time
    searches: Decimal = ZERO  # of both sums: web searches cost the same in either lane
    unproven_rows: int = 0  # with searches of an unknown price: what their tokens cost cannot be told
    unproven_cost: Decimal = ZERO
    unproven_standard: Decimal = ZERO
    halved_rows: int = 0  # whose tokens cost exactly half of their real-time price
    unpriced_rows: int = 0
    unpriced_answers: int = 0
    unanswered_rows: int = 0  # of the following two
    unseen_calls: int = 0  # their answers were seen by nobody: perhaps billed
    lost_answers: int = 0  # perhaps billed, too
    rescues: int = 0
    rescue_cost: Decimal = ZERO
    rescue_searches: Decimal = ZERO
    recorded: int = 0
    recorded_cost: Decimal = ZERO

    def add(self, row: Booked, search_price: Decimal | None) -> None:
        """`search_price` is that of one search at the row's day; None where it has none, or no search was made."""
        self.rows += 1
        if row.kind in UNANSWERED:
            self.unanswered_rows += 1
            self.unseen_calls += row.requests if row.kind == UNSEEN else 0
            self.lost_answers += row.requests if row.kind == LOST else 0
        else:
            self._add_answers(row, search_price)

    def _add_answers(self, row: Booked, search_price: Decimal | None) -> None:
        self.answers += row.requests
        if row.kind != ANSWER:
            self._add_kind(row, search_price)
        if row.cost is None or row.standard is None:
            self.unpriced_rows += 1
            self.unpriced_answers += row.requests
            return
        self.cost += row.cost
        self.standard += row.standard
        if not row.web_searches:
            self.halved_rows += 2 * row.cost == row.standard
        elif search_price is not None:
            searches = row.web_searches * search_price
            self.searches += searches
            self.halved_rows += 2 * row.cost - searches == row.standard
        else:
            self.unproven_rows += 1
            self.unproven_cost += row.cost
            self.unproven_standard += row.standard

    def _add_kind(self, row: Booked, search_price: Decimal | None) -> None:
        cost = row.cost or ZERO
        if row.kind == RESCUE:
            self.rescues += row.requests
            self.rescue_cost += cost
            self.rescue_searches += row.web_searches * (search_price or ZERO)
        elif row.kind == RECORDED:
            self.recorded += row.requests
            self.recorded_cost += cost

    @property
    def proven_rows(self) -> int:
        """Those that the two sums of tokens are made of."""
        return self.rows - self.unpriced_rows - self.unproven_rows - self.unanswered_rows

    @property
    def token_cost(self) -> Decimal:
        """Without web searches."""
        return self.cost - self.searches - self.unproven_cost

    @property
    def token_standard(self) -> Decimal:
        return self.standard - self.searches - self.unproven_standard

    @property
    def rescue_token_cost(self) -> Decimal:
        return self.rescue_cost - self.rescue_searches

    @property
    def saved(self) -> Decimal:
        return self.standard - self.cost

    @property
    def batch_saving(self) -> Decimal:
        """What a batch would save on what was asked in real time; rescues come from one."""
        return (self.token_cost - self.rescue_token_cost) / 2


@dataclass(slots=True)
class Ends(Sum):
    """Requests that ended, as their rows tell."""

    requests: int = 0
    failed: int = 0
    late: int = 0
    late_told: int = 0  # of them, those that were told of in time
    rescued: int = 0
    rounds: int = 0
    attempts: int = 0
    cost: Decimal = ZERO  # of the answers that ended them
    rescue_cost: Decimal = ZERO  # of those of them that a rescue brought
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, row: Ended) -> None:
        self.requests += 1
        self.late += int(row.is_late)
        self.late_told += int(row.is_late and row.is_told)
        self.rescued += int(row.is_rescue)
        self.rounds += row.rounds
        self.attempts += row.attempts
        self.cost += row.cost or ZERO
        if row.is_rescue and row.lane is Lane.REALTIME:
            self.rescue_cost += row.cost or ZERO
        if row.failure is not None:
            self.failed += 1
            self.failures[row.failure] += 1


@dataclass(slots=True)
class Overspend(Sum):
    """What was paid beside the cheapest way, in micro-dollars, and for how many days of workloads that is known."""

    unused_batch: Decimal = ZERO  # billed, and another attempt's answer had ended the request
    unused_realtime: Decimal = ZERO
    rescue_premium: Decimal = ZERO  # what rescues that were needed cost above their price in a batch
    compared: int = 0
    not_compared: int = 0

    @property
    def total(self) -> Decimal | None:
        """None where nothing could be compared, though there was something."""
        known = self.unused_batch + self.unused_realtime + self.rescue_premium
        return None if self.not_compared and not self.compared else known

    @property
    def unused_standard(self) -> Decimal:
        """Their price in real time: counted as saved, though nobody would have bought them twice.

        With web searches, which have no batch price, it is a little more than that.
        """
        return 2 * self.unused_batch + self.unused_realtime


def overspend_of(batch: Spend, realtime: Spend, answered: dict[Lane, Ends]) -> Overspend:
    """One workload's day: what the ledger has billed against the answers that ended requests.

    Both lie under the same day, so what the ledger has more was bought twice. Where the ledger has less, or a batch
    without a known price, the two cannot be compared.
    """
    unused_batch = batch.cost - answered[Lane.BATCH].cost
    unused_realtime = realtime.cost - realtime.recorded_cost - answered[Lane.REALTIME].cost
    if batch.unpriced_rows or min(unused_batch, unused_realtime) < 0:
        return Overspend(not_compared=1)
    unused_rescues = realtime.rescue_cost - answered[Lane.REALTIME].rescue_cost
    premium = (realtime.rescue_token_cost - unused_rescues) / 2
    return Overspend(unused_batch, unused_realtime, max(premium, ZERO), compared=1)
