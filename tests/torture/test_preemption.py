"""Every process is overtaken at every remote call: it stands still while all others run, then goes on unknowing.

CI tries one point of every kind of call, each with one pause. TORTURE=full tries all points and pauses.
"""

from collections.abc import Callable, Iterable, Iterator

from tests.torture import deployed
from tests.torture.auditor import violations
from tests.torture.points import FULL, SEED, Point, at, chosen, points, replay, run
from tests.torture.scenarios import LAG, doubtful_batches, is_about_sending, without_lags
from tests.torture.world import World

Scenario = Callable[[int], World]


def pauses(point: Point, longest: float) -> list[float]:
    """No time at all, as long as the function may run, and the longest that no sender outlives."""
    every = [0, deployed.timeout(point.function), longest]
    return every if FULL else [every[point.number % len(every)]]


def test_a_process_that_is_overtaken_anywhere_spoils_nothing__without_lags() -> None:
    below_settle = deployed.settle_seconds() - 1
    assert list(spoiled(without_lags, chosen(points(without_lags, SEED)), below_settle)) == []


def test_a_process_that_is_overtaken_while_several_sends_are_in_doubt_spoils_nothing__doubtful_batches() -> None:
    """Here Claude lists late, and SETTLE has to cover that as well."""
    tried = filter(is_about_sending, chosen(points(doubtful_batches, SEED)))
    assert list(spoiled(doubtful_batches, tried, deployed.settle_seconds() - LAG - 1)) == []


def spoiled(scenario: Scenario, tried: Iterable[Point], longest: float) -> Iterator[str]:
    for point in tried:
        for pause in pauses(point, longest) if point.side == "before" else ():
            if found := overtaken_at(scenario, point, pause):
                line = replay(__file__, scenario, point)
                yield f"{point.function} slept {pause} s before {point.call}: {found}\n  {line}"


def overtaken_at(scenario: Scenario, point: Point, pause: float) -> str:
    """What is wrong in a world whose process slept there."""
    world = run(scenario, SEED, lambda world: at(world, point, lambda world: world.sleep(pause)))
    return "; ".join(violations(world) + world.raised)


def test_a_sender_that_outlives_settle_pays_twice() -> None:
    """The guard of the guard: this world is one in which a batch can be paid twice."""
    sends = [point for point in points(without_lags, SEED) if point.call == "claude.Create" and point.side == "before"]
    pause = deployed.settle_seconds() + 120
    assert any("times in batches" in overtaken_at(without_lags, point, pause) for point in sends)
