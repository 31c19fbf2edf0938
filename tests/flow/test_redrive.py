"""Dead letters go back to where they came from; what is done stays done, and a crash makes a duplicate, no loss."""

import json
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from cli.redrive import SOURCES
from cli.redriving import Redriving
from tests.commands import reachable
from tests.system import Killed, System, params

DAY = 24 * 3600.0
QUEUES = {name: source for name, source in SOURCES.items() if source}
TABLES = ("RequestsTable", "BatchesTable", "LedgerTable")


@pytest.fixture
def deployed(system: System) -> System:
    reachable(system)
    return system


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["redrive", *arguments], env={"COLUMNS": "200"})


def put(system: System, queue: str, body: dict[str, Any], **fields: Any) -> None:
    boto3.client("sqs").send_message(QueueUrl=system.ids[queue], MessageBody=json.dumps(body), **fields)


def number_in(system: System, queue: str) -> int:
    return Redriving(boto3.client("sqs")).waiting(system.ids[queue])


def die(system: System, queue: str) -> None:
    """Every message of a queue has failed as often as it may: it becomes a dead letter, and not by SQS's own hand."""
    dead = next(name for name, source in SOURCES.items() if source == queue)
    sqs = boto3.client("sqs")
    while messages := sqs.receive_message(QueueUrl=system.ids[queue], MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=system.ids[dead], MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=system.ids[queue], ReceiptHandle=message["ReceiptHandle"])


def as_it_is(system: System) -> object:
    return [system.items(table) for table in TABLES], system.objects(""), system.executed()


def kept_letters(system: System) -> None:
    """One request of each lane on its way to its answer, and a copy of each message that it made."""
    sqs = boto3.client("sqs")
    system.ask(id="patient")
    system.ask(id="urgent", priority="high")
    for dead, queue in QUEUES.items():
        answer = sqs.receive_message(QueueUrl=system.ids[queue], MaxNumberOfMessages=10, VisibilityTimeout=0)
        bodies = [message["Body"] for message in answer["Messages"]]
        if queue != "CollectQueue":
            system.deliver(queue)
        if queue == "BatchQueue":
            system.let_batches_end()
            system.tick()
        for body in bodies:
            sqs.send_message(QueueUrl=system.ids[dead], MessageBody=body)
    system.run()


@pytest.mark.parametrize("days", [0, 10])
@pytest.mark.parametrize("dead", QUEUES)
def test_dead_letters_of_what_is_done_change_nothing(deployed: System, dead: str, days: int) -> None:
    kept_letters(deployed)
    before, letters = as_it_is(deployed), number_in(deployed, dead)
    deployed.pass_time(days * DAY)
    result = run(dead)
    assert result.exit_code == 0, result.output
    assert f"{letters} sent to {QUEUES[dead]}\n" in result.stdout
    assert number_in(deployed, dead) == 0
    assert number_in(deployed, QUEUES[dead]) == letters > 0
    deployed.run()
    assert as_it_is(deployed) == before


@pytest.mark.parametrize("queue", QUEUES.values())
def test_dead_letters_of_what_was_never_done_get_it_done(deployed: System, queue: str) -> None:
    asked = deployed.ask(**({"priority": "high"} if queue == "RealtimeQueue" else {}))
    order = ("RequestQueue", "RealtimeQueue", "BatchQueue", "CollectQueue")
    for each in order[: order.index(queue)]:
        deployed.deliver(each)
    if queue == "CollectQueue":
        deployed.let_batches_end()
        deployed.tick()
    die(deployed, queue)
    deployed.run()
    assert "outcome" not in (deployed.row(asked) or {})
    assert run().exit_code == 0
    deployed.run_until_answered()
    assert (deployed.row(asked) or {})["outcome"] == "succeeded"
    assert deployed.executed() == 1


def test_a_request_that_was_given_up_stays_as_it_ended(deployed: System) -> None:
    """The invoker itself dead-letters it: SQS's own move of messages leaves such letters where they are."""
    asked = deployed.ask(priority="high")
    deployed.deliver("RequestQueue")
    row = deployed.row(asked) or {}
    worn_out = row | {"lost_leases": 3, "lease_until": row["accepted_at"], "attempt_at": row["accepted_at"]}
    deployed.table("RequestsTable").put_item(Item=worn_out)
    deployed.deliver("RealtimeQueue")
    before = as_it_is(deployed)
    assert number_in(deployed, "RealtimeDeadLetterQueue") == 1
    assert (deployed.row(asked) or {})["outcome_reason"] == "no-answer"
    run("RealtimeDeadLetterQueue")
    deployed.run()
    assert as_it_is(deployed) == before
    assert number_in(deployed, "RealtimeDeadLetterQueue") == 0


def test_a_crash_between_send_and_delete_makes_a_duplicate_and_the_request_is_paid_once(deployed: System) -> None:
    asked = deployed.ask()
    die(deployed, "RequestQueue")
    sqs = boto3.client("sqs")
    deployed.crash(sqs, "sqs.DeleteMessage")
    source, target = deployed.ids["RequestDeadLetterQueue"], deployed.ids["RequestQueue"]
    with pytest.raises(Killed):
        list(Redriving(sqs).redrive(source, target, most=1))
    deployed.make_visible("RequestDeadLetterQueue")
    assert (number_in(deployed, "RequestQueue"), number_in(deployed, "RequestDeadLetterQueue")) == (1, 1)
    run()
    deployed.run_until_answered()
    assert (deployed.row(asked) or {})["outcome"] == "succeeded"
    assert deployed.executed() == 1


def test_a_crash_before_the_send_loses_nothing(deployed: System) -> None:
    deployed.ask()
    die(deployed, "RequestQueue")
    sqs = boto3.client("sqs")
    deployed.crash(sqs, "sqs.SendMessage")
    source, target = deployed.ids["RequestDeadLetterQueue"], deployed.ids["RequestQueue"]
    with pytest.raises(Killed):
        list(Redriving(sqs).redrive(source, target, most=1))
    deployed.make_visible("RequestDeadLetterQueue")
    assert (number_in(deployed, "RequestQueue"), number_in(deployed, "RequestDeadLetterQueue")) == (0, 1)


def test_a_message_keeps_its_group_and_its_attributes(deployed: System) -> None:
    attributes = {"trace": {"DataType": "String", "StringValue": "abc"}}
    put(deployed, "CollectDeadLetterQueue", {"batch": "B"}, MessageGroupId="w", MessageAttributes=attributes)
    run()
    (message,) = boto3.client("sqs").receive_message(
        QueueUrl=deployed.ids["CollectQueue"],
        MessageSystemAttributeNames=["MessageGroupId"],
        MessageAttributeNames=["All"],
    )["Messages"]
    assert json.loads(message["Body"]) == {"batch": "B"}
    assert message["Attributes"]["MessageGroupId"] == "w"
    assert message["MessageAttributes"] == attributes


def test_ticks_are_sent_nowhere(deployed: System) -> None:
    put(deployed, "PollerDeadLetterQueue", {})
    result = run()
    assert result.exit_code == 0
    assert "1 ticks, which are sent nowhere" in result.stdout
    assert number_in(deployed, "PollerDeadLetterQueue") == 1


def test_a_dry_run_sends_nothing(deployed: System) -> None:
    put(deployed, "BatchDeadLetterQueue", {})
    result = run("--dry-run", "batchdeadletterqueue")
    assert result.stdout.split() == ["BatchDeadLetterQueue", "1", "would", "go", "to", "BatchQueue"]
    assert number_in(deployed, "BatchDeadLetterQueue") == 1


def test_programs_get_numbers(deployed: System) -> None:
    for _ in range(12):
        put(deployed, "RequestDeadLetterQueue", {"params": params()})
    document = json.loads(run("--json", "RequestDeadLetterQueue").stdout)
    queue = {"queue": "RequestDeadLetterQueue", "to": "RequestQueue", "found": 12, "sent": 12}
    assert document == {"dry_run": False, "queues": [queue]}


def test_no_more_is_sent_than_lay_there(deployed: System) -> None:
    """A letter that comes back at once is not sent round and round."""
    for number in range(3):
        put(deployed, "RequestDeadLetterQueue", {"number": number})
    source = deployed.ids["RequestDeadLetterQueue"]
    assert len(list(Redriving(boto3.client("sqs")).redrive(source, source, most=3))) == 3


@pytest.mark.parametrize("queue", ["RequestQueue", "RejectedQueue", "nothing"])
def test_only_dead_letter_queues_are_redriven(deployed: System, queue: str) -> None:
    assert run(queue).exit_code == 2
