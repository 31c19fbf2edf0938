"""A day of a platform team: a million requests of three workloads, ticks that overlap, and deaths all day long.

CI lives through ten thousand requests, TORTURE=full through all; `-s` shows the figures.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.standins.claude import Delays
from tests.system import params
from tests.torture.auditor import violations
from tests.torture.parallel import ParallelWorld
from tests.torture.points import FULL, SEED, show
from tests.torture.world import START

REQUESTS = 1_000_000 if FULL else 10_000
SHARES = {"live-chat": 5, "code-review": 5, "content-pipeline": 90}  # percent
FLOCKS = {"live-chat": 1, "code-review": 20, "content-pipeline": 2_000 if FULL else 200}  # requests that come together
DAY = timedelta(days=1)
DEATH_EVERY = 200  # invocations
LIFE = 60  # sides of calls, that one who dies sees at most
OUTCOMES = {"expired": 0.01, "overloaded_error": 0.002, "invalid_request_error": 0.001}  # first attempts in a batch
DOUBLED = 0.01  # messages that their producer sends twice


@dataclass
class Day:
    """One deployment for a day, and its producers."""

    world: ParallelWorld = field(default_factory=lambda: ParallelWorld(SEED, ticks_at_once=2))
    invocations: int = 0
    deaths: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    def live(self) -> None:
        self.world.fate = self._fate
        self.world.claude.delays = Delays(batch=(300, 6_600), listed=60, found=10, results=30)
        with pytest.MonkeyPatch.context() as monkeypatch:
            self.world.install(monkeypatch)
            for workload in SHARES:
                self.world.spawn(lambda workload=workload: self._produce(workload))
            self.world.run(self.world.is_at_rest)

    def _fate(self) -> int:
        self.invocations += 1
        if self.invocations % DEATH_EVERY:
            return 0
        self.deaths += 1
        return self.world.random.randrange(1, LIFE)

    def _produce(self, workload: str) -> None:
        """A workload's requests, in flocks over the day."""
        total = REQUESTS * SHARES[workload] // 100
        while self.asked[workload] < total:
            for _ in range(min(FLOCKS[workload], total - self.asked[workload])):
                self._ask(workload)
            self.world.pass_time(DAY.total_seconds() * FLOCKS[workload] / total)

    def _ask(self, workload: str) -> None:
        name = f"{workload}-{self.asked[workload]}"
        self.asked[workload] += 1
        body = self.world.ask(name, params(name), workload=workload)
        if self.world.random.random() < DOUBLED:
            self.world.account.sqs.place("RequestQueue", body)
        for outcome, share in OUTCOMES.items():
            if self.world.random.random() < share:
                self.world.claude.truth.plan(params(name), outcome)


def test_a_day_of_requests_ends_as_promised_though_processes_die_all_day_and_ticks_overlap() -> None:
    day, began = Day(), time.process_time()
    day.live()
    lived = time.process_time() - began
    found = violations(day.world) + day.world.raised
    kinds = Counter(row["kind"] for row in day.world.rows("LedgerTable"))
    show(
        f"{REQUESTS} requests in {(day.world.now - START).total_seconds() / 3600:.1f} h: {day.invocations} invocations,"
        f" {day.deaths} deaths, {len(day.world.claude.batches)} batches, {dict(kinds)}; {lived:.0f} s of CPU,"
        f" {time.process_time() - began - lived:.0f} s to audit"
    )
    assert found == []
    assert day.deaths >= day.invocations // DEATH_EVERY > 10
