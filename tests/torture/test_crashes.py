"""Every process dies before and after each of its remote calls; redelivery and schedule go on; the promises hold.

CI tries one point of every kind of call. TORTURE=full tries all, TORTURE_AT=<number>:<side> one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lanekeeper.models import Lane
from tests.torture.auditor import violations
from tests.torture.points import SEED, Point, at, chosen, points, replay, run
from tests.torture.scenarios import both_lanes, doubtful_batches, is_about_sending
from tests.torture.world import World

Scenario = Callable[[int], World]


def test_a_death_at_any_call_loses_nothing_and_bills_nothing_twice_unseen__both_lanes() -> None:
    assert [report for point in chosen(points(both_lanes, SEED)) if (report := died_at(both_lanes, point))] == []


def test_a_death_while_several_sends_are_in_doubt_pays_nothing_twice__doubtful_batches() -> None:
    tried = filter(is_about_sending, chosen(points(doubtful_batches, SEED)))
    assert [report for point in tried if (report := died_at(doubtful_batches, point))] == []


def died_at(scenario: Scenario, point: Point) -> str | None:
    """What is wrong in a world whose process died there."""
    world = run(scenario, SEED, lambda world: at(world, point, lambda world: world.kill(point.call)))
    found = violations(world) + world.raised
    if not found:
        return None
    return f"{point.function} died {point.side} {point.call}: {'; '.join(found)}\n  {replay(__file__, scenario, point)}"


@pytest.fixture(scope="module")
def undisturbed() -> World:
    return run(both_lanes, SEED, lambda _: None)


def test_the_scenario_has_both_lanes_further_rounds_and_failures(undisturbed: World) -> None:
    rows = list(undisturbed.rows("RequestsTable"))
    assert {row["lane"] for row in rows} == set(Lane)
    assert {row["outcome"] for row in rows} == {"succeeded", "failed"}
    assert any("-r2-" in row.get("segment", "") for row in rows)
    assert len(undisturbed.claude.batches) > len({row["workload"] for row in rows})


def test_the_scenario_has_both_lanes_and_rescues_out_of_a_sent_a_canceled_and_an_unsent_batch(
    undisturbed: World,
) -> None:
    truth = undisturbed.claude.truth
    names = {asked.key: asked for asked in undisturbed.asked}
    rescued = {
        names[row["entry"].split("#")[1]].id for row in undisturbed.rows("LedgerTable") if row["kind"] == "rescue"
    }
    assert rescued == {"d-0", "e-0", "f-0"}
    executed = {asked.id: (truth.in_batch[asked.name], truth.in_realtime[asked.name]) for asked in undisturbed.asked}
    assert executed["d-0"] == (1, 1)
    assert executed["e-0"] == executed["f-0"] == (0, 1)
    assert [made.canceled for made in undisturbed.claude.batches].count(True) == 1


def test_the_other_scenario_has_three_sends_in_doubt_at_once_and_never_two_of_one_size() -> None:
    doubtful: list[list[int]] = []

    def look(world: World) -> None:
        def listen(_call: str, _arguments: Mapping[str, Any]) -> None:
            doubtful.append(sorted(row["count"] for row in world.open_rows() if row.get("state") == "SENDING"))

        world.account.wire.before.append(listen)

    world = run(doubtful_batches, SEED, look)
    assert [1, 2, 3] in doubtful
    assert all(len(set(counts)) == len(counts) for counts in doubtful)
    assert sorted(made.size for made in world.claude.batches) == [1, 2, 3, 3]


def test_the_auditor_sees_what_was_lost_or_paid_twice() -> None:
    world = run(both_lanes, SEED, lambda _: None)
    name = next(iter(world.claude.truth.in_batch))
    world.claude.truth.in_batch[name] += 1
    row = next(row for row in world.rows("RequestsTable") if row["lane"] == Lane.BATCH)
    del row["outcome"]
    found = violations(world)
    assert any("billed 2 times" in each for each in found)
    assert any("no terminal state" in each for each in found)


def test_the_auditor_sees_a_call_that_is_not_in_the_ledger() -> None:
    world = run(both_lanes, SEED, lambda _: None)
    rows = world.account.dynamodb.tables["LedgerTable"]
    (rescue, *_) = [key for key, row in rows.items() if row["kind"] == "rescue"]
    del rows[rescue]
    found = violations(world)
    assert any("1 answers in real time, 0+0 in the ledger" in each for each in found)
