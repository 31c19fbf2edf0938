"""A lane that Claude does not serve is held: no calls, one that tries, and nothing lost however long it takes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx2
import pytest

from lanekeeper import clock, connections, dynamo, moments, telemetry
from lanekeeper.queues import WORN_AGE, WORN_RECEIVES
from lanekeeper.requests_table import RequestsTable
from tests.system import Killed, System, params
from tests.template.reading import QUEUES


def ask(system: System, count: int = 1, **fields: Any) -> list[str]:
    asked = [system.ask(workload="live-chat", priority="high", **fields) for _ in range(count)]
    system.deliver("RequestQueue")
    return asked


def outcomes(system: System, asked: list[str]) -> list[str]:
    return [(system.row(one, "live-chat") or {}).get("outcome", "open") for one in asked]


def attempts(system: System, asked: list[str]) -> list[int]:
    return sorted(int((system.row(one, "live-chat") or {})["attempt"]) for one in asked)


def lane(system: System, name: str = "realtime") -> dict[str, Any]:
    return next((item for item in system.items("BatchesTable") if item["item_id"] == f"lane#{name}"), {})


def hold(system: System, name: str = "realtime", *, seconds: float = 60, remedy: str = "patience") -> None:
    system.table("BatchesTable").put_item(
        Item={
            "item_id": f"lane#{name}",
            "turn": 7,
            "opened": 7,
            "failures": 10,
            "open_until": moments.to_text(clock.now() + timedelta(seconds=seconds)),
            "open_seconds": 60,
            "reason": "HTTP 529",
            "remedy": remedy,
        }
    )


def redeliver(system: System, *, in_seconds: float = 0) -> None:
    system.pass_time(in_seconds)
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")


def calls(system: System) -> list[str]:
    """The paths that Claude is called at from now on."""
    handle, made = httpx2.HTTPTransport.handle_request, []

    def count(transport: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        made.append(request.url.path)
        return handle(transport, request)

    system.monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", count)
    return made


# real time


def test_all_that_meets_a_held_lane_goes_back_by_one_call_and_nothing_is_read_for_it(system: System) -> None:
    asked = ask(system, 5, max_latency_minutes=600)
    hold(system)
    made = calls(system)
    delays = system.listen(connections.sqs(), "sqs.ChangeMessageVisibilityBatch")
    single = system.listen(connections.sqs(), "sqs.ChangeMessageVisibility")
    reads = system.listen(dynamo.client(), "dynamodb.GetItem")
    objects = system.listen(connections.s3(), "s3.GetObject")
    assert system.deliver("RealtimeQueue") == 5

    (call,) = delays
    times = [entry["VisibilityTimeout"] for entry in call["Entries"]]
    assert len(times) == 5
    assert all(60 <= seconds <= 300 for seconds in times)
    assert len(set(times)) > 1
    assert [read["Key"] for read in reads] == [{"item_id": {"S": "lane#realtime"}}]
    assert (made, objects, single) == ([], [], [])
    assert attempts(system, asked) == [0] * 5


def test_one_refusal_that_needs_a_person_holds_the_lane(system: System) -> None:
    ask(system)
    system.fault(route="messages", fault="status", status=401)
    system.deliver("RealtimeQueue")
    made = calls(system)
    redeliver(system, in_seconds=59)

    assert not made
    assert (lane(system)["remedy"], lane(system)["reason"][:8]) == ("person", "HTTP 401")


def test_of_all_that_wait_exactly_one_tries_and_its_failure_holds_the_lane_for_longer(system: System) -> None:
    asked = ask(system, 4)
    hold(system, seconds=-1)
    system.fault(route="messages", fault="status", status=529, count=None)
    system.deliver("RealtimeQueue")

    assert attempts(system, asked) == [0, 0, 0, 1]
    assert lane(system)["open_seconds"] == 120


def test_the_success_of_the_one_that_tries_opens_the_way_for_all(system: System) -> None:
    asked = ask(system, 4)
    hold(system, seconds=-1)
    made = calls(system)
    system.deliver("RealtimeQueue")
    assert len(made) in {1, 2, 3, 4}  # whoever comes after it finds the lane free
    assert "open_until" not in lane(system)
    redeliver(system)

    assert outcomes(system, asked) == ["succeeded"] * 4
    assert system.executed() == 4


def test_who_dies_while_trying_blocks_nobody_for_longer_than_its_time(system: System) -> None:
    asked = ask(system)
    hold(system, seconds=-1)
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    made = calls(system)
    redeliver(system, in_seconds=120)
    assert not made
    redeliver(system, in_seconds=20)

    assert outcomes(system, asked) == ["succeeded"]


@pytest.mark.parametrize("spoilt", ["by-its-own-fault", "by-another-worker"])
def test_a_try_that_says_nothing_of_the_lane_lets_another_one_try_at_once(system: System, spoilt: str) -> None:
    ask(system)
    hold(system, seconds=-1)
    if spoilt == "by-its-own-fault":
        system.fault(route="messages", fault="status", status=413)
        system.deliver("RealtimeQueue")
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RequestsTable, "begin_attempt", lambda *_, **__: False)
            system.deliver("RealtimeQueue")
    assert "probe_until" not in lane(system)
    assert "open_until" in lane(system)
    asked = ask(system)
    system.deliver("RealtimeQueue")

    assert outcomes(system, asked) == ["succeeded"]


def test_passing_failures_hold_the_lane_after_ten_in_a_row_and_a_success_begins_anew(system: System) -> None:
    asked = ask(system)
    system.fault(route="messages", fault="status", status=529, count=9)
    for _ in range(9):
        redeliver(system, in_seconds=5)
    assert (lane(system)["failures"], "open_until" in lane(system)) == (9, False)
    redeliver(system)
    assert outcomes(system, asked) == ["succeeded"]
    assert lane(system)["failures"] == 0

    ask(system)
    system.fault(route="messages", fault="status", status=529, count=10)
    for _ in range(10):
        assert "open_until" not in lane(system)
        redeliver(system, in_seconds=5)
    assert (lane(system)["failures"], "open_until" in lane(system)) == (10, True)


def test_an_hour_without_claude_dead_letters_nothing_and_all_is_answered_after_it(system: System) -> None:
    asked = ask(system, 3)
    system.fault(route="messages", fault="status", status=503, count=None)
    made = calls(system)
    for _ in range(30):
        redeliver(system, in_seconds=120)
    assert len(made) < 40
    system.emulator.world.faults.clear()
    redeliver(system, in_seconds=301)
    redeliver(system)

    assert outcomes(system, asked) == ["succeeded"] * 3
    assert not system.waiting("RealtimeDeadLetterQueue")
    assert system.executed() == 3


def test_a_lane_whose_row_cannot_be_read_serves_urgent_requests_all_the_same(system: System) -> None:
    asked = ask(system)
    get_item = dynamo.client().get_item

    def throttled(**arguments: Any) -> Any:
        if "item_id" in arguments["Key"]:
            raise dynamo.ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem")
        return get_item(**arguments)

    system.monkeypatch.setattr(dynamo.client(), "get_item", throttled)
    system.deliver("RealtimeQueue")

    assert outcomes(system, asked) == ["succeeded"]


# messages that wait for long


def event(message: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    record = message | {"attributes": message["attributes"] | {name: str(it) for name, it in attributes.items()}}
    return {"Records": [record]}


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


WORN = {
    "received-often": {"ApproximateReceiveCount": WORN_RECEIVES},
    "old": {"SentTimestamp": milliseconds(datetime.now(UTC) - WORN_AGE)},
}


@pytest.mark.parametrize("held", [True, False], ids=["lane-held", "claude-busy"])
@pytest.mark.parametrize("worn", WORN)
def test_a_message_that_the_queue_would_give_up_is_sent_anew_before_it_is_acknowledged(
    system: System, worn: str, held: bool
) -> None:
    (asked,) = ask(system)
    record = system.record("RealtimeQueue")
    if held:
        hold(system)
    system.fault(route="messages", fault="status", status=529)
    sent = system.listen(connections.sqs(), "sqs.SendMessage")
    answer = system.invoke("RealtimeInvokerFunction", event(record, MessageGroupId="live-chat", **WORN[worn]))

    assert answer == {"batchItemFailures": []}
    (copy,) = sent
    assert json.loads(copy["MessageBody"]) == json.loads(record["body"])
    assert copy["QueueUrl"] == system.ids["RealtimeQueue"]
    assert 0 < copy["DelaySeconds"] <= 900
    assert copy["MessageGroupId"] == "live-chat"
    assert outcomes(system, [asked]) == ["open"]


def test_who_dies_between_copy_and_acknowledgement_leaves_two_messages_and_one_answer(system: System) -> None:
    asked = ask(system)
    record = system.record("RealtimeQueue")
    hold(system)
    system.invoke("RealtimeInvokerFunction", event(record, **WORN["old"]))  # and it is never acknowledged
    system.pass_time(61)
    system.make_visible("RealtimeQueue")
    boto3.client("sqs").send_message(QueueUrl=system.ids["RealtimeQueue"], MessageBody=record["body"])
    while system.deliver("RealtimeQueue"):
        pass

    assert outcomes(system, asked) == ["succeeded"]
    assert system.executed() == 1


def test_a_message_that_is_young_is_never_copied(system: System) -> None:
    ask(system)
    record = system.record("RealtimeQueue")
    hold(system)
    sent = system.listen(connections.sqs(), "sqs.SendMessage")
    young = event(record, ApproximateReceiveCount=WORN_RECEIVES - 1)

    assert system.invoke("RealtimeInvokerFunction", young)["batchItemFailures"]
    assert not sent


def test_an_outage_of_a_month_loses_nothing(system: System) -> None:
    """A delivery each six hours in which a message is received fifty times more: no copy gets near what SQS allows."""
    asked = ask(system)
    record = system.record("RealtimeQueue")
    sent = system.listen(connections.sqs(), "sqs.SendMessage")
    since, receives, copies = clock.now(), 1, 0
    for _ in range(120):
        system.pass_time(6 * 3600)
        receives += 50
        assert receives < QUEUES["RealtimeQueue"]["RedrivePolicy"]["maxReceiveCount"]
        assert (clock.now() - since).total_seconds() < QUEUES["RealtimeQueue"]["MessageRetentionPeriod"]
        hold(system)
        aged = event(record, ApproximateReceiveCount=receives, SentTimestamp=milliseconds(since))
        kept = system.invoke("RealtimeInvokerFunction", aged)["batchItemFailures"]
        assert bool(kept) is (len(sent) == copies)
        if not kept:
            since, receives, copies = clock.now(), 1, len(sent)
    system.pass_time(61)
    system.invoke("RealtimeInvokerFunction", event(record, SentTimestamp=milliseconds(since)))

    assert copies == 15
    assert outcomes(system, asked) == ["succeeded"]


# batches


def ask_and_seal(system: System, count: int = 1) -> None:
    for number in range(count):
        system.ask(params=params(f"Number {number}."), max_latency_minutes=600 + number)
        system.deliver("RequestQueue")
        system.deliver("BatchQueue")


def test_a_batch_that_meets_a_held_lane_is_held_with_its_reason_and_calls_nobody(system: System) -> None:
    hold(system, "batch", seconds=90, remedy="person")
    made = calls(system)
    ask_and_seal(system)

    (batch,) = system.batches()
    assert not made
    assert (batch["state"], batch["hold_reason"], batch["hold_remedy"]) == ("HELD", "HTTP 529", "person")
    assert batch["next_action_at"] == lane(system, "batch")["open_until"]


def test_of_all_batches_one_tries_and_the_others_wait_for_what_becomes_of_it(system: System) -> None:
    hold(system, "batch", seconds=30)
    ask_and_seal(system, 3)
    system.fault(route="create", fault="status", status=401, count=None)
    made = calls(system)
    system.tick(in_seconds=31)
    assert len(made) == 2  # a listing and a create
    assert lane(system, "batch")["remedy"] == "person"
    system.emulator.world.faults.clear()
    system.tick(in_seconds=301)
    system.tick(in_seconds=301)

    assert [batch["state"] for batch in system.batches()] == ["OPEN"] * 3
    assert "open_until" not in lane(system, "batch")


def test_a_batch_that_finds_no_time_to_try_lets_another_one(system: System) -> None:
    hold(system, "batch", seconds=30)
    ask_and_seal(system)
    system.tick(in_seconds=31, seconds=24)
    assert "probe_until" not in lane(system, "batch")
    system.tick(in_seconds=31)

    assert [batch["state"] for batch in system.batches()] == ["OPEN"]


def test_while_another_one_tries_a_batch_waits(system: System) -> None:
    hold(system, "batch", seconds=30)
    ask_and_seal(system)
    until = moments.to_text(clock.now() + timedelta(seconds=200))
    key = {"item_id": "lane#batch"}
    system.table("BatchesTable").update_item(Key=key, AttributeUpdates={"probe_until": {"Value": until}})
    made = calls(system)
    system.tick(in_seconds=60)
    assert not made
    system.tick(in_seconds=150)

    assert [batch["state"] for batch in system.batches()] == ["OPEN"]


# who is told


@pytest.mark.parametrize(("remedy", "told"), [("person", 1), ("patience", 0)])
def test_each_tick_tells_of_lanes_that_wait_for_a_person(system: System, remedy: str, told: int) -> None:
    hold(system, seconds=-600, remedy=remedy)
    counted: list[float] = []

    def add(name: str, _unit: object, value: float) -> None:
        if name == "HoldsForAPerson":
            counted.append(value)

    system.monkeypatch.setattr(telemetry, "_add", add)
    system.tick()
    system.tick(in_seconds=400)  # nobody has tried for a quarter of an hour: nothing waits in it any more

    assert counted == [told, 0]
