"""A process as Lambda runs one: with a time of its own, a clock of its own, and nothing shared with any other."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from functions.realtime_invoker import answer as realtime_answer
from lanekeeper import lanes, secret
from lanekeeper.policy import Registry
from lanekeeper.records import Records
from tests import stack
from tests.system import Context

WITH_REGISTRY = ("classifier", "realtime_invoker", "poller", "collector")


@dataclass(kw_only=True)
class Invocation(Context):
    """A Lambda context whose time passes by the world's clock."""

    clock: Callable[[], datetime]
    ends_at: datetime
    event: Mapping[str, Any] = field(default_factory=dict)
    skew: timedelta = timedelta(0)  # how far its own clock is off
    dies_in: int = 0  # sides of remote calls until it does; 0 for one that lives
    is_dead: bool = False
    is_paused: bool = False  # it slept, and outlived its time
    paused_seconds: float = 0

    def get_remaining_time_in_millis(self) -> int:
        return round((self.ends_at - self.clock()).total_seconds() * 1000)


class OneByOne:
    """In place of a pool of threads: the same work in an order that can be repeated."""

    def __init__(self, **_: Any) -> None:
        pass

    def __enter__(self) -> "OneByOne":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
        return [function(value) for value in values]


def isolate(monkeypatch: pytest.MonkeyPatch) -> None:
    """What threads of one process share holds up no other process."""
    monkeypatch.setattr(realtime_answer, "ThreadPoolExecutor", OneByOne)
    monkeypatch.setattr(realtime_answer, "_room_for_large", nullcontext())
    monkeypatch.setattr(lanes, "_one_at_a_time", nullcontext())
    monkeypatch.setattr(secret, "_one_at_a_time", nullcontext())


def deploy(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    """Every function knows these workloads."""
    for name in WITH_REGISTRY:
        monkeypatch.setattr(f"functions.{name}.app.deployed_registry", lambda: registry)


def handler_of(function: str) -> Callable[..., Any]:
    """A function's handler, in a process that has just begun."""
    module, name = _module(function)
    if hasattr(module, "processor"):
        module.processor = Records()
    return getattr(module, name)  # type: ignore[no-any-return]


@cache
def _module(function: str) -> tuple[ModuleType, str]:
    module, _, name = stack.handler_of(function).rpartition(".")
    return importlib.import_module(module), name
