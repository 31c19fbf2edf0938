"""What a producer can rely on: each request has a ticket or a reason, each ticket an end, and no end is another's."""

import hashlib
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import boto3
import pytest
from anthropic.types import Message
from botocore.exceptions import ClientError, EndpointConnectionError

from lanekeeper import client as producers
from lanekeeper.client import (
    Answer,
    ContentGoneError,
    FailedError,
    InvalidWorkloadError,
    NotSentError,
    RejectedError,
    Rejection,
    Request,
    Ticket,
    TimedOutError,
    UnknownStackError,
)
from lanekeeper.client.sending import MOST_BYTES, MOST_PARAMS_BYTES
from lanekeeper.client.watch import FIRST_PAUSE, LONGEST_PAUSE
from lanekeeper.identity import params_hash
from tests.producer import Waiting, producer, queued
from tests.system import System, params, refusable

AT = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)
USAGE = {"input_tokens": 1000, "output_tokens": 500}


def request(number: int, **fields: Any) -> Request:
    return Request(**{"workload": "content-pipeline", "id": f"article-{number}", "params": params(), **fields})


# sending and waiting


def test_an_answer_is_waited_for_and_comes_with_its_facts(system: System) -> None:
    ticket = producer(system).submit("content-pipeline", "article-42", params("Say hello."), metadata={"team": "docs"})
    answer = producer(system).wait(ticket, timeout=3600)

    assert (answer.outcome, answer.lane, answer.reason) == ("succeeded", "batch", "end_turn")
    assert answer.text == "".join(block["text"] for block in answer.message["content"])
    assert answer.metadata == {"team": "docs"}
    assert answer.cost_micro_usd == system.billed()


def test_every_field_of_the_contract_reaches_the_queue(system: System) -> None:
    producer(system).submit_many(
        [
            request(1, priority="high", metadata={"a": [1]}),
            request(2, deadline=datetime(2026, 11, 26, 9, tzinfo=timezone(timedelta(hours=1)))),
            request(3, max_latency_minutes=90),
        ]
    )
    messages = {json.loads(message["Body"])["id"]: message for message in queued(system)}

    assert [json.loads(messages[f"article-{n}"]["Body"]) for n in (1, 2, 3)] == [
        {"id": f"article-{n}", "workload": "content-pipeline", "params": params(), **fields}
        for n, fields in enumerate(
            (
                {"priority": "high", "metadata": {"a": [1]}},
                {"deadline": "2026-11-26T08:00:00.000Z"},
                {"max_latency_minutes": 90},
            ),
            start=1,
        )
    ]
    assert {message["Attributes"]["MessageGroupId"] for message in messages.values()} == {"content-pipeline"}


def test_answers_come_as_they_end_and_each_kind_of_end_is_told(system: System) -> None:
    waiting = Waiting()
    client = producer(system, waiting)
    tickets = client.submit_many(
        [
            request(1, id="refused", priority="high", params=refusable()),
            request(2, id="patient"),
            request(3, id="unreadable", params={"model": "claude-sonnet-4-6"}),
        ]
    )
    steps = iter([system.run, system.run_until_answered])
    waiting.meanwhile = lambda: next(steps)()
    ends = {end.id: end for end in client.answers(tickets, timeout=3600)}

    assert list(ends) == ["refused", "unreadable", "patient"]
    refused, unreadable, patient = ends.values()
    assert isinstance(refused, Answer)
    with pytest.raises(FailedError, match="the request failed: invalid_request_error"):
        _ = refused.message
    assert isinstance(unreadable, Rejection)
    assert (unreadable.code, unreadable.sentence) == ("missing_field", "params.max_tokens is missing")
    with pytest.raises(RejectedError):
        _ = unreadable.text
    assert isinstance(patient, Answer)
    assert patient.text


def test_waiting_for_a_rejected_request_raises_the_reason(system: System) -> None:
    ticket = producer(system).submit("nobody", "article-42", params())
    with pytest.raises(RejectedError) as raised:
        producer(system).wait(ticket)
    assert (raised.value.code, "workloads.yaml" in raised.value.sentence) == ("unknown_workload", True)


def test_the_answer_of_another_request_under_the_same_id_is_not_taken_for_ours(system: System) -> None:
    first = producer(system).submit("content-pipeline", "article-42", params("first"))
    producer(system).wait(first)
    second = producer(system).submit("content-pipeline", "article-42", params("second"))
    with pytest.raises(RejectedError) as raised:
        producer(system).wait(second)
    assert raised.value.code == "conflict"


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"temperature": 1.0}, id="a whole float"),
        pytest.param({"metadata": {"user_id": "ü\u2028\uffff"}}, id="characters that SQS refuses"),
        pytest.param({"stop_sequences": ("a", "b")}, id="a tuple"),
        pytest.param({"tools": [{"name": "t", "input_schema": {"type": "object", "x": 1e-7}}]}, id="a small float"),
        pytest.param(
            {"tools": [{"name": "t", "input_schema": {"type": "object", "properties": {2: {}, 10: {}}}}]},
            id="names that are numbers",
        ),
    ],
)
def test_the_tickets_hash_is_the_rows_hash(system: System, odd: dict[str, Any]) -> None:
    ticket = producer(system).submit("content-pipeline", "article-42", params(**odd))
    system.deliver("RequestQueue")
    assert (system.row("article-42") or {})["content_hash"] == ticket.content_hash


def test_the_same_request_sent_twice_has_one_answer_for_both_tickets(system: System) -> None:
    tickets = producer(system).submit_many([request(1), request(1)])
    first, second = producer(system).answers(tickets)
    assert isinstance(first, Answer)
    assert first == second
    assert system.executed() == 1


def test_a_ticket_that_is_given_twice_has_two_ends(system: System) -> None:
    answered, rejected = producer(system).submit_many([request(1), request(2, workload="nobody")])
    ends = producer(system).answers([answered, rejected, answered, rejected])
    assert sorted(end.id for end in ends) == ["article-1", "article-1", "article-2", "article-2"]


def test_when_the_time_is_up_the_open_tickets_are_handed_back(system: System) -> None:
    waiting = Waiting(system.run)
    client = producer(system, waiting)
    urgent, patient = client.submit_many([request(1, priority="high"), request(2)])
    ends = client.answers([urgent, patient], timeout=100)

    assert next(ends).id == urgent.id
    with pytest.raises(TimedOutError) as raised:
        next(ends)
    assert raised.value.pending == (patient,)
    assert sum(waiting.pauses) == 100
    assert isinstance(raised.value, TimeoutError)


def test_looks_grow_rarer_while_nothing_happens(system: System) -> None:
    waiting = Waiting()
    client = producer(system, waiting)
    with pytest.raises(TimedOutError):
        client.wait(Ticket(workload="content-pipeline", id="nothing"), timeout=300)

    assert waiting.pauses[0] < 2 * FIRST_PAUSE
    assert waiting.pauses == sorted(waiting.pauses[:-1]) + waiting.pauses[-1:]
    assert max(waiting.pauses) == LONGEST_PAUSE


def test_many_are_waited_for_in_packs_of_a_hundred_rows(system: System) -> None:
    client = producer(system, Waiting())
    heard = system.listen(client.dynamodb, "dynamodb.BatchGetItem")
    tickets = [Ticket(workload="content-pipeline", id=str(n)) for n in range(250)]
    with pytest.raises(TimedOutError):
        list(client.answers(tickets, timeout=0))
    assert [len(keys["Keys"]) for call in heard for keys in call["RequestItems"].values()] == [100, 100, 50]


def test_rows_that_dynamodb_was_too_busy_for_are_asked_for_again(system: System) -> None:
    waiting = Waiting()
    client = producer(system, waiting)
    client.submit("content-pipeline", "article-42", params())
    system.deliver("RequestQueue")
    _answer_once(client.dynamodb, "dynamodb.BatchGetItem", _all_unprocessed(client))

    assert client.status("content-pipeline", "article-42") is not None
    assert len(waiting.pauses) == 1


def test_an_answer_is_fetched_by_its_name_alone(system: System) -> None:
    client = producer(system)
    assert client.fetch("content-pipeline", "article-42") is None
    client.submit("content-pipeline", "article-42", params())
    system.deliver("RequestQueue")
    assert client.fetch("content-pipeline", "article-42") is None
    assert (status := client.status("content-pipeline", "article-42")) is not None
    assert (status.outcome, status.lane_reason) == (None, "deadline-allows")
    system.run_until_answered()
    assert (answer := client.fetch("content-pipeline", "article-42")) is not None
    assert answer.text


def test_exactly_the_bytes_of_one_answer_are_read(system: System) -> None:
    client = producer(system)
    tickets = client.submit_many([request(1), request(2), request(3)])
    heard = system.listen(client.s3, "s3.GetObject")
    ends = list(client.answers(tickets))
    lines = [end.line for end in ends if isinstance(end, Answer) and end.line]
    reads = [call for call in heard if call["Key"].startswith("results/")]

    assert [json.loads(line)["id"] for line in lines] == ["article-1", "article-2", "article-3"]
    assert {call["Key"] for call in reads} == {reads[0]["Key"]}
    assert sorted(len(line) for line in lines) == sorted(_length(call["Range"]) for call in reads)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            lambda system: system.table("RequestsTable").update_item(
                Key={"request_key": producers.Ticket(workload="content-pipeline", id="article-1").key},
                UpdateExpression="SET forgotten_at = :at",
                ExpressionAttributeValues={":at": "2026-11-25T08:30:00.000Z"},
            ),
            "deleted on request at 2026-11-25 08:30:00Z",
            id="forgotten",
        ),
        pytest.param(
            lambda system: [
                boto3.client("s3").delete_object(Bucket=system.ids["ContentBucket"], Key=key)
                for key in system.objects("results/")
            ],
            "its retention has passed",
            id="too old",
        ),
    ],
)
def test_an_answer_that_is_no_longer_kept_says_so(
    system: System, change: Callable[[System], object], sentence: str
) -> None:
    client = producer(system)
    client.wait(client.submit_many([request(1)])[0])
    change(system)
    answer = client.fetch("content-pipeline", "article-1")

    assert answer is not None
    assert answer.outcome == "succeeded"
    with pytest.raises(ContentGoneError, match=sentence):
        _ = answer.text


def test_a_bucket_that_hides_what_is_absent_hides_no_answer(system: System) -> None:
    client = producer(system)
    ticket = client.submit("content-pipeline", "article-42", params())

    def deny(response_dict: dict[str, Any], **_: object) -> None:
        if response_dict["status_code"] == 404:
            response_dict["status_code"] = 403
            response_dict["body"] = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"

    client.s3.meta.events.register("before-parse.s3.GetObject", deny)
    assert client.wait(ticket).text


# what does not get onto the queue


def test_a_request_that_sqs_refuses_is_named_and_its_neighbours_are_sent_once(system: System) -> None:
    client = producer(system)
    _answer_once(
        client.sqs,
        "sqs.SendMessageBatch",
        lambda real: {
            "Successful": [entry for entry in real["Successful"] if entry["Id"] != "1"],
            "Failed": [{"Id": "1", "Code": "InternalError", "Message": "try later", "SenderFault": False}],
        },
    )
    heard = system.listen(client.sqs, "sqs.SendMessageBatch")
    with pytest.raises(NotSentError, match="1 of 12 requests were not sent: InternalError: try later") as raised:
        client.submit_many([request(n) for n in range(12)])

    assert [failure.request.id for failure in raised.value.not_sent] == ["article-1"]
    assert [ticket.id for ticket in raised.value.tickets] == [f"article-{n}" for n in range(12) if n != 1]
    assert [len(call["Entries"]) for call in heard] == [10, 2]


def test_when_a_call_fails_the_tickets_of_the_earlier_ones_are_kept(system: System) -> None:
    client = producer(system)
    calls = itertools.count(1)

    def fail(**_: object) -> None:
        if next(calls) == 2:
            raise EndpointConnectionError(endpoint_url="https://sqs")

    client.sqs.meta.events.register("before-call.sqs.SendMessageBatch", fail)
    with pytest.raises(NotSentError) as raised:
        client.submit_many([request(n) for n in range(25)])

    assert [ticket.id for ticket in raised.value.tickets] == [f"article-{n}" for n in range(10)]
    assert {failure.code for failure in raised.value.not_sent} == {"EndpointConnectionError"}
    assert len(raised.value.not_sent) == 15
    assert isinstance(raised.value.__cause__, EndpointConnectionError)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"params": {"messages": {1, 2}}}, "not_json", id="a set"),
        pytest.param({"metadata": {"x": "x" * MOST_BYTES}}, "message_too_long", id="all but params is too long"),
        pytest.param({"workload": "../x", "params": params("x" * MOST_BYTES)}, "message_too_long", id="no workload"),
        pytest.param({"params": params("x" * MOST_PARAMS_BYTES)}, "params_too_long", id="params beyond 32 MB"),
    ],
)
def test_what_no_queue_would_take_is_refused_and_its_neighbour_sent(
    system: System, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(NotSentError) as raised:
        producer(system).submit_many([request(1, **fields), request(2)])
    assert [failure.code for failure in raised.value.not_sent] == [code]
    assert [ticket.id for ticket in raised.value.tickets] == ["article-2"]
    assert [json.loads(message["Body"])["id"] for message in queued(system)] == ["article-2"]


def test_params_too_large_for_a_message_go_by_claim_check(system: System) -> None:
    large = params("é" * MOST_BYTES)
    producer(system).submit("content-pipeline", "article-42", large, metadata={"team": "docs"})
    (message,) = queued(system)
    body = json.loads(message["Body"])
    place = body.pop("params_object")
    stored = (
        boto3.client("s3")
        .get_object(Bucket=system.ids["ContentBucket"], Key=place["key"], VersionId=place["version"])["Body"]
        .read()
    )

    assert body == {"id": "article-42", "workload": "content-pipeline", "metadata": {"team": "docs"}}
    assert place["key"].startswith("inbox/content-pipeline/")
    assert (json.loads(stored), hashlib.sha256(stored).hexdigest()) == (large, place["sha256"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(
            ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject"), "AccessDenied", id="refused"
        ),
        pytest.param(EndpointConnectionError(endpoint_url="https://s3"), "EndpointConnectionError", id="no network"),
    ],
)
def test_an_upload_that_fails_is_its_own_requests_trouble_alone(system: System, error: Exception, code: str) -> None:
    client = producer(system)
    calls = itertools.count(1)

    def fail(**_: object) -> None:
        if next(calls) == 1:
            raise error

    client.s3.meta.events.register("before-call.s3.PutObject", fail)
    large = params("x" * MOST_BYTES)
    with pytest.raises(NotSentError) as raised:
        client.submit_many([request(1), request(2, params=large), request(3), request(4, params=large)])
    assert [(failure.request.id, failure.code) for failure in raised.value.not_sent] == [("article-2", code)]
    assert [ticket.id for ticket in raised.value.tickets] == ["article-1", "article-3", "article-4"]


def test_a_ticket_of_a_claim_check_has_the_hash_of_its_params(system: System) -> None:
    large = params("x" * MOST_BYTES)
    assert producer(system).submit("content-pipeline", "article-42", large).content_hash == params_hash(large)


def test_no_error_names_a_request(system: System) -> None:
    canary = "canary-7f3a@example.org"
    errors: list[BaseException] = []
    for fields in ({"params": {canary: {1}}}, {"metadata": {canary: canary * MOST_BYTES}}):
        with pytest.raises(NotSentError) as raised:
            producer(system).submit_many([request(1, id=canary, **fields)])
        errors.append(raised.value)
    ticket = producer(system).submit(canary, canary, params(canary))
    with pytest.raises(RejectedError) as rejected:
        producer(system).wait(ticket)
    with pytest.raises(TimedOutError) as late:
        producer(system, Waiting()).wait(Ticket(workload=canary, id=canary), timeout=1)
    assert canary not in " ".join(map(str, [*errors, rejected.value, late.value]))


# finding the stack


def test_a_stack_is_found_by_its_name(system: System) -> None:
    outputs = {
        "RequestQueueUrl": system.ids["RequestQueue"],
        "ContentBucketName": system.ids["ContentBucket"],
        "RequestsTableName": system.ids["RequestsTable"],
        "LedgerTableName": system.ids["LedgerTable"],
    }
    _deploy("lanekeeper", outputs)
    ticket = producers.connect().submit("content-pipeline", "article-42", params())
    assert queued(system)[0]["MessageId"] == ticket.message_id


def test_an_unknown_stack_is_told_with_where_it_was_looked_for(aws: None) -> None:
    with pytest.raises(UnknownStackError, match="there is no stack lanekeper in eu-west-1 of this AWS account"):
        producers.connect("lanekeper", session=boto3.Session(region_name="eu-west-1"))


def test_somebody_elses_stack_is_not_taken_for_ours(aws: None) -> None:
    _deploy("shop", {"Url": "https://shop.example"})
    with pytest.raises(UnknownStackError, match="the stack shop has no output RequestQueueUrl"):
        producers.connect("shop")


# recording


def sdk_message() -> Message:
    return Message.model_validate(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-6",
            "content": [],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": USAGE,
        }
    )


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"message": sdk_message()}, id="an SDK message"),
        pytest.param({"message": sdk_message().model_dump()}, id="its mapping"),
        pytest.param({"message_id": "msg_1", "model": "claude-sonnet-4-6", "usage": USAGE}, id="fields"),
        pytest.param(
            {"message_id": "msg_1", "model": "claude-sonnet-4-6", "usage": sdk_message().usage}, id="an SDK usage"
        ),
    ],
)
def test_a_call_made_elsewhere_is_one_row_at_the_same_prices(system: System, told: dict[str, Any]) -> None:
    client = producer(system)
    costs = [client.record("live-chat", **told, at=AT, seconds=1.23456) for _ in range(3)]
    (row,) = system.items("LedgerTable")

    assert costs == [Decimal(1000 * 3 + 500 * 15)] * 3
    assert (row["workload"], row["day"], row["kind"], row["lane"]) == (
        "live-chat",
        "2026-11-25",
        "recorded",
        "realtime",
    )
    assert row["entry"] == f"recorded#{hashlib.sha256(b'msg_1').hexdigest()}"
    assert row["workload_day"].startswith("live-chat#2026-11-25#")
    assert (row["cost_micro_usd"], row["standard_micro_usd"], row["requests"]) == (10500, 10500, 1)
    assert (row["tokens"]["input"], row["tokens"]["output"], row["seconds"]) == (1000, 500, Decimal("1.235"))


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        pytest.param("claude-next", USAGE, id="an unknown model"),
        pytest.param("claude-sonnet-4-6", USAGE | {"service_tier": "priority"}, id="a tier without a price"),
        pytest.param("claude-sonnet-4-6", {"input_tokens": 1}, id="usage without output"),
    ],
)
def test_an_unknown_price_is_null_and_never_nothing(system: System, model: str, usage: dict[str, Any]) -> None:
    assert producer(system).record("live-chat", message_id="msg_1", model=model, usage=usage, at=AT) is None
    (row,) = system.items("LedgerTable")
    assert row["cost_micro_usd"] is None
    assert row["price_version"] is None


def test_the_day_is_that_of_the_call_in_utc(system: System) -> None:
    at = datetime(2026, 11, 26, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    producer(system).record("live-chat", sdk_message(), at=at)
    assert system.items("LedgerTable")[0]["day"] == "2026-11-25"


@pytest.mark.parametrize(
    ("told", "error"),
    [
        pytest.param(
            {"workload": "Live Chat", "message": sdk_message()}, InvalidWorkloadError, id="no workload's name"
        ),
        pytest.param({"workload": "live#chat", "message": sdk_message()}, InvalidWorkloadError, id="a key's separator"),
        pytest.param({"workload": "live-chat", "message_id": "msg_1"}, TypeError, id="no model"),
        pytest.param({"workload": "live-chat", "message": "msg_1"}, TypeError, id="no message"),
        pytest.param(
            {"workload": "live-chat", "message": sdk_message(), "at": AT.replace(tzinfo=None)}, ValueError, id="no zone"
        ),
    ],
)
def test_what_cannot_be_recorded_is_the_callers_error(
    system: System, told: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        producer(system).record(**{"at": AT, **told})
    assert not system.items("LedgerTable")


def _deploy(stack: str, outputs: dict[str, str]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))


def _length(header: str) -> int:
    first, last = header.removeprefix("bytes=").split("-")
    return int(last) - int(first) + 1


def _answer_once(service: Any, call: str, other: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The service's next answer to this call, replaced by another."""
    waiting = [other]

    def replace(parsed: dict[str, Any], **_: object) -> None:
        if waiting:
            answer = waiting.pop()(dict(parsed))
            parsed.clear()
            parsed.update(answer)

    service.meta.events.register_first(f"after-call.{call}", replace)


def _all_unprocessed(client: producers.Client) -> Callable[[dict[str, Any]], dict[str, Any]]:
    key = {"request_key": {"S": Ticket(workload="content-pipeline", id="article-42").key}}
    return lambda _: {"Responses": {}, "UnprocessedKeys": {client.addresses.requests_table: {"Keys": [key]}}}
