"""The places at which a process can die: before and after every remote call of a scenario."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest

from tests.torture.auditor import violations
from tests.torture.world import World

Side = Literal["before", "after"]
SEED = int(os.environ.get("TORTURE_SEED", "20261125"))
FULL = os.environ.get("TORTURE") == "full"


@dataclass(frozen=True)
class Point:
    """One side of one call of an undisturbed run."""

    number: int
    side: Side
    function: str
    call: str

    def __str__(self) -> str:
        return f"{self.number}:{self.side}"

    @property
    def kind(self) -> tuple[str, str, Side]:
        return self.function, self.call, self.side


def run(
    make: Callable[[int], World], seed: int, prepare: Callable[[World], None], *afterwards: Callable[[World], None]
) -> World:
    """One scenario from its first message to its last, with whatever `prepare` adds, and what follows it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        world = make(seed)
        world.install(monkeypatch)
        prepare(world)
        if not world.run_until_done():
            world.raised.append("not done in the time given")
        for deed in afterwards:
            deed(world)
        return world


def points(make: Callable[[int], World], seed: int) -> list[Point]:
    """Every point of an undisturbed run, which must keep all promises itself."""
    heard: list[tuple[str, str]] = []

    def listen(world: World) -> None:
        world.account.wire.before.append(lambda call, _: heard.append((world.running[-1].function_name, call)))

    world = run(make, seed, listen)
    assert [*violations(world), *world.raised] == []
    return [
        Point(number, side, function, call)
        for number, (function, call) in enumerate(heard)
        for side in ("before", "after")
    ]


def chosen(all_points: Iterable[Point]) -> list[Point]:
    """All with TORTURE=full, the one that TORTURE_AT names, or one of every kind."""
    found = list(all_points)
    if at := os.environ.get("TORTURE_AT"):
        return [point for point in found if str(point) == at]
    if FULL:
        return found
    Random(SEED).shuffle(found)
    return sorted({point.kind: point for point in found}.values(), key=lambda point: point.number)


def at(world: World, point: Point, deed: Callable[[World], None]) -> None:
    """Lets something happen at this point of a world's run."""
    calls = iter(range(point.number + 1))
    number = -1

    def listen(_call: str, _arguments: Mapping[str, Any]) -> None:
        nonlocal number
        number = next(calls, -1) if world.running else number
        if number == point.number:
            deed(world)

    (world.account.wire.before if point.side == "before" else world.account.wire.after).append(listen)


def replay(test: str, scenario: Callable[[int], World], point: Point) -> str:
    """The one line that repeats this run."""
    file = Path(test).relative_to(Path.cwd())
    return f"TORTURE_SEED={SEED} TORTURE_AT={point} python -m pytest -q {file} -k {scenario.__name__}"


def show(figure: str) -> None:
    """A measured figure, seen with `pytest -s`."""
    sys.stdout.write(f"\n{figure}\n")
