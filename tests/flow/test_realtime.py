"""Urgent requests: answered once, tried again through the queue, never paid twice unseen."""

import json

import boto3
import pytest

from functions.realtime_invoker import answer
from lanekeeper import connections, dynamo
from lanekeeper.claude import Claude
from lanekeeper.errors import ClaudeUnclearError
from lanekeeper.queues import Queue
from tests.system import Killed, System, params, refusable


def ask(system: System, text: str = "Quick, please.") -> str:
    asked = system.ask(workload="live-chat", priority="high", params=params(text))
    system.deliver("RequestQueue")
    return asked


def killed_three_times(system: System) -> str:
    asked = ask(system)
    for _ in range(3):
        system.crash(connections.s3(), "s3.PutObject")
        with pytest.raises(Killed):
            system.deliver("RealtimeQueue")
        system.pass_time(200)
        system.make_visible("RealtimeQueue")
    return asked


def outcome(system: System, asked: str) -> tuple[str, str]:
    row = system.row(asked, "live-chat") or {}
    return row.get("outcome", "open"), row.get("outcome_reason", "")


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param({"status": 429, "retry_after": "7"}, id="rate-limit"),
        pytest.param({"status": 500}, id="server-error"),
        pytest.param({"status": 529}, id="overloaded"),
        pytest.param({"status": 401}, id="credentials"),
        pytest.param({"status": 400, "error_code": "organization_on_hold"}, id="on-hold"),
    ],
)
def test_what_claude_cannot_answer_now_goes_back_to_the_queue(system: System, refusal: dict[str, object]) -> None:
    asked = ask(system)
    system.fault(route="messages", fault="status", **refusal)
    system.deliver("RealtimeQueue")
    assert outcome(system, asked) == ("open", "")
    assert system.deliver("RealtimeQueue") == 0  # invisible for a while
    system.pass_time(61)  # where a person is needed the lane is held for a minute
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert len(system.items("LedgerTable")) == 1


def test_a_refused_request_fails_with_claudes_own_words_in_s3(system: System) -> None:
    asked = system.ask(workload="live-chat", priority="high", params=refusable())
    system.run()

    row = system.row(asked, "live-chat")
    assert row is not None
    assert (row["outcome"], row["outcome_reason"], row["cost_micro_usd"]) == ("failed", "invalid_request_error", 0)
    assert system.answer(row)["result"]["error"]["error"]["type"] == "invalid_request_error"
    assert not system.items("LedgerTable")


def test_a_redelivery_after_the_answer_calls_nobody(system: System) -> None:
    asked = ask(system)
    body = boto3.client("sqs").receive_message(QueueUrl=system.ids["RealtimeQueue"], VisibilityTimeout=0)["Messages"][0]
    system.run()
    boto3.client("sqs").send_message(QueueUrl=system.ids["RealtimeQueue"], MessageBody=body["Body"])
    system.run()

    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert system.executed() == 1


def test_a_worker_that_dies_before_storing_leaves_a_possible_duplicate_and_the_request_is_answered(
    system: System,
) -> None:
    asked = ask(system)
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")
    assert outcome(system, asked) == ("open", "")  # its lease still lives
    system.pass_time(200)
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("succeeded", "end_turn")
    kinds = sorted((record["kind"], record["cost_micro_usd"] is None) for record in system.items("LedgerTable"))
    assert kinds == [("answer", False), ("possible_duplicate", True)]
    assert system.executed() == 2


def test_a_worker_that_dies_after_storing_is_finished_without_paying_again(system: System) -> None:
    asked = ask(system)
    dynamo.client()
    system.crash(dynamo.client(), "dynamodb.PutItem")
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    system.pass_time(200)
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert system.executed() == 1
    assert sum(record["cost_micro_usd"] for record in system.items("LedgerTable")) == system.billed()


def test_a_request_that_kills_three_workers_ends_in_the_dead_letter_queue(system: System) -> None:
    asked = killed_three_times(system)
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("failed", "no-answer")
    assert len(system.waiting("RealtimeDeadLetterQueue")) == 1
    assert system.deliver("RealtimeQueue") == 0


def test_calls_that_run_out_of_time_are_bounded_and_each_is_on_record(system: System) -> None:
    asked = ask(system)
    system.monkeypatch.setattr(Claude, "answer", _too_slow)
    for _ in range(4):
        system.deliver("RealtimeQueue")
        system.make_visible("RealtimeQueue")

    assert outcome(system, asked) == ("failed", "no-answer")
    assert [record["kind"] for record in system.items("LedgerTable")] == ["possible_duplicate"] * 3
    assert len(system.waiting("RealtimeDeadLetterQueue")) == 1


def _too_slow(*_: object, **__: object) -> bytes:
    raise ClaudeUnclearError("APITimeoutError", timed_out=True)


def test_an_outage_without_connections_costs_nothing_and_gives_nothing_up(system: System) -> None:
    asked = ask(system)
    system.parameters["ClaudeUrl"] = "http://127.0.0.1:9"
    for _ in range(5):
        system.deliver("RealtimeQueue")
        system.make_visible("RealtimeQueue")
    assert not system.items("LedgerTable")
    system.parameters["ClaudeUrl"] = system.emulator.url
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert len(system.items("LedgerTable")) == 1


def test_a_request_too_large_for_the_inner_queue_travels_through_s3(system: System) -> None:
    asked = ask(system, "word " * 80_000)
    assert len(system.objects("requests/")) == 1
    system.run()

    assert outcome(system, asked) == ("succeeded", "end_turn")


def test_all_messages_of_one_invocation_are_answered_and_one_bad_one_hurts_none(system: System) -> None:
    system.fault(route="messages", fault="status", status=529)
    asked = [ask(system, f"Number {number}.") for number in range(6)]
    system.run()

    assert sorted(outcome(system, one)[0] for one in asked) == ["open"] + ["succeeded"] * 5


def test_a_worker_that_was_overtaken_between_look_and_lease_calls_nobody(system: System) -> None:
    asked = ask(system)
    record = system.record("RealtimeQueue")
    event = {"Records": [record]}
    system.meanwhile(dynamo.client(), "dynamodb.UpdateItem", lambda: system.invoke("RealtimeInvokerFunction", event))
    answer = system.invoke("RealtimeInvokerFunction", event)

    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert system.executed() == 1


def test_a_worker_that_was_overtaken_before_it_stored_tells_of_the_end_that_stands(system: System) -> None:
    asked = ask(system)
    event = {"Records": [system.record("RealtimeQueue")]}
    heard = system.listen(connections.eventbridge(), "events.PutEvents")

    def overtake() -> None:
        system.pass_time(200)  # the sleeper's lease is over
        system.invoke("RealtimeInvokerFunction", event)

    system.meanwhile(connections.s3(), "s3.PutObject", overtake)
    system.invoke("RealtimeInvokerFunction", event)

    answers = [json.loads(entry["Detail"])["answer"]["key"] for call in heard for entry in call["Entries"]]
    assert answers == [(system.row(asked, "live-chat") or {})["answer_key"]] * 2
    assert sorted(row["kind"] for row in system.items("LedgerTable")) == ["answer", "answer", "possible_duplicate"]


def test_a_call_is_not_begun_with_too_little_time_to_store_its_answer(system: System) -> None:
    asked = ask(system)
    system.deliver("RealtimeQueue", seconds=15)

    assert outcome(system, asked) == ("open", "")
    assert (system.row(asked, "live-chat") or {})["attempt"] == 0
    assert system.executed() == 0


def test_a_call_leaves_time_to_store_its_answer(system: System) -> None:
    ask(system)
    timeouts: list[float] = []

    def answer(_: object, __: bytes, *, timeout: float) -> bytes:
        timeouts.append(timeout)
        raise ClaudeUnclearError("HTTP 529", status=529)

    system.monkeypatch.setattr(Claude, "answer", answer)
    system.deliver("RealtimeQueue")

    assert timeouts == [85.0]


def test_a_request_that_nobody_accepted_ends_in_the_dead_letter_queue(system: System) -> None:
    stray = {"key": "k", "id": "i", "workload": "live-chat", "model": "m", "params": params(), "metadata": {}}
    boto3.client("sqs").send_message(QueueUrl=system.ids["RealtimeQueue"], MessageBody=json.dumps(stray))
    system.deliver("RealtimeQueue")

    assert system.waiting("RealtimeDeadLetterQueue") == [stray]
    assert system.executed() == 0


@pytest.mark.parametrize(
    ("refusal", "least", "most"),
    [
        pytest.param({"status": 429, "retry_after": "70"}, 70, 105, id="as-claude-says"),
        pytest.param({"status": 529}, 5, 8, id="doubling-from-five"),
        pytest.param({"status": 401}, 300, 450, id="a-person-is-needed"),
    ],
)
def test_a_message_waits_on_the_queue_for_its_next_call(
    system: System, refusal: dict[str, object], least: int, most: int
) -> None:
    ask(system)
    system.fault(route="messages", fault="status", **refusal)
    heard = system.listen(connections.sqs(), "sqs.ChangeMessageVisibility")
    system.deliver("RealtimeQueue")

    (call,) = heard
    assert least <= call["VisibilityTimeout"] <= most


def test_the_messages_of_a_worker_that_dies_come_again_right_after_its_lease(system: System) -> None:
    asked = ask(system)
    heard = system.listen(connections.sqs(), "sqs.ChangeMessageVisibilityBatch")
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue", seconds=100)

    assert [entry["VisibilityTimeout"] for call in heard for entry in call["Entries"]] == [130]
    assert "lease_until" in (system.row(asked, "live-chat") or {})


def test_a_message_that_cannot_be_read_comes_again_soon_and_hurts_no_neighbour(system: System) -> None:
    asked = ask(system)
    boto3.client("sqs").send_message(QueueUrl=system.ids["RealtimeQueue"], MessageBody="[]")
    heard = system.listen(connections.sqs(), "sqs.ChangeMessageVisibility")
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert [call["VisibilityTimeout"] for call in heard] == [10]


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        pytest.param("none", 0, id="none"),
        pytest.param("batch", 2, id="batch"),
    ],
)
def test_an_answer_and_its_redelivery_are_told_where_the_workload_wants_it(
    system: System, notify: str, told: int
) -> None:
    system.set_workload("realtime_invoker", "live-chat", notify=notify)
    ask(system)
    event = {"Records": [system.record("RealtimeQueue")]}
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    for _ in range(2):
        system.invoke("RealtimeInvokerFunction", event)

    kinds = [entry["DetailType"] for call in heard for entry in call["Entries"]]
    assert kinds == ["RequestCompleted"] * told
    assert system.executed() == 1


def test_a_call_that_was_executed_unseen_is_not_repeated_by_the_client(system: System) -> None:
    ask(system)
    system.fault(route="messages", fault="drop_after_accept")
    system.deliver("RealtimeQueue")

    assert system.executed() == 1
    assert [record["kind"] for record in system.items("LedgerTable")] == ["possible_duplicate"]


def test_an_answer_over_several_lines_is_stored_as_one(system: System) -> None:
    asked = ask(system)
    claudes = Claude.answer
    system.monkeypatch.setattr(
        Claude, "answer", lambda *a, **k: json.dumps(json.loads(claudes(*a, **k)), indent=1).encode()
    )
    system.deliver("RealtimeQueue")

    row = system.row(asked, "live-chat") or {}
    assert system.answer(row)["result"]["type"] == "succeeded"
    (key,) = system.objects("results/")
    stored = boto3.client("s3").get_object(Bucket=system.ids["ContentBucket"], Key=key)["Body"].read()
    assert stored.count(b"\n") == 1


def test_inner_messages_are_ascii_since_the_queue_refuses_some_characters(system: System) -> None:
    asked = ask(system, "\uffff \U0001f600 é")
    (message,) = boto3.client("sqs").receive_message(QueueUrl=system.ids["RealtimeQueue"], VisibilityTimeout=0)[
        "Messages"
    ]
    assert message["Body"].isascii()
    system.run()
    assert outcome(system, asked) == ("succeeded", "end_turn")


def test_urgent_messages_are_handed_on_ten_a_call_and_within_a_calls_bytes(system: System) -> None:
    queue = Queue(connections.sqs(), system.ids["RealtimeQueue"])
    heard = system.listen(connections.sqs(), "sqs.SendMessageBatch")
    bodies = [{"text": "x" * 250_000}] * 5 + [{"text": "x"}] * 12
    assert queue.send_many((body, "live-chat") for body in bodies) == [True] * 17

    assert [len(call["Entries"]) for call in heard] == [3, 10, 4]
    assert all(sum(len(entry["MessageBody"]) for entry in call["Entries"]) <= 1_000_000 for call in heard)


@pytest.mark.parametrize(
    ("service", "call"),
    [
        pytest.param("sqs", "sqs.SendMessage", id="before-the-dead-letter"),
        pytest.param("s3", "s3.PutObject", id="before-the-answer"),
        pytest.param("dynamodb", "dynamodb.UpdateItem", id="before-the-end"),
    ],
)
def test_a_crash_while_giving_up_keeps_the_dead_letter_and_the_reason(system: System, service: str, call: str) -> None:
    asked = killed_three_times(system)
    system.crash({"sqs": connections.sqs, "s3": connections.s3, "dynamodb": dynamo.client}[service](), call)
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    system.pass_time(200)
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("failed", "no-answer")
    assert system.waiting("RealtimeDeadLetterQueue")


def test_a_refusal_stored_by_a_dead_worker_keeps_claudes_reason(system: System) -> None:
    asked = system.ask(workload="live-chat", priority="high", params=refusable())
    system.deliver("RequestQueue")
    system.crash(dynamo.client(), "dynamodb.UpdateItem", at=2)
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    system.pass_time(200)
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("failed", "invalid_request_error")


def test_only_a_few_large_requests_are_held_in_memory_at_once(system: System) -> None:
    room = Room()
    system.monkeypatch.setattr(answer, "_room_for_large", room)
    asked = [ask(system, "x" * 300_000), ask(system, "y" * 300_000), ask(system)]
    system.run()

    assert [outcome(system, one) for one in asked] == [("succeeded", "end_turn")] * 3
    assert room.entered == 2


def test_a_call_with_too_little_time_is_not_begun(system: System) -> None:
    asked = ask(system)
    for _ in range(4):
        system.deliver("RealtimeQueue", seconds=70)
        system.make_visible("RealtimeQueue")
    assert (system.row(asked, "live-chat") or {})["attempt"] == 0
    system.run()

    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert [row["kind"] for row in system.items("LedgerTable")] == ["answer"]


def test_a_late_delivery_of_a_forgotten_request_tells_nobody(system: System) -> None:
    asked = ask(system)
    record = system.record("RealtimeQueue")
    system.make_visible("RealtimeQueue")
    system.run()
    row = system.row(asked, "live-chat") or {}
    system.table("RequestsTable").put_item(Item=row | {"forgotten_at": row["finished_at"]})
    heard = system.listen(connections.eventbridge(), "events.PutEvents")

    assert system.invoke("RealtimeInvokerFunction", {"Records": [record]}) == {"batchItemFailures": []}
    assert not heard


class Room:
    """Counts who comes in."""

    entered = 0

    def __enter__(self) -> None:
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        return None


def test_an_answer_that_comes_after_its_lease_is_over_is_on_record_too(system: System) -> None:
    asked = ask(system)

    def another_worker_answers() -> None:
        system.pass_time(200)
        system.make_visible("RealtimeQueue")
        system.deliver("RealtimeQueue")

    system.meanwhile(connections.s3(), "s3.PutObject", another_worker_answers)
    system.deliver("RealtimeQueue")

    costs = [record["cost_micro_usd"] for record in system.items("LedgerTable")]
    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert system.executed() == 2
    assert sorted(record["kind"] for record in system.items("LedgerTable")) == [
        "answer",
        "answer",
        "possible_duplicate",
    ]
    assert sum(cost for cost in costs if cost is not None) == system.billed()
    assert len(system.objects("results/")) == 2
