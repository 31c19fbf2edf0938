"""Urgent requests: answered once, tried again through the queue, never paid twice unseen."""

import boto3
import pytest

from lanekeeper import connections, dynamo
from lanekeeper.claude import Claude
from lanekeeper.errors import ClaudeUnclearError
from tests.system import Killed, System, params


def ask(system: System, text: str = "Quick, please.") -> str:
    asked = system.ask(workload="live-chat", priority="high", params=params(text))
    system.deliver("RequestQueue")
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
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")

    assert outcome(system, asked) == ("succeeded", "end_turn")
    assert len(system.items("LedgerTable")) == 1


def test_a_refused_request_fails_with_claudes_own_words_in_s3(system: System) -> None:
    asked = system.ask(workload="live-chat", priority="high", params=params(model="claude-imaginary-9"))
    system.run()

    row = system.row(asked, "live-chat")
    assert row is not None
    assert (row["outcome"], row["outcome_reason"], row["cost_micro_usd"]) == ("failed", "not_found_error", 0)
    assert system.answer(row)["result"]["error"]["error"]["type"] == "not_found_error"
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
    asked = ask(system)
    for _ in range(3):
        system.crash(connections.s3(), "s3.PutObject")
        with pytest.raises(Killed):
            system.deliver("RealtimeQueue")
        system.pass_time(200)
        system.make_visible("RealtimeQueue")
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
