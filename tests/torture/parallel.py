"""The world with everything going on at once: invocations side by side as the template allows, each in its own time."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from greenlet import getcurrent, greenlet

from functions.realtime_invoker import answer as realtime_answer
from lanekeeper import lanes
from tests.torture import deployed
from tests.torture.process import Invocation
from tests.torture.world import MINUTE, START, World


class Task(greenlet):
    """An invocation, one of its threads, or a producer: it runs until it waits for something, then another one does."""

    running: list[Invocation]


@dataclass
class ParallelWorld(World):
    """Whose next moment comes first goes on; nothing else decides, so the same seed makes the same world."""

    waiting: list[tuple[datetime, int, Task]] = field(default_factory=list)  # a heap
    in_work: Counter[str] = field(default_factory=Counter)  # invocations by queue
    next_tick: datetime = START + MINUTE
    ticks_at_once: int = 1  # a schedule may fire twice
    main: greenlet = field(default_factory=getcurrent)
    _numbers: Iterable[int] = field(default_factory=itertools.count)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().install(monkeypatch)
        monkeypatch.setattr(realtime_answer, "ThreadPoolExecutor", partial(Threads, self))
        monkeypatch.setattr(lanes, "_one_at_a_time", Turns(self))

    def spawn(self, deed: Callable[[], Any], running: list[Invocation] | None = None) -> Task:
        """Begins something now, beside what goes on."""
        task = Task(deed, self.main)
        task.running = [] if running is None else running
        self.wake(task)
        return task

    def wake(self, task: Task, seconds: float = 0) -> None:
        """Lets a task go on after so long."""
        heapq.heappush(self.waiting, (self.now + timedelta(seconds=seconds), next(self._numbers), task))

    def pass_time(self, seconds: float) -> None:
        task = getcurrent()
        if isinstance(task, Task):
            self.wake(task, seconds)
            self.wait()
        else:
            super().pass_time(seconds)

    def wait(self) -> None:
        """Stands still until somebody wakes the task that runs."""
        self.main.switch()

    def run(self, until: Callable[[], bool]) -> None:
        """Lets everything happen in its order, up to a state of things."""
        while not until():
            for queue in deployed.consumers():
                self._serve(queue)
            self.now = max(self.now, self._following())
            if self.next_tick <= self.now:
                self.next_tick += MINUTE
                for _ in range(self.ticks_at_once):
                    self.spawn(self.tick)
            elif self.waiting and self.waiting[0][0] <= self.now:
                task = heapq.heappop(self.waiting)[2]
                self.running = task.running
                task.switch()

    def is_at_rest(self) -> bool:
        """Whether nothing goes on, lies in a queue, or waits for a tick."""
        if self.waiting:
            return False
        queues = (self.account.sqs.messages(queue) for queue in deployed.consumers())
        return not any(queues) and not any(self.open_rows())

    def _following(self) -> datetime:
        moments = [self.next_tick]
        if self.waiting:
            moments.append(self.waiting[0][0])
        moments += filter(None, map(self._ready_at, deployed.consumers()))
        return min(moments)

    def _ready_at(self, queue: str) -> datetime | None:
        """When Lambda would call the queue's function; None while it has nothing for it or as much as it may."""
        if self.in_work[queue] >= deployed.concurrency(queue):
            return None
        visible = self.account.sqs.next_visible(queue)
        return visible and visible + deployed.window(queue)

    def _serve(self, queue: str) -> None:
        while (ready := self._ready_at(queue)) is not None and ready <= self.now:
            if records := self.account.sqs.receive(queue, deployed.consumers()[queue][1]):
                self.in_work[queue] += 1
                self.spawn(partial(self._work, queue, records))

    def _work(self, queue: str, records: list[dict[str, Any]]) -> None:
        self.hand_over(queue, records)
        self.in_work[queue] -= 1


class Threads:
    """In place of a pool of threads: each piece of work is a task of the same invocation."""

    def __init__(self, world: ParallelWorld, **_: Any) -> None:
        self.world = world

    def __enter__(self) -> "Threads":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
        """The answers of all, when all are done; what one of them raised is raised then."""
        given = list(values)
        answers: dict[int, Any] = {}
        caller = getcurrent()
        assert isinstance(caller, Task)

        def work(number: int) -> None:
            try:
                answers[number] = function(given[number])
            except BaseException as error:  # noqa: BLE001 - handed on to the caller, as a pool does
                answers[number] = error
            if len(answers) == len(given):
                self.world.wake(caller)

        for number in range(len(given)):
            self.world.spawn(partial(work, number), caller.running)
        self.world.wait()
        for answer in answers.values():
            if isinstance(answer, BaseException):
                raise answer
        return [answers[number] for number in range(len(given))]


class Turns:
    """In place of a lock of each process: one task of an invocation at a time."""

    def __init__(self, world: ParallelWorld) -> None:
        self.world = world
        self.queues: dict[int, list[Task]] = {}  # by invocation; the first has the turn

    def __enter__(self) -> None:
        task = getcurrent()
        assert isinstance(task, Task)
        queue = self.queues.setdefault(id(task.running[-1]), [])
        queue.append(task)
        if queue[0] is not task:
            self.world.wait()

    def __exit__(self, *_: object) -> None:
        task = getcurrent()
        assert isinstance(task, Task)
        queue = self.queues[id(task.running[-1])]
        queue.pop(0)
        if queue:
            self.world.wake(queue[0])
        else:
            del self.queues[id(task.running[-1])]
