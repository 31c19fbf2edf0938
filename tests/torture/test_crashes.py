"""Every process dies before and after each of its remote calls; redelivery and schedule go on; the promises hold.

CI tries one point of every kind of call. TORTURE=full tries all, TORTURE_AT=<number>:<side> one.
"""

from lanekeeper.models import Lane
from tests.torture.auditor import violations
from tests.torture.points import SEED, Point, at, chosen, points, replay, run
from tests.torture.scenarios import both_lanes


def test_a_death_at_any_call_loses_nothing_and_bills_nothing_twice_unseen() -> None:
    broken = [report for point in chosen(points(both_lanes, SEED)) if (report := died_at(point))]
    assert broken == []


def died_at(point: Point) -> str | None:
    """What is wrong in a world whose process died there."""
    world = run(both_lanes, SEED, lambda world: at(world, point, lambda world: world.kill(point.call)))
    found = violations(world) + world.raised
    if not found:
        return None
    return f"{point.function} died {point.side} {point.call}: {'; '.join(found)}\n  {replay(__file__, point)}"


def test_the_scenario_has_both_lanes_further_rounds_and_failures() -> None:
    world = run(both_lanes, SEED, lambda _: None)
    rows = list(world.rows("RequestsTable"))
    assert {row["lane"] for row in rows} == set(Lane)
    assert {row["outcome"] for row in rows} == {"succeeded", "failed"}
    assert any("-r2-" in row.get("segment", "") for row in rows)
    assert len(world.claude.batches) > len({row["workload"] for row in rows})


def test_the_auditor_sees_what_was_lost_or_paid_twice() -> None:
    world = run(both_lanes, SEED, lambda _: None)
    name = next(iter(world.claude.truth.in_batch))
    world.claude.truth.in_batch[name] += 1
    row = next(row for row in world.rows("RequestsTable") if row["lane"] == Lane.BATCH)
    del row["outcome"]
    found = violations(world)
    assert any("billed 2 times" in each for each in found)
    assert any("no terminal state" in each for each in found)
