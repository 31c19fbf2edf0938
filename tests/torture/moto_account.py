"""One AWS account of moto with the face of the stand-ins' one: the same worlds, on somebody else's idea of AWS.

Functions call through boto3; the wire hears them by botocore's own events. What a world does to AWS as somebody else
(place a message, look at a table) goes to moto's backends, unheard.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from botocore.config import Config
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sqs import models as sqs_models

from lanekeeper import connections, dynamo
from tests.standins.account import Secrets, queue_rules, table_keys
from tests.standins.sqs import Held
from tests.standins.wire import Wire

ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "ContentBucket"
ONCE = Config(retries={"total_max_attempts": 1})  # a lost answer is seen, as after boto3's last try
URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/"


class MotoAccount:
    """All services on one wire and one clock; needs moto's `mock_aws` around it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.wire = Wire()
        self.secrets = Secrets(self.wire, {"ClaudeSecret": "sk-test"})
        self.clients = {name: boto3.client(name, config=ONCE) for name in ("s3", "sqs", "events")}
        self.clients["dynamodb"] = dynamo.plain_client(boto3, config=ONCE)
        self.dynamodb, self.sqs, self.s3 = Tables(), Queues(clock), Objects()
        self.eventbridge = Bus()
        _make_resources(boto3)
        for client in self.clients.values():
            client.meta.events.register("before-call", self._before)
            client.meta.events.register("after-call", self._after)
        self.clients["sqs"].meta.events.register("provide-client-params", _with_address)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections, "sqs", lambda: self.clients["sqs"])
        monkeypatch.setattr(connections, "s3", lambda: self.clients["s3"])
        monkeypatch.setattr(connections, "eventbridge", lambda: self.clients["events"])
        monkeypatch.setattr(dynamo, "client", lambda: self.clients["dynamodb"])
        monkeypatch.setattr(parameters, "get_secret", self.secrets.get)
        monkeypatch.setattr(sqs_models, "unix_time_millis", lambda *_: self.clock().timestamp() * 1000)
        monkeypatch.setattr(sqs_models, "unix_time", lambda *_: self.clock().timestamp())

    def _before(self, model: Any, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        for listener in list(self.wire.before):
            listener(_name(model), {})
        if model.name == "PutEvents":
            context["entries"] = json.loads(params["body"])["Entries"]

    def _after(self, http_response: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        if http_response.status_code >= 300:
            return
        self.eventbridge.put.extend(context.get("entries", []))
        for listener in list(self.wire.after):
            listener(_name(model), {})


@dataclass
class Bus:
    """What was put on it."""

    put: list[dict[str, Any]] = field(default_factory=list)


class Tables:
    """The rows of every table."""

    @property
    def tables(self) -> Mapping[str, dict[str, dict[str, Any]]]:
        return {name: dict(enumerate(_rows(table))) for name, table in _dynamodb().tables.items()}  # type: ignore[misc]

    @property
    def indexed(self) -> Mapping[tuple[str, str], dict[int, dict[str, Any]]]:
        return {
            (name, index): {
                number: row
                for number, row in enumerate(_rows(_dynamodb().tables[name]))
                if all(key in row for key in keys)
            }
            for (name, index), keys in table_keys()[1].items()
        }


class Objects:
    """The bucket's objects, with their versions."""

    @property
    def objects(self) -> Mapping[str, list[bytes]]:
        keys = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys
        return {name: [version.value for version in keys.getlist(name)] for name in keys}

    def put_object(self, **given: Any) -> Any:
        """As a producer does."""
        return boto3.client("s3").put_object(**given)


class Queues:
    """Standard queues by the world's clock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.expired: list[Held] = []  # moto's retention is not what is tried here
        self.done_with: Callable[[str, str, str | None], None] = lambda *_: None
        self.lateness: Callable[[], float] = lambda: 0

    def place(self, queue: str, body: str, delay: float = 0, group: str | None = None) -> Any:
        """Also with a delay that is longer than a sender may ask for."""
        message = _sqs().send_message(queue, body, group_id=group)
        message.delay(round(delay + self.lateness()))
        return message

    def receive(self, queue: str, most: int) -> list[dict[str, Any]]:
        found = _sqs().receive_message(queue, most, 0, int(queue_rules()[queue].visibility))
        return [_record(queue, message) for message in found]

    def done(self, queue: str, record: dict[str, Any]) -> None:
        _sqs().delete_message(queue, record["receiptHandle"])
        self.done_with(queue, record["body"], record["attributes"].get("MessageGroupId"))

    def messages(self, queue: str) -> list[Any]:
        return list(_sqs().queues[queue]._messages)

    def bodies(self, queue: str) -> list[str]:
        return [message.body for message in self.messages(queue)]

    def next_visible(self, queue: str) -> datetime | None:
        """When a message of this queue can be received: a millisecond after moto calls it visible."""
        moments = [
            max(message.visible_at + 1, message.delayed_until, message.sent_timestamp)
            for message in self.messages(queue)
        ]
        return datetime.fromtimestamp(min(moments) / 1000, UTC) if moments else None


def _record(queue: str, message: Any) -> dict[str, Any]:
    group = {"MessageGroupId": message.group_id} if message.group_id else {}
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": "test",
            **group,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }


def _name(model: Any) -> str:
    return f"{model.service_model.service_name}.{model.name}"


def _with_address(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A queue's URL where the world has its name."""
    return params | {"QueueUrl": URL + params["QueueUrl"]} if "/" not in params.get("QueueUrl", "/") else params


def _rows(table: Any) -> Iterable[dict[str, Any]]:
    for item in table.all_items():
        yield item.to_regular_json()


def _sqs() -> Any:
    return sqs_models.sqs_backends[ACCOUNT][REGION]


def _dynamodb() -> Any:
    return dynamodb_backends[ACCOUNT][REGION]


def _make_resources(session: Any) -> None:
    """What the template has, each by its logical id."""
    keys, indexes = table_keys()
    for table, names in keys.items():
        _make_table(table, names, {index: each for (owner, index), each in indexes.items() if owner == table})
    s3 = session.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    session.client("events").create_event_bus(Name="CompletionBus")
    for queue, rules in sorted(queue_rules().items(), key=lambda each: each[1].dead_letters is not None):
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{rules.dead_letters}"}
        policy = {"RedrivePolicy": json.dumps(redrive | {"maxReceiveCount": rules.most_receives})}
        session.client("sqs").create_queue(QueueName=queue, Attributes=policy if rules.dead_letters else {})


def _make_table(name: str, names: tuple[str, ...], indexes: Mapping[str, tuple[str, ...]]) -> None:
    every = {key for each in (names, *indexes.values()) for key in each}
    secondary = [
        {"IndexName": index, "KeySchema": _schema(each), "Projection": {"ProjectionType": "ALL"}}
        for index, each in indexes.items()
    ]
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=_schema(names),
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in sorted(every)],
        BillingMode="PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": secondary} if secondary else {}),
    )


def _schema(names: tuple[str, ...]) -> Any:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]
