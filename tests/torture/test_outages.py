"""Claude refuses three calls of ten for an hour, or all of them: nobody's request dies, and the backlog is soon gone.

Ten urgent requests a second, as many invocations side by side as the template allows, in virtual time. CI tries three
minutes of each, TORTURE=full the whole hour; `-s` shows the figures.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from tests.standins.claude_faults import Fault
from tests.system import params
from tests.torture.auditor import violations
from tests.torture.parallel import ParallelWorld
from tests.torture.points import FULL, SEED, show
from tests.torture.world import START

PER_SECOND = 10
TROUBLE = timedelta(minutes=60 if FULL else 3)
AFTERWARDS = timedelta(minutes=10 if FULL else 1)  # for so long new requests come in as before
BACKLOG = timedelta(minutes=10)  # within which what has piled up must be gone
REFUSAL_SECONDS = 0.2  # until Claude says that it is overloaded
MOST_ATTEMPTS = 1.5  # a request, on average
DEAD_LETTERS = ("RequestDeadLetterQueue", "RealtimeDeadLetterQueue")


@dataclass
class Trouble:
    """A world in which Claude refuses, and what was seen of it."""

    refused: float  # of the calls
    world: ParallelWorld = field(default_factory=lambda: ParallelWorld(SEED))
    calls: int = 0
    asked: int = 0  # during the trouble
    backlog: int = 0  # of them without an answer when it ends
    lasted: timedelta = timedelta.max  # until these had their answer

    @property
    def ends_at(self) -> datetime:
        return START + TROUBLE

    @property
    def attempts(self) -> float:
        """Calls for a request of that time, on average: those that were asked for later need one each."""
        return (self.calls - (len(self.world.asked) - self.asked)) / self.asked

    def __str__(self) -> str:
        return (
            f"{self.asked} requests, {self.attempts:.3f} attempts each, a backlog of {self.backlog} gone"
            f" {self.lasted.total_seconds():.0f} s after the end"
        )

    def run(self) -> None:
        with pytest.MonkeyPatch.context() as monkeypatch:
            self.world.install(monkeypatch)
            self.world.claude.faults.draw = self._refuse
            self.world.spawn(self._produce)
            self.world.spawn(self._watch)
            self.world.run(self.world.is_at_rest)

    def _refuse(self, call: str) -> Fault | None:
        if call != "Messages":
            return None
        self.calls += 1
        if self.world.now >= self.ends_at or self.world.random.random() >= self.refused:
            return None
        self.world.pass_time(REFUSAL_SECONDS)
        return Fault(call=call)

    def _produce(self) -> None:
        while self.world.now < self.ends_at + AFTERWARDS:
            name = f"u-{len(self.world.asked)}"
            self.world.ask(name, params(name), workload="live-chat")
            self.world.pass_time(1 / PER_SECOND)

    def _watch(self) -> None:
        self.world.pass_time(TROUBLE.total_seconds())
        waiting = self._unanswered([asked.key for asked in self.world.asked])
        self.asked, self.backlog = len(self.world.asked), len(waiting)
        while waiting:
            self.world.pass_time(1)
            waiting = self._unanswered(waiting)
        self.lasted = self.world.now - self.ends_at

    def _unanswered(self, keys: list[str]) -> list[str]:
        rows = self.world.account.dynamodb.tables.get("RequestsTable", {})
        return [key for key in keys if "outcome" not in rows.get(key, {})]


@pytest.mark.parametrize("refused", [pytest.param(0.3, id="brown-out"), pytest.param(1.0, id="outage")])
def test_an_hour_of_refusals_kills_no_request_and_its_backlog_is_gone_in_ten_minutes(refused: float) -> None:
    trouble = Trouble(refused)
    trouble.run()
    show(f"{refused:.0%} refused for {TROUBLE.total_seconds() / 60:.0f} minutes: {trouble}")
    world = trouble.world
    assert [queue for queue in DEAD_LETTERS if world.account.sqs.messages(queue)] == []
    assert violations(world) + world.raised == []
    assert trouble.lasted <= BACKLOG
    assert trouble.attempts <= MOST_ATTEMPTS
