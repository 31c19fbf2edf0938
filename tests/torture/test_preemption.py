"""Every process is overtaken at every remote call: it stands still while all others run, then goes on unknowing.

CI tries one point of every kind of call, each with one pause. TORTURE=full tries all points and pauses.
"""

from collections.abc import Iterator

from tests.torture import deployed
from tests.torture.auditor import violations
from tests.torture.points import FULL, SEED, Point, at, chosen, points, replay, run
from tests.torture.scenarios import without_lags


def pauses(point: Point) -> list[float]:
    """No time at all, as long as the function may run, and just below SETTLE, which no sender outlives."""
    every = [0, deployed.timeout(point.function), deployed.settle_seconds() - 1]
    return every if FULL else [every[point.number % len(every)]]


def test_a_process_that_is_overtaken_anywhere_spoils_nothing() -> None:
    assert list(spoiled()) == []


def spoiled() -> Iterator[str]:
    for point in chosen(points(without_lags, SEED)):
        for pause in pauses(point) if point.side == "before" else ():
            if found := overtaken_at(point, pause):
                yield f"{point.function} slept {pause} s before {point.call}: {found}\n  {replay(__file__, point)}"


def overtaken_at(point: Point, pause: float) -> str:
    """What is wrong in a world whose process slept there."""
    world = run(without_lags, SEED, lambda world: at(world, point, lambda world: world.sleep(pause)))
    return "; ".join(violations(world) + world.raised)


def test_a_sender_that_outlives_settle_pays_twice() -> None:
    """The guard of the guard: this world is one in which a batch can be paid twice."""
    sends = [point for point in points(without_lags, SEED) if point.call == "claude.Create" and point.side == "before"]
    assert any("times in batches" in overtaken_at(point, deployed.settle_seconds() + 120) for point in sends)
