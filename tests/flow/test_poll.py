"""A tick moves each batch on by itself: what fails for one is no matter of the others, and the next tick goes on."""

import boto3
import pytest

from functions.poller.tick import Tick
from lanekeeper import dynamo
from lanekeeper.claude import Claude
from lanekeeper.models import Batch
from tests.system import System


def two_open(system: System) -> None:
    system.ask(workload="code-review")  # the nearer deadline, so the first in a tick
    system.ask()
    system.run()


def states(system: System) -> list[str]:
    return sorted(batch["state"] for batch in system.batches())


def test_a_step_that_fails_hurts_no_other_batch(system: System) -> None:
    two_open(system)
    system.let_batches_end()
    call_collector = Tick._call_collector

    def fail_for_reviews(tick: Tick, batch: Batch) -> None:
        if batch.workload == "code-review":
            raise OSError
        call_collector(tick, batch)

    system.monkeypatch.setattr(Tick, "_call_collector", fail_for_reviews)
    system.tick()
    assert states(system) == ["ENDED", "ENDED"]
    system.monkeypatch.setattr(Tick, "_call_collector", call_collector)
    system.tick(in_seconds=121)
    system.run()

    assert states(system) == ["COLLECTED", "COLLECTED"]


def test_a_row_that_cannot_be_read_hurts_no_other_batch(system: System) -> None:
    two_open(system)
    broken = next(batch for batch in system.batches() if batch["workload"] == "code-review")
    system.table("BatchesTable").update_item(
        Key={"item_id": broken["item_id"]}, AttributeUpdates={"state": {"Value": "PAUSED"}}
    )
    system.let_batches_end()
    system.tick()

    assert states(system) == ["ENDED", "PAUSED"]


@pytest.mark.parametrize("status", [429, 529])
def test_a_listing_that_fails_leaves_each_batch_to_be_asked_for_singly(system: System, status: int) -> None:
    two_open(system)
    system.let_batches_end()
    system.fault(route="list", fault="status", status=status)
    system.tick()

    assert states(system) == ["ENDED", "ENDED"]


def test_a_batch_that_one_listing_does_not_show_is_asked_for_singly(system: System) -> None:
    two_open(system)
    system.let_batches_end()
    system.monkeypatch.setattr(Claude, "latest_batches", lambda _: [])
    system.tick()

    assert states(system) == ["ENDED", "ENDED"]


def test_no_step_is_begun_with_too_little_time_to_end_it(system: System) -> None:
    two_open(system)
    system.let_batches_end()
    system.tick(seconds=11)
    assert states(system) == ["OPEN", "OPEN"]
    system.tick()
    assert states(system) == ["ENDED", "ENDED"]


def test_a_collector_is_called_again_only_when_its_time_is_over(system: System) -> None:
    system.ask()
    system.run()
    system.let_batches_end()
    for _ in range(3):
        system.tick(in_seconds=30)
    assert len(system.waiting("CollectQueue")) == 1
    system.tick(in_seconds=60)
    assert len(system.waiting("CollectQueue")) == 2
    system.tick(in_seconds=60)
    assert len(system.waiting("CollectQueue")) == 2


def test_a_tick_that_was_overtaken_calls_no_second_collector(system: System) -> None:
    system.ask()
    system.run()
    system.let_batches_end()
    system.meanwhile(dynamo.client(), "dynamodb.UpdateItem", system.tick)
    system.tick()

    assert len(system.waiting("CollectQueue")) == 1


def test_a_segments_row_that_cannot_be_read_holds_up_no_batch(system: System) -> None:
    two_open(system)
    system.table("BatchesTable").put_item(
        Item={"item_id": "segment#broken", "open_shard": "segment#0", "next_action_at": "2026-01-01T00:00:00.000Z"}
    )
    system.let_batches_end()
    system.tick()

    assert states(system) == ["ENDED", "ENDED"]


def test_a_segments_row_that_cannot_be_read_leaves_no_other_asleep(system: System) -> None:
    system.ask(workload="code-review")
    other = system.ask()
    system.deliver("RequestQueue")
    boto3.client("sqs").purge_queue(QueueUrl=system.ids["BatchQueue"])  # both wake-ups are lost
    rows = [item for item in system.items("BatchesTable") if item["item_id"].startswith("segment#")]
    broken = next(item for item in rows if item["workload"] == "code-review")
    system.table("BatchesTable").put_item(Item={name: value for name, value in broken.items() if name != "count"})
    system.tick(in_seconds=61)
    system.run_until_answered()

    assert (system.row(other) or {})["outcome"] == "succeeded"
