"""Lanekeeper driven by hand: messages in, handlers run as Lambda would run them, everything it wrote to look at."""

import importlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from lanekeeper import clock
from lanekeeper.identity import request_key
from lanekeeper.policy import registry_of
from local.emulator.faults import Fault
from local.emulator.server import Emulator
from tests import stack

CONSUMERS = {
    "RequestQueue": "ClassifierFunction",
    "RealtimeQueue": "RealtimeInvokerFunction",
    "BatchQueue": "BatchSubmitterFunction",
    "CollectQueue": "CollectorFunction",
}


class Killed(BaseException):
    """The process is gone: no except clause of ours sees it."""


@dataclass
class Context:
    """What our handlers read of a Lambda context."""

    function_name: str
    seconds: float = 100.0
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id: str = "test"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class System:
    """One deployment."""

    ids: dict[str, str]  # physical ids by logical id
    parameters: dict[str, str]
    emulator: Emulator
    monkeypatch: pytest.MonkeyPatch
    numbers: Iterator[int] = field(default_factory=itertools.count)
    late: timedelta = timedelta(0)

    # in

    def send(self, body: dict[str, Any] | str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        boto3.client("sqs").send_message(QueueUrl=self.ids["RequestQueue"], MessageBody=text)

    def ask(self, **fields: Any) -> str:
        """Sends a correct request and returns its id."""
        request_id = fields.setdefault("id", f"request-{next(self.numbers)}")
        self.send({"workload": "content-pipeline", "params": params(), **fields})
        return str(request_id)

    # on

    def invoke(self, function: str, event: dict[str, Any], *, seconds: float = 100.0) -> Any:
        """Runs a handler by the template's own handler string, in the template's own environment."""
        for name, value in stack.environment(function, self.ids, self.parameters).items():
            self.monkeypatch.setenv(name, value)
        module, _, name = stack.handler_of(function).rpartition(".")
        return getattr(importlib.import_module(module), name)(event, Context(function, seconds))

    def deliver(self, queue: str, *, seconds: float = 100.0) -> int:
        """One poll of a queue by its function: what fails stays, what is done goes. Returns how many there were."""
        sqs, url = boto3.client("sqs"), self.ids[queue]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages", [])
        if not messages:
            return 0
        answer = self.invoke(CONSUMERS[queue], {"Records": [_record(message) for message in messages]}, seconds=seconds)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in failed:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)

    def record(self, queue: str) -> dict[str, Any]:
        """One message of a queue, as its function would be given it."""
        sqs, url = boto3.client("sqs"), self.ids[queue]
        (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
        return _record(message)

    def set_workload(self, function: str, name: str, **settings: str) -> None:
        """Deploys one function with a workloads.yaml that holds this workload alone."""
        self.monkeypatch.setattr(f"functions.{function}.app.deployed_registry", lambda: registry_of({name: settings}))

    def make_visible(self, queue: str) -> None:
        """Lets every message in flight come again now: moto keeps them by receipt."""
        from moto.sqs.models import sqs_backends

        for message in sqs_backends["123456789012"]["us-east-1"].queues[self.ids[queue].rsplit("/", 1)[-1]]._messages:
            message.change_visibility(0)

    def tick(self, *, in_seconds: float = 0, seconds: float = 100.0) -> None:
        """The schedule fires, after so much time by our clock."""
        self.pass_time(in_seconds)
        self.invoke("PollerFunction", {}, seconds=seconds)

    def pass_time(self, seconds: float) -> None:
        """Moves our own clock, for what is under way too; SQS and Claude keep theirs."""
        self.late += timedelta(seconds=seconds)
        self.monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + self.late)

    def run(self) -> None:
        """Everything that can happen now, happens."""
        while sum(self.deliver(queue) for queue in CONSUMERS):
            pass

    def run_until_answered(self, *, rounds: int = 1) -> None:
        """Lets batches end and be collected, as often as retries need."""
        for _ in range(rounds):
            self.run()
            self.let_batches_end()
            self.tick()
        self.run()

    def let_batches_end(self) -> None:
        self.emulator.world.clock.advance(3600)

    def fault(self, **fields: Any) -> None:
        """Lets Claude misbehave at the next fitting call."""
        self.emulator.world.faults.queue(Fault(**fields))

    def crash(self, client: Any, call: str, *, at: int = 1) -> None:
        """Lets the process die at the next call of this AWS operation, or a later one, before it is made."""
        calls = itertools.count(1)

        def die(**_: Any) -> None:
            if next(calls) < at:
                return
            client.meta.events.unregister(f"before-call.{call}", die)
            raise Killed(call)

        client.meta.events.register(f"before-call.{call}", die)

    def meanwhile(self, client: Any, call: str, happening: Callable[[], object]) -> None:
        """Lets something happen just before the next call of this AWS operation is made."""

        def happen(**_: Any) -> None:
            client.meta.events.unregister(f"before-call.{call}", happen)
            happening()

        client.meta.events.register(f"before-call.{call}", happen)

    def listen(self, client: Any, call: str) -> list[dict[str, Any]]:
        """The parameters of each call of this AWS operation from now on."""
        heard: list[dict[str, Any]] = []
        client.meta.events.register(f"before-parameter-build.{call}", lambda params, **_: heard.append(dict(params)))
        return heard

    def billed(self) -> Decimal:
        """What Claude says that we owe."""
        return self.emulator.world.account.cost_micro_usd

    def executed(self) -> int:
        return self.emulator.world.account.requests_executed

    # out

    def row(self, request_id: str, workload: str = "content-pipeline") -> dict[str, Any] | None:
        key = {"request_key": request_key(workload, request_id)}
        return self.table("RequestsTable").get_item(Key=key).get("Item")

    def answer(self, row: dict[str, Any]) -> dict[str, Any]:
        """What a consumer reads at the place that a request's row names."""
        body = boto3.client("s3").get_object(
            Bucket=self.ids["ContentBucket"],
            Key=row["answer_key"],
            Range=f"bytes={row['answer_from']}-{row['answer_to'] - 1}",
        )["Body"]
        return json.loads(body.read())

    def items(self, table: str) -> list[dict[str, Any]]:
        return self.table(table).scan()["Items"]

    def batches(self) -> list[dict[str, Any]]:
        return [item for item in self.items("BatchesTable") if item["item_id"].startswith("batch#")]

    def waiting(self, queue: str) -> list[dict[str, Any]]:
        """The bodies of the messages in a queue that nobody consumes here."""
        sqs = boto3.client("sqs")
        answer = sqs.receive_message(QueueUrl=self.ids[queue], MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def objects(self, prefix: str) -> list[str]:
        listing = boto3.client("s3").list_objects_v2(Bucket=self.ids["ContentBucket"], Prefix=prefix)
        return [found["Key"] for found in listing.get("Contents", [])]

    def table(self, name: str) -> Any:
        return boto3.resource("dynamodb").Table(self.ids[name])


def params(text: str = "Say hello.", **fields: Any) -> dict[str, Any]:
    """A small correct Messages request."""
    return {
        "model": "claude-sonnet-4-6",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
        **fields,
    }


def refusable() -> dict[str, Any]:
    """A request that the front door takes and Claude calls invalid: what stands in a block is Claude's to judge."""
    return params(messages=[{"role": "user", "content": [{"type": "text", "text": ""}]}])


def _record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:test",
        "awsRegion": "us-east-1",
    }
