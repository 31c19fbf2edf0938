"""Rows that are not the batch's own are never taken, and call a person; whatever happens, each request has one end."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from lanekeeper import clock, connections, dynamo, moments
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.quarantine import odd_numbers
from local.emulator.batches import Batch
from tests.flow.test_collect import end_batch, outcomes
from tests.system import Killed, System, params

HOUR, DAY = 3600.0, 86_400.0
SETTLE = 1800.0

Spoil = Callable[[Batch], None]


@pytest.fixture(autouse=True)
def late_answers_are_waited_for(system: System) -> None:
    """Or the requests would be rescued at their deadline, which passes here."""
    system.set_workload("poller", "content-pipeline", on_late="wait")


def ask(system: System, marker: str = "") -> list[str]:
    """Three requests, and Claude misbehaves at the first."""
    marked = [system.ask(params=params(f"Hello. [[emulator: {marker}]]" if marker else "Hello."))]
    return marked + [system.ask(params=params(f"Number {number}.")) for number in range(2)]


def row_of(batch: Batch) -> Any:
    """Claude's row of the first request."""
    return min(batch.rows, key=lambda row: row.custom_id)


def nothing(batch: Batch) -> None:
    """Claude does all of it by itself."""


def doubled_otherwise(batch: Batch) -> None:
    batch.rows.append(replace(row_of(batch), type="expired"))


def counted_otherwise(batch: Batch) -> None:
    batch.counts["errored"] += 1


def collect(system: System, *, in_seconds: float = HOUR + 1) -> dict[str, Any]:
    """The next collection, and the batch's row after it."""
    system.tick(in_seconds=in_seconds)
    system.run()
    return sole(system)


def sole(system: System) -> dict[str, Any]:
    (batch,) = system.batches()
    return batch


def quarantined(system: System, spoil: Spoil = nothing) -> dict[str, Any]:
    """Three downloads over two hours."""
    spoil(end_batch(system))
    system.run()
    collect(system)
    return collect(system)


def release(system: System) -> None:
    table = BatchesTable(dynamo.client(), system.ids["BatchesTable"])
    assert table.allow_losses(batch_of(sole(system)), now=clock.now())


def numbers(batch: dict[str, Any]) -> dict[str, int]:
    return odd_numbers(batch["quarantine"])


def paid(system: System) -> Any:
    return sum(record["cost_micro_usd"] or 0 for record in system.items("LedgerTable"))


def lost(system: System) -> list[tuple[str, int, Any]]:
    records = [record for record in system.items("LedgerTable") if record["kind"] == "lost"]
    return [(record["model"], int(record["requests"]), record["cost_micro_usd"]) for record in records]


KINDS = [
    pytest.param("missing", nothing, {"missing": 1}, 1, id="missing"),
    pytest.param("doubled", nothing, {"doubled": 1}, 0, id="doubled-alike"),
    pytest.param("", doubled_otherwise, {"doubled": 1}, 1, id="doubled-otherwise"),
    pytest.param("unknown", nothing, {"unknown": 1}, 1, id="unknown"),
    pytest.param("alien", nothing, {"alien": 1}, 0, id="alien"),
    pytest.param("garbled", nothing, {"garbled": 1, "missing": 1}, 1, id="garbled"),
    pytest.param("", counted_otherwise, {"miscounted": 1}, 0, id="miscounted"),
]


@pytest.mark.parametrize(("marker", "spoil", "odd", "given_up"), KINDS)
def test_odd_rows_that_last_are_quarantined_and_taken_on_a_persons_word_alone(
    system: System, marker: str, spoil: Spoil, odd: dict[str, int], given_up: int
) -> None:
    asked = ask(system, marker)
    batch = quarantined(system, spoil)

    assert batch["state"] == "ENDED"
    assert numbers(batch) == odd
    assert system.objects(batch["quarantine"]["object"])
    assert not system.objects("incoming/")
    assert not system.items("LedgerTable")
    assert outcomes(system, asked) == {("open", "")}

    release(system)
    batch = collect(system, in_seconds=1)

    assert (batch["state"], "quarantine" in batch) == ("COLLECTED", False)
    ended = [(system.row(request_id) or {})["outcome_reason"] for request_id in asked]
    assert sorted(ended) == ["end_turn"] * (3 - given_up) + ["result-lost"] * given_up
    assert lost(system) == [("claude-sonnet-4-6", 1, None)] * given_up
    if not given_up or marker == "unknown":  # what Claude billed was seen
        assert paid(system) == system.billed()
    assert system.executed() == 3 - (marker == "unknown")
    assert len(system.batches()) == 1
    assert not system.waiting("BatchQueue")


def test_a_lost_result_says_so_in_its_answer_and_costs_nobody_knows_what(system: System) -> None:
    asked = ask(system, "unknown")
    quarantined(system)
    release(system)
    collect(system, in_seconds=1)

    row = system.row(asked[0])
    assert row is not None
    assert (row["outcome"], row["outcome_reason"], row["cost_micro_usd"]) == ("failed", "result-lost", None)
    answer = system.answer(row)
    assert (answer["id"], answer["result"]["type"]) == (asked[0], "lost")
    assert answer["result"]["error"]["error"]["type"] == "result_lost"


def test_the_odd_lines_lie_in_the_bucket_and_nowhere_else(system: System) -> None:
    ask(system, "unknown")
    batch = quarantined(system)
    body = boto3.client("s3").get_object(Bucket=system.ids["ContentBucket"], Key=batch["quarantine"]["object"])["Body"]

    assert [json.loads(line)["result"] for line in body.read().splitlines()] == [{"type": "deferred"}]
    assert "deferred" not in str(system.items("BatchesTable"))


def test_trouble_is_tried_again_with_growing_pauses_and_then_hourly(system: System) -> None:
    ask(system, "missing")
    end_batch(system)
    system.run()
    waits = []
    for _ in range(7):
        batch = sole(system)
        wait = moments.from_text(batch["next_action_at"]) - clock.now()
        waits.append(round(wait / timedelta(minutes=1)))
        assert ("quarantine" in batch) is (len(waits) > 5)
        collect(system, in_seconds=wait.total_seconds() + 1)

    assert waits == [1, 2, 4, 8, 16, 60, 60]


def test_a_quarantine_keeps_its_object_while_the_same_is_odd(system: System) -> None:
    ask(system, "missing")
    first = quarantined(system)
    again = collect(system)

    assert again["quarantine"] == first["quarantine"]
    assert len(system.objects("quarantine/")) == 1


def test_what_claude_mends_resolves_by_itself(system: System) -> None:
    asked = ask(system, "missing times=3")
    assert "quarantine" in quarantined(system)
    batch = collect(system)

    assert (batch["state"], "quarantine" in batch) == ("COLLECTED", False)
    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert paid(system) == system.billed()


def test_a_download_that_was_just_cut_is_not_the_last_word_on_a_released_batch(system: System) -> None:
    asked = ask(system, "unknown")
    quarantined(system)
    release(system)
    system.fault(route="results", fault="cut", rows=1)
    batch = collect(system, in_seconds=1)
    assert (batch["state"], numbers(batch)["missing"]) == ("ENDED", 2)
    assert outcomes(system, asked) == {("open", "")}
    collect(system)

    assert outcomes(system, asked) == {("succeeded", "end_turn"), ("failed", "result-lost")}
    assert paid(system) == system.billed()


def test_a_released_batch_that_comes_whole_loses_nothing(system: System) -> None:
    asked = ask(system, "missing times=3")
    quarantined(system)
    release(system)
    collect(system, in_seconds=1)

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert lost(system) == []


def test_what_was_not_answered_goes_round_again_from_a_released_batch_too(system: System) -> None:
    asked = [*ask(system, "alien"), system.ask(params=params("Hello. [[emulator: expired times=1]]"))]
    quarantined(system)
    release(system)
    system.tick(in_seconds=1)
    system.run_until_answered(rounds=2)

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert paid(system) == system.billed()


@pytest.mark.parametrize(
    ("service", "call", "at"),
    [
        pytest.param("s3", "s3.CompleteMultipartUpload", 1, id="before-the-download-is-kept"),
        pytest.param("s3", "s3.CompleteMultipartUpload", 2, id="before-the-answers-are-whole"),
        pytest.param("dynamodb", "dynamodb.PutItem", 2, id="before-the-record-of-what-is-lost"),
        pytest.param("dynamodb", "dynamodb.UpdateItem", 3, id="before-an-ending"),
    ],
)
def test_a_crash_while_a_batch_is_given_up_changes_nothing(system: System, service: str, call: str, at: int) -> None:
    asked = ask(system, "unknown")
    quarantined(system)
    release(system)
    system.tick(in_seconds=1)
    system.crash({"dynamodb": dynamo.client, "s3": connections.s3}[service](), call, at=at)
    with pytest.raises(Killed):
        system.run()
    batch = collect(system, in_seconds=300)

    assert batch["state"] == "COLLECTED"
    assert outcomes(system, asked) == {("succeeded", "end_turn"), ("failed", "result-lost")}
    assert lost(system) == [("claude-sonnet-4-6", 1, None)]
    assert paid(system) == system.billed()


# --- results that are not found --------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["retrieve", "results"])
def test_results_that_are_not_found_for_23_hours_are_taken_when_they_come(system: System, route: str) -> None:
    asked = ask(system)
    end_batch(system)
    system.fault(route=route, fault="status", status=404, count=None)
    system.run()
    for _ in range(23):
        batch = collect(system, in_seconds=HOUR)
        assert (batch["state"], "quarantine" in batch) == ("ENDED", False)
    system.emulator.world.faults.clear()
    collect(system)

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert paid(system) == system.billed()
    assert len(system.emulator.world.list_batches().batches) == 1


def test_a_released_batch_waits_out_a_day_of_404_before_all_of_it_is_lost(system: System) -> None:
    asked = ask(system)
    end_batch(system)
    system.fault(route="results", fault="status", status=404, count=None)
    system.run()
    release(system)
    collect(system, in_seconds=23 * HOUR)
    assert outcomes(system, asked) == {("open", "")}
    collect(system, in_seconds=2 * HOUR)

    assert outcomes(system, asked) == {("failed", "result-lost")}
    assert lost(system) == [("claude-sonnet-4-6", 3, None)]


def test_an_unreachable_claude_never_makes_results_lost(system: System) -> None:
    asked = ask(system)
    end_batch(system)
    system.fault(route="results", fault="status", status=503, count=None)
    system.run()
    release(system)
    collect(system, in_seconds=31 * DAY)

    assert outcomes(system, asked) == {("open", "")}


def test_a_wrong_key_is_told_at_least_each_five_minutes(system: System) -> None:
    """HoldAlarm rings for as long as it lasts: one refusal in a quarter of an hour."""
    ask(system)
    end_batch(system)
    system.fault(route="retrieve", fault="status", status=401, count=None)
    system.run()
    for _ in range(5):
        batch = collect(system, in_seconds=301)
    assert moments.from_text(batch["next_action_at"]) - clock.now() <= timedelta(minutes=5)


def test_thirty_days_after_its_creation_a_batch_is_given_up(system: System) -> None:
    asked = ask(system)
    end_batch(system)
    system.fault(route="results", fault="drop", count=None)
    system.run()
    system.emulator.world.clock.advance(29.5 * DAY)
    system.emulator.world.faults.clear()
    collect(system, in_seconds=29.5 * DAY)
    assert outcomes(system, asked) == {("open", "")}
    batch = collect(system, in_seconds=DAY)

    assert batch["state"] == "COLLECTED"
    assert outcomes(system, asked) == {("failed", "result-lost")}
    assert lost(system) == [("claude-sonnet-4-6", 3, None)]
    assert len(system.emulator.world.list_batches().batches) == 1


def test_a_quarantine_ends_by_itself_at_thirty_days(system: System) -> None:
    asked = ask(system, "unknown")
    quarantined(system)
    batch = collect(system, in_seconds=30.5 * DAY)

    assert batch["state"] == "COLLECTED"
    assert outcomes(system, asked) == {("succeeded", "end_turn"), ("failed", "result-lost")}
    assert paid(system) == system.billed()


def test_a_batch_that_claude_no_longer_knows_is_given_up_at_thirty_days(system: System) -> None:
    """Somebody has deleted it before we saw that it had ended."""
    asked = ask(system)
    system.run()
    system.let_batches_end()
    (theirs,) = system.emulator.world.list_batches().batches
    system.emulator.world.delete_batch(theirs.id)
    system.tick(in_seconds=29 * DAY)
    assert sole(system)["state"] == "OPEN"
    collect(system, in_seconds=1.1 * DAY)

    assert outcomes(system, asked) == {("failed", "result-lost")}


# --- a batch that was adopted, and is not ours -----------------------------------------------------------------------


def foreign(system: System) -> Batch:
    """Somebody else's batch of one, in our workspace."""
    theirs = {"requests": [{"custom_id": "theirs", "params": params("Hello.")}]}
    return system.emulator.world.create_batch(theirs)


def adopt_foreign(system: System, **create: Any) -> tuple[str, Batch]:
    """A create of one request that Claude answered like this, and somebody else's batch adopted in its place."""
    for fault in create["faults"]:
        system.fault(route="create", **fault)
    asked = system.ask(params=params("Hello."))
    system.run()
    theirs = foreign(system)
    system.tick(in_seconds=200)
    assert sole(system)["claude_id"] == theirs.id
    system.let_batches_end()
    system.tick()
    return asked, theirs


LISTED_LATE = ({"fault": "unlisted", "seconds": 3 * HOUR}, {"fault": "drop_after_accept"})
NEVER_ARRIVED = ({"fault": "status", "status": 500},)


def test_a_foreign_batch_is_given_up_and_ours_adopted_when_it_is_listed(system: System) -> None:
    asked, theirs = adopt_foreign(system, faults=LISTED_LATE)
    before = sole(system)
    system.run()

    batch = sole(system)
    assert batch["state"] == "SENDING"
    assert {"claude_id", "created_at", "ended_at", "adopted", "lease_until", "odd_downloads"}.isdisjoint(batch)
    assert (batch["sending_at"], batch.get("anchor")) == (before["sending_at"], before.get("anchor"))
    table = BatchesTable(dynamo.client(), system.ids["BatchesTable"])
    assert table.owner_of(theirs.id) == "foreign"

    system.tick(in_seconds=1)
    assert sole(system)["state"] == "SENDING"  # ours may still be listed
    system.emulator.world.clock.advance(3 * HOUR)
    system.tick(in_seconds=31)
    system.tick(in_seconds=31)
    system.run()
    assert outcomes(system, [asked]) == {("succeeded", "end_turn")}
    assert system.executed() == 2  # theirs, and ours once
    assert 2 * paid(system) == system.billed()


def test_a_foreign_batch_is_given_up_and_ours_sent_again_when_it_never_arrived(system: System) -> None:
    asked, _ = adopt_foreign(system, faults=NEVER_ARRIVED)
    system.run()
    system.tick(in_seconds=1)
    assert sole(system)["state"] == "SENDING"
    system.tick(in_seconds=SETTLE)
    system.tick(in_seconds=1)
    system.run_until_answered()

    assert outcomes(system, [asked]) == {("succeeded", "end_turn")}
    assert system.executed() == 2
    assert 2 * paid(system) == system.billed()


def test_a_foreign_batch_is_kept_until_no_other_of_its_size_is_in_doubt(system: System) -> None:
    asked, _ = adopt_foreign(system, faults=NEVER_ARRIVED)
    lock = {"item_id": "count#1"}
    system.table("BatchesTable").put_item(Item={**lock, "batch": "another"})
    system.run()
    for _ in range(3):
        batch = collect(system)
        assert (batch["state"], "quarantine" in batch) == ("ENDED", False)
    assert system.table("BatchesTable").get_item(Key=lock)["Item"]["batch"] == "another"
    system.table("BatchesTable").put_item(Item=lock)
    assert collect(system)["state"] == "SENDING"
    assert system.table("BatchesTable").get_item(Key=lock)["Item"]["batch"] in sole(system)["item_id"]
    system.tick(in_seconds=1)
    system.tick(in_seconds=1)
    system.run_until_answered()

    assert outcomes(system, [asked]) == {("succeeded", "end_turn")}


def test_a_batch_of_ours_with_a_strangers_row_is_never_given_up_for_foreign(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept")
    asked = ask(system, "alien")
    system.run()
    system.tick(in_seconds=200)
    assert sole(system)["adopted"] is True
    batch = quarantined_when_adopted(system)

    assert (batch["state"], numbers(batch)) == ("ENDED", {"alien": 1})
    release(system)
    collect(system, in_seconds=1)
    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert system.executed() == 3


def quarantined_when_adopted(system: System) -> dict[str, Any]:
    system.let_batches_end()
    system.tick()
    system.run()
    collect(system)
    return collect(system)


def test_a_batch_that_create_itself_answered_is_never_foreign(system: System) -> None:
    system.ask(params=params("Hello."))

    def strangers(batch: Batch) -> None:
        row_of(batch).custom_id = "theirs"

    batch = quarantined(system, strangers)
    assert (batch["state"], numbers(batch)) == ("ENDED", {"alien": 1, "missing": 1})


def test_a_collector_that_lost_its_lease_gives_no_batch_up_for_foreign(system: System) -> None:
    adopt_foreign(system, faults=NEVER_ARRIVED)
    key = {"item_id": sole(system)["item_id"]}

    def taken_over() -> None:
        lease = {"lease_until": {"Value": "2999-01-01T00:00:00.000Z"}}
        system.table("BatchesTable").update_item(Key=key, AttributeUpdates=lease)

    system.meanwhile(dynamo.client(), "dynamodb.TransactWriteItems", taken_over)
    system.run()

    assert sole(system)["state"] == "ENDED"
