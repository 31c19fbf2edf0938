"""What the front of the pipeline does with repeats, conflicts, bad neighbours and its own crashes."""

import boto3
import pytest

from lanekeeper import connections, dynamo
from tests.system import Killed, System, params


def test_a_message_that_comes_three_times_is_answered_and_billed_once(system: System) -> None:
    for _ in range(3):
        system.ask(id="same")
        system.ask(id="urgent", priority="high")
    system.run_until_answered()
    system.ask(id="same")
    system.ask(id="urgent", priority="high")
    system.run_until_answered()

    assert system.executed() == 2
    assert len(system.items("LedgerTable")) == 2
    assert not system.waiting("RejectedQueue")


def test_the_lane_of_the_first_delivery_stands(system: System) -> None:
    system.ask(id="same")
    system.deliver("RequestQueue")
    system.ask(id="same", priority="high")
    system.run_until_answered()

    row = system.row("same")
    assert row is not None
    assert row["lane"] == "batch"
    assert system.executed() == 1


def test_another_request_under_the_same_id_is_rejected_and_the_first_stands(system: System) -> None:
    system.ask(id="same", params=params("first"))
    system.run_until_answered()
    system.ask(id="same", params=params("second"))
    system.run_until_answered()

    (notice,) = system.waiting("RejectedQueue")
    assert notice["code"] == "conflict"
    assert system.executed() == 1


def test_two_requests_under_one_id_in_one_event_conflict(system: System) -> None:
    system.ask(id="same", params=params("first"))
    system.ask(id="same", params=params("second"))
    system.run_until_answered()

    (notice,) = system.waiting("RejectedQueue")
    assert notice["code"] == "conflict"
    assert system.executed() == 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param("{", "invalid_json", id="not-json"),
        pytest.param('{"id": "x"}', "missing_field", id="incomplete"),
        pytest.param('{"id":"x","workload":"nobody","params":{}}', "unknown_workload", id="stranger"),
    ],
)
def test_a_bad_message_is_kept_with_its_reason_and_its_neighbours_are_answered(
    system: System, message: str, code: str
) -> None:
    before = system.ask()
    system.send(message)
    after = system.ask()
    system.run_until_answered()

    (notice,) = system.waiting("RejectedQueue")
    original = boto3.client("s3").get_object(Bucket=notice["original"]["bucket"], Key=notice["original"]["key"])
    assert (notice["code"], original["Body"].read().decode()) == (code, message)
    assert all(row is not None and row["outcome"] == "succeeded" for row in map(system.row, (before, after)))
    assert not system.waiting("RequestDeadLetterQueue")


@pytest.mark.parametrize(
    ("service", "call"),
    [
        pytest.param("dynamodb", "dynamodb.PutItem", id="before-the-row"),
        pytest.param("s3", "s3.PutObject", id="before-the-segment"),
        pytest.param("sqs", "sqs.SendMessage", id="before-the-wake-up"),
    ],
)
def test_a_crash_of_the_classifier_is_repaired_by_the_redelivery(system: System, service: str, call: str) -> None:
    asked = system.ask()
    client = {"dynamodb": dynamo.client, "s3": connections.s3, "sqs": connections.sqs}[service]()
    system.crash(client, call)
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.pass_time(61)
    system.make_visible("RequestQueue")
    system.run_until_answered()

    row = system.row(asked)
    assert row is not None
    assert row["outcome"] == "succeeded"
    assert system.executed() == 1


def test_a_classifier_that_wakes_after_its_requests_were_re_homed_commits_nothing(system: System) -> None:
    asked = system.ask()

    def redelivered_meanwhile(**_: object) -> None:
        connections.s3().meta.events.unregister("before-call.s3.PutObject", redelivered_meanwhile)
        system.pass_time(61)
        system.make_visible("RequestQueue")
        system.deliver("RequestQueue")

    connections.s3().meta.events.register("before-call.s3.PutObject", redelivered_meanwhile)
    system.deliver("RequestQueue")
    system.run_until_answered()

    segments = [item for item in system.items("BatchesTable") if item["item_id"].startswith("segment#")]
    assert sorted(segment["state"] for segment in segments) == ["ABANDONED", "OWNED"]
    row = system.row(asked)
    assert row is not None
    assert row["outcome"] == "succeeded"
    assert system.executed() == 1


def test_a_second_send_leaves_a_segment_under_way_in_peace(system: System) -> None:
    asked = system.ask()
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.ask(id=asked)
    system.deliver("RequestQueue")

    assert not [item for item in system.items("BatchesTable") if item.get("state") == "ABANDONED"]
    assert system.executed() == 0


def test_an_impostor_beside_a_redelivered_request_does_not_orphan_it(system: System) -> None:
    truth = system.ask(id="same", params=params("truth"))
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.pass_time(61)
    system.ask(id="same", params=params("impostor"))
    system.make_visible("RequestQueue")
    system.run_until_answered()

    row = system.row(truth)
    assert row is not None
    assert row["outcome"] == "succeeded"
    assert [notice["code"] for notice in system.waiting("RejectedQueue")] == ["conflict"]
    assert system.executed() == 1


def test_a_lost_wake_up_is_made_good_by_the_schedule(system: System) -> None:
    asked = system.ask()
    system.deliver("RequestQueue")
    boto3.client("sqs").purge_queue(QueueUrl=system.ids["BatchQueue"])
    system.tick(in_seconds=61)
    system.run_until_answered()

    row = system.row(asked)
    assert row is not None
    assert row["outcome"] == "succeeded"


def test_in_development_every_request_goes_real_time(system: System) -> None:
    system.parameters["Stage"] = "development"
    asked = system.ask()
    system.run()

    row = system.row(asked)
    assert row is not None
    assert (row["lane"], row["reason"], row["outcome"]) == ("realtime", "development-stage", "succeeded")
