"""The whole system in virtual time: the real handlers, invoked as Lambda would, on stand-ins of AWS and Claude."""

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lanekeeper import clock, moments
from lanekeeper.identity import params_hash, request_key
from lanekeeper.models import BatchState
from lanekeeper.policy import Registry
from lanekeeper.registry import deployed_registry
from lanekeeper.telemetry import logger, metrics
from tests.standins.account import Account
from tests.standins.claude import Claude
from tests.system import Killed
from tests.torture import deployed
from tests.torture.process import Invocation, deploy, handler_of, isolate

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
CALL = timedelta(milliseconds=5)  # what every remote call takes
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Asked:
    """One request as its producer knows it."""

    id: str
    workload: str
    params: Mapping[str, Any]

    @property
    def key(self) -> str:
        return request_key(self.workload, self.id)

    @property
    def name(self) -> str:
        """By which Claude's truth knows it."""
        return params_hash(self.params)


@dataclass
class World:
    """One deployment, from its first message to its last. The same seed makes the same world."""

    seed: int
    now: datetime = START
    asked: list[Asked] = field(default_factory=list)
    running: list[Invocation] = field(default_factory=list)  # the innermost last
    raised: list[str] = field(default_factory=list)  # errors that a handler let through
    ticks: int = 0
    entered: str | None = None  # the function whose environment stands
    registry: Registry = field(default_factory=deployed_registry)
    settings: dict[str, str] = field(default_factory=dict)  # in the place of what the template says
    clocks_differ: timedelta = timedelta(0)  # by this much at most, from process to process
    skew: Callable[[], timedelta] = lambda: timedelta(0)  # how far a new process's clock is off
    fate: Callable[[], int] = lambda: 0  # how many sides of remote calls a new process lives to see; 0 for all
    expected: Callable[[Exception], bool] = lambda _: False  # errors that a handler may let through

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.account = Account(clock=lambda: self.now)
        self.account.wire.before += [self._alive, self._age]
        self.account.wire.after.append(self._age)
        self.claude = Claude(
            clock=lambda: self.now, random=self.random, wire=self.account.wire, pass_time=self.pass_time
        )

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Puts this world in the place of AWS, Claude, the clock and chance."""
        self.account.install(monkeypatch)
        self.claude.install(monkeypatch)
        monkeypatch.setattr(clock, "now", self.own_time)
        monkeypatch.setattr(os, "urandom", self.random.randbytes)
        monkeypatch.setattr(random, "random", self.random.random)
        isolate(monkeypatch)
        deploy(monkeypatch, self.registry)
        monkeypatch.setattr(logger._logger, "disabled", True)
        monkeypatch.setattr(metrics.provider, "flush_metrics", lambda **_: metrics.provider.clear_metrics())
        for function in ("PollerFunction", *(function for function, _ in deployed.consumers().values())):
            for name, value in deployed.environment(function).items():
                monkeypatch.setenv(name, value)  # to be taken back at the end

    # in

    def ask(
        self,
        request_id: str,
        params: Mapping[str, Any],
        *,
        workload: str = "content-pipeline",
        delay: float = 0,
        **more: Any,
    ) -> str:
        """A producer sends a request, its params in a `params_object` or in the message; the message's body."""
        self.asked.append(Asked(request_id, workload, params))
        content = {} if "params_object" in more else {"params": params}
        body = json.dumps({"id": request_id, "workload": workload, **content, **more})
        self.account.sqs.place("RequestQueue", body, delay)
        return body

    # on

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Runs a handler in its own environment; None where it died or raised."""
        self._enter(function)
        seconds = deployed.timeout(function)
        invocation = Invocation(
            function_name=function,
            seconds=seconds,
            clock=lambda: self.now,
            ends_at=self.now + timedelta(seconds=seconds),
            event=event,
            skew=self.skew(),
            dies_in=self.fate(),
        )
        self.running.append(invocation)
        try:
            return handler_of(function)(event, invocation)
        except Killed:
            return None
        except Exception as error:  # noqa: BLE001 - as Lambda does: the event comes again
            if not self.expected(error):
                self.raised.append(f"{function}: {type(error).__name__}: {error}")
            return None
        finally:
            self.running.pop()

    def _enter(self, function: str) -> None:
        """Its environment; a process reads it when it begins, so nobody needs it back."""
        if function != self.entered:
            self.entered = function
            os.environ.update(deployed.environment(function) | self.settings)

    def deliver(self, queue: str) -> bool:
        """One poll of a queue by its function; False where nothing was visible."""
        _, most = deployed.consumers()[queue]
        records = self.account.sqs.receive(queue, most)
        if not records:
            return False
        self.hand_over(queue, records)
        return True

    def hand_over(self, queue: str, records: list[dict[str, Any]]) -> None:
        """One invocation with these messages; those that it has dealt with are gone."""
        function, _ = deployed.consumers()[queue]
        answer = self.invoke(function, {"Records": records})
        if answer is not None:
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for record in records:
                if record["messageId"] not in failed:
                    self.account.sqs.done(queue, record)

    def _deliver_all(self) -> int:
        return sum(self.deliver(queue) for queue in deployed.consumers())

    def tick(self) -> None:
        """The schedule fires."""
        self.ticks += 1
        self.invoke("PollerFunction", {})

    def run_until_done(self, *, within: timedelta = timedelta(days=3)) -> bool:
        """Jumps from one happening to the next; False where something was still open at the end of this time."""
        end = self.now + within
        while self.now < end:
            if not self._happen(end):
                return True
        return False

    def sleep(self, seconds: float) -> None:
        """The process that runs stands still for so long, and everything else goes on."""
        sleeper = self.running[-1]
        sleeper.is_paused = True
        wakes_at = self.now + timedelta(seconds=seconds)
        self.tick()
        while self.now < wakes_at and self._happen(wakes_at):
            pass
        self._deliver_all()
        self.now = max(self.now, wakes_at)

    def _happen(self, end: datetime) -> bool:
        """What is visible is received, then time jumps to the next happening; False where there is none."""
        while self.now < end and self._deliver_all():
            pass
        message, tick = self._next_message(), self._next_tick()
        following = min(filter(None, (message, tick)), default=None)
        if following is None:
            return False
        self.now = max(self.now, min(following, end))
        if following == tick and tick <= end:
            self.tick()
        return True

    def own_time(self) -> datetime:
        """What the process that runs takes for the time."""
        return self.now + self.running[-1].skew if self.running else self.now

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def kill(self, where: str) -> None:
        """The process that runs is gone: nothing that it still tries happens."""
        if self.running:
            self.running[-1].is_dead = True
            raise Killed(where)

    def open_rows(self) -> Iterator[dict[str, Any]]:
        """What the poller sees: rows that somebody still has to move on."""
        return iter(list(self.account.dynamodb.indexed["BatchesTable", "open"].values()))

    def rows(self, table: str) -> Iterable[dict[str, Any]]:
        return list(self.account.dynamodb.tables.get(table, {}).values())

    def _alive(self, call: str, _: Mapping[str, Any]) -> None:
        if not self.running:
            return
        self.now += CALL
        if self.now >= self.running[-1].ends_at and not self.running[-1].is_paused:
            self.running[-1].is_dead = True
        if self.running[-1].is_dead:
            raise Killed(call)

    def _age(self, call: str, _: Mapping[str, Any]) -> None:
        if self.running and self.running[-1].dies_in:
            self.running[-1].dies_in -= 1
            if not self.running[-1].dies_in:
                self.kill(call)

    def _next_message(self) -> datetime | None:
        visible = [self.account.sqs.next_visible(queue) for queue in deployed.consumers()]
        return min(filter(None, visible), default=None)

    def _next_tick(self) -> datetime | None:
        """The first minute at which a tick would find anything to do: the others change nothing."""
        due = min((self._due(row) for row in self.open_rows()), default=None)
        if due is None:
            return None
        passed = max(due, self.now) - START
        return START + (passed // MINUTE + 1) * MINUTE

    def _due(self, row: Mapping[str, Any]) -> datetime:
        due = moments.from_text(row["next_action_at"])
        made = self.claude.batch(row.get("claude_id", ""))
        if made is not None and row["state"] == BatchState.OPEN:
            due = max(due, made.ends_at)
        return min(due, _next_deadline(row))


def _next_deadline(row: Mapping[str, Any]) -> datetime:
    """When the poller looks into a batch or segment for its deadlines."""
    margin = timedelta(seconds=float(deployed.parameter("RescueMarginSeconds")))
    return moments.from_text(
        row.get("deadlines_due_at") or moments.to_text(moments.from_text(row["deadline"]) - margin)
    )
