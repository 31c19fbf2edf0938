"""What the front of the pipeline does with repeats, conflicts, bad neighbours and its own crashes."""

import itertools
from collections.abc import Callable

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from lanekeeper import connections, dynamo
from lanekeeper.requests_table import RequestsTable
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


def test_a_sleeper_whose_segment_was_barred_loses_none_of_its_requests(system: System) -> None:
    asked = [system.ask(), system.ask()]

    def one_of_them_redelivered() -> None:
        system.pass_time(61)
        system.ask(id=asked[0])
        system.deliver("RequestQueue")

    system.meanwhile(connections.s3(), "s3.PutObject", one_of_them_redelivered)
    system.deliver("RequestQueue")
    system.pass_time(61)
    system.make_visible("RequestQueue")
    system.run_until_answered()

    assert all((system.row(one) or {}).get("outcome") == "succeeded" for one in asked)
    assert system.executed() == 2


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


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        pytest.param("none", [], id="none"),
        pytest.param("batch", ["RequestCompleted"], id="batch"),
    ],
)
def test_an_answered_request_that_comes_again_is_told_again_where_its_workload_wants_it(
    system: System, notify: str, told: list[str]
) -> None:
    system.set_workload("classifier", "content-pipeline", notify=notify)
    system.ask(id="same")
    system.run_until_answered()
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.ask(id="same")
    system.deliver("RequestQueue")

    assert [entry["DetailType"] for call in heard for entry in call["Entries"]] == told


def test_a_message_that_cannot_be_served_now_stays_on_the_queue_and_hurts_no_neighbour(system: System) -> None:
    asked = system.ask()
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.make_visible("RequestQueue")
    neighbour = system.ask()
    system.run_until_answered()  # the first may still be under way in its first home

    row, other = system.row(asked), system.row(neighbour)
    assert row is not None
    assert "outcome" not in row
    assert other is not None
    assert other["outcome"] == "succeeded"
    system.pass_time(61)
    system.make_visible("RequestQueue")
    system.run_until_answered()
    assert (system.row(asked) or {})["outcome"] == "succeeded"


def test_a_request_that_a_third_classifier_re_homes_first_waits_for_its_next_delivery(system: System) -> None:
    asked = system.ask()
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.pass_time(61)
    record = system.ask(id=asked) and system.record("RequestQueue")
    system.make_visible("RequestQueue")
    system.meanwhile(dynamo.client(), "dynamodb.UpdateItem", lambda: system.deliver("RequestQueue"))
    answer = system.invoke("ClassifierFunction", {"Records": [record]})
    system.run_until_answered()

    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [record["messageId"]]
    assert (system.row(asked) or {})["outcome"] == "succeeded"
    assert system.executed() == 1


def homeless(system: System) -> list[str]:
    """Two requests whose classifier died before their segment was committed, due to be delivered again."""
    asked = [system.ask(), system.ask()]
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.pass_time(61)
    system.make_visible("RequestQueue")
    return asked


def test_a_request_whose_move_got_no_answer_is_not_left_out_of_its_segment(system: System) -> None:
    """The others must not be committed without it: its redelivery would find it at home."""
    asked, calls = homeless(system), itertools.count()

    def lost(**_: object) -> None:
        if next(calls) == 1:
            raise ReadTimeoutError(endpoint_url="https://dynamodb.test")

    dynamo.client().meta.events.register("after-call.dynamodb.UpdateItem", lost)
    system.deliver("RequestQueue")
    for _ in range(2):
        system.pass_time(61)
        system.make_visible("RequestQueue")
        system.run_until_answered()

    assert [(system.row(each) or {}).get("outcome") for each in asked] == ["succeeded", "succeeded"]
    assert system.executed() == len(asked)


def test_a_request_whose_move_was_answered_twice_is_in_its_segment(system: System) -> None:
    """boto3 repeats what it got no answer to, and the condition of the repeat does not hold any more."""
    asked = homeless(system)
    move = RequestsTable.move
    system.monkeypatch.setattr(
        RequestsTable, "move", lambda *table, **fields: [move(*table, **fields), move(*table, **fields)][1]
    )
    system.deliver("RequestQueue")
    system.run_until_answered()

    assert [(system.row(each) or {}).get("outcome") for each in asked] == ["succeeded", "succeeded"]
    assert system.executed() == len(asked)


def test_a_row_that_is_our_own_write_answered_twice_joins_its_segment(system: System) -> None:
    asked = system.ask()
    table = RequestsTable(dynamo.client(), system.ids["RequestsTable"])
    accept_many = RequestsTable.accept_many
    system.monkeypatch.setattr(RequestsTable, "accept_many", lambda _, rows: [accept_many(table, rows), rows][1])
    system.deliver("RequestQueue")
    system.monkeypatch.setattr(RequestsTable, "accept_many", accept_many)
    system.run_until_answered()

    assert (system.row(asked) or {})["outcome"] == "succeeded"


def test_an_urgent_request_that_lost_its_message_and_is_patient_now_is_sent_again(system: System) -> None:
    asked = system.ask(priority="high")
    system.crash(connections.sqs(), "sqs.SendMessageBatch")
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.ask(id=asked)
    system.deliver("RequestQueue")
    system.run()

    assert (system.row(asked) or {})["outcome"] == "succeeded"


def test_a_request_that_goes_round_again_is_not_declared_abandoned_by_its_redelivery(system: System) -> None:
    asked = system.ask()
    system.fault(route="batch_rows", outcome="expired")
    system.run()
    system.let_batches_end()
    system.tick()
    system.crash(dynamo.client(), "dynamodb.PutItem")
    with pytest.raises(Killed):
        system.deliver("CollectQueue")  # the request has moved, its new segment is not committed
    system.ask(id=asked)
    system.pass_time(100)
    system.deliver("RequestQueue")
    system.tick(in_seconds=200)
    system.run_until_answered()

    assert not [item for item in system.items("BatchesTable") if item.get("state") == "ABANDONED"]
    assert (system.row(asked) or {})["outcome"] == "succeeded"


def test_what_the_queue_does_not_take_comes_again(system: System) -> None:
    asked = system.ask(priority="high")
    refused = {"Failed": [{"Id": "0", "SenderFault": False, "Code": "InternalError"}], "Successful": []}
    connections.sqs().meta.events.register_first("after-call.sqs.SendMessageBatch", _answers(refused))
    system.deliver("RequestQueue")
    system.make_visible("RequestQueue")
    boto3.client("sqs").purge_queue(QueueUrl=system.ids["RealtimeQueue"])
    system.run()

    assert (system.row(asked) or {})["outcome"] == "succeeded"


def _answers(document: dict[str, object]) -> Callable[..., None]:
    """The service's answer, once, replaced by another."""
    waiting = [document]

    def replace(parsed: dict[str, object], **_: object) -> None:
        if waiting:
            parsed.clear()
            parsed.update(waiting.pop())

    return replace


def test_an_event_that_the_bus_does_not_take_is_sent_again(system: System) -> None:
    system.send("{")
    connections.eventbridge().meta.events.register_first(
        "after-call.events.PutEvents", _answers({"FailedEntryCount": 1, "Entries": []})
    )
    system.deliver("RequestQueue")
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.make_visible("RequestQueue")
    system.run()

    assert [entry["DetailType"] for call in heard for entry in call["Entries"]] == ["RequestRejected"]
