"""Where the proofs play: a deployed stack whose queues and schedule call nobody, so that each step is ours alone."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from lanekeeper import moments
from lanekeeper.identity import request_key
from local.stack import Stack

QUEUES = ("RealtimeQueue", "RealtimeDeadLetterQueue", "BatchQueue", "CollectQueue")
LONG_AGO = timedelta(minutes=10)
# How a denial shows in a function's log. The last is a send to Claude whose body could not be read from S3.
DENIALS = ("AccessDenied", "ClientError", "is not authorized to perform", "APIConnectionError")


Record = dict[str, Any]  # one of an SQS event


class NotPreparedError(Exception):
    """What a scene needs before it begins could not be made, with every permission there."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a function answered, and the end of its log."""

    function: str
    answer: Any
    log: str
    raised: bool

    @property
    def is_clean(self) -> bool:
        """Nothing was raised, and no record has to come again."""
        return not self.raised and not (self.answer or {}).get("batchItemFailures")

    @property
    def was_denied(self) -> bool:
        """The function was refused something by AWS."""
        return any(sign in f"{self.answer}{self.log}" for sign in DENIALS)

    def check(self) -> None:
        """Raises NotPreparedError where a step that only prepares a scene went wrong."""
        if not self.is_clean:
            raise NotPreparedError(f"{self.function} failed: {self.answer}\n{self.log}")


class Stage:
    """Plays the account: its hands may do everything, the functions' what their roles say."""

    def __init__(self, stack: Stack, emulator: str) -> None:
        self._stack = stack
        self._emulator = emulator

    # functions

    def invoke(self, function: str, *records: Record) -> Invocation:
        """Runs the function with this logical id on the records of an SQS event."""
        answer = self._stack.client("lambda").invoke(
            FunctionName=self._stack.physical[function], Payload=json.dumps({"Records": records}), LogType="Tail"
        )
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        return Invocation(function, json.loads(answer["Payload"].read()), log, "FunctionError" in answer)

    def restart(self, function: str) -> None:
        """The function's next invocation starts anew, and remembers no key."""
        functions, name = self._stack.client("lambda"), self._stack.physical[function]
        size = functions.get_function_configuration(FunctionName=name)["MemorySize"]
        functions.update_function_configuration(FunctionName=name, MemorySize=size)

    # messages

    def request(self, workload: str, *, text: str = "Hello.", **fields: Any) -> dict[str, Any]:
        """A request that nobody has sent before."""
        params = {"model": "claude-haiku-4-5", "max_tokens": 16, "messages": [{"role": "user", "content": text}]}
        return {"id": uuid4().hex, "workload": workload, "params": params, **fields}

    def record(self, queue: str, body: Mapping[str, Any] | str) -> Record:
        """A message that was sent to the queue and taken from it, as Lambda gives it to the queue's function."""
        self.empty(queue)
        text = body if isinstance(body, str) else json.dumps(body)
        self._stack.client("sqs").send_message(QueueUrl=self._stack.physical[queue], MessageBody=text)
        return self.take(queue)

    def empty(self, queue: str) -> None:
        """Deletes every message of the queue, delayed ones too."""
        self._stack.client("sqs").purge_queue(QueueUrl=self._stack.physical[queue])

    def take(self, queue: str) -> Record:
        """The one message of a queue; raises NotPreparedError where there is none, or another."""
        records = self.waiting(queue)
        if len(records) != 1:
            raise NotPreparedError(f"{queue} holds {len(records)} messages, not one")
        return records[0]

    def waiting(self, queue: str) -> list[Record]:
        """The visible messages of a queue, taken from it."""
        url = self._stack.physical[queue]
        answer = self._stack.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return [_record(message, queue) for message in answer.get("Messages", [])]

    def leave(self, key: str, body: bytes) -> str:
        """Puts an object into the bucket, as a producer does; its version."""
        put = self._stack.client("s3").put_object(Bucket=self._stack.physical["ContentBucket"], Key=key, Body=body)
        return str(put["VersionId"])

    def read(self, key: str) -> bytes:
        """An object of the bucket."""
        found = self._stack.client("s3").get_object(Bucket=self._stack.physical["ContentBucket"], Key=key)
        return bytes(found["Body"].read())

    # rows

    def row(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The row of a request."""
        return self.item("RequestsTable", {"request_key": key_of(request)})

    def item(self, table: str, key: Mapping[str, Any]) -> dict[str, Any]:
        """An item of the table with this logical id; empty where there is none."""
        answer = self._stack.client("dynamodb").get_item(
            TableName=self._stack.physical[table], Key=_written(key), ConsistentRead=True
        )
        return {name: TypeDeserializer().deserialize(value) for name, value in answer.get("Item", {}).items()}

    def change(self, table: str, key: Mapping[str, Any], **attributes: Any) -> None:
        """Overwrites attributes of an item; None takes one away."""
        item = self.item(table, key) | attributes
        kept = {name: value for name, value in item.items() if value is not None}
        self._stack.client("dynamodb").put_item(TableName=self._stack.physical[table], Item=_written(kept))

    def delete(self, table: str, key: Mapping[str, Any]) -> None:
        self._stack.client("dynamodb").delete_item(TableName=self._stack.physical[table], Key=_written(key))

    def make_due(self, item_id: str) -> None:
        """A segment or batch that the poller takes up at its next tick."""
        self.change("BatchesTable", {"item_id": item_id}, next_action_at=long_ago())

    # Claude

    def let_claude(self, **fault: Any) -> None:
        """The emulator's next misbehaviour."""
        self._post("faults", fault)

    def pass_claudes_time(self, seconds: int) -> None:
        self._post("clock", {"advance_seconds": seconds})

    # between the scenes

    def clear(self) -> None:
        """Nothing of the scene before is left for the functions to find."""
        for queue in QUEUES:
            self.empty(queue)
        self._post("reset", {})
        dynamodb, table = self._stack.client("dynamodb"), self._stack.physical["BatchesTable"]
        for page in dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="item_id"):
            for item in page["Items"]:
                dynamodb.delete_item(TableName=table, Key=item)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Queues and schedule call no function meanwhile."""
        self._set_callers(on=False)
        try:
            yield
        finally:
            self.clear()
            self._set_callers(on=True)

    def _set_callers(self, *, on: bool) -> None:
        functions, scheduler = self._stack.client("lambda"), self._stack.client("scheduler")
        for source in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=source["UUID"], Enabled=on)
        schedule = scheduler.get_schedule(Name=self._stack.physical["PollerSchedule"])
        kept = {name: schedule[name] for name in ("Name", "ScheduleExpression", "Target", "FlexibleTimeWindow")}
        scheduler.update_schedule(**kept, State="ENABLED" if on else "DISABLED")

    def _post(self, route: str, body: Mapping[str, Any]) -> None:
        request = Request(  # noqa: S310 - ours, on this machine
            f"{self._emulator}/_emulator/{route}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        urlopen(request, timeout=30).close()  # noqa: S310 - ours, on this machine


def key_of(request: Mapping[str, Any]) -> str:
    """The key of a request's row."""
    return request_key(request["workload"], request["id"])


def long_ago() -> str:
    """A moment that every lease, window and patience has passed since."""
    return moments.to_text(datetime.now(UTC) - LONG_AGO)


def _written(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


def _record(message: Mapping[str, Any], queue: str) -> Record:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
        "awsRegion": "us-east-1",
    }
