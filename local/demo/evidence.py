"""What the demo knows when it is over: everything that was sent, and everything that the stack has written about it."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from local.demo.traffic import Sent
from local.stack import Stack

RESULTS = "results/"
DEAD_LETTER_QUEUES = (
    "RequestDeadLetterQueue",
    "RealtimeDeadLetterQueue",
    "BatchDeadLetterQueue",
    "PollerDeadLetterQueue",
    "CollectDeadLetterQueue",
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Rows are DynamoDB items as plain Python values; numbers are Decimal."""

    sent: Sequence[Sent]
    requests: Mapping[str, Row]  # by request key
    batches: Sequence[Row]  # rows of batches, without segments
    ledger: Sequence[Row]
    objects: Mapping[str, bytes]  # the answers: S3 key to bytes
    rejected: Mapping[str, str]  # message id to code
    dead_letters: Mapping[str, int]  # messages by queue
    account: Row | None  # the emulator's; None where somebody else answered
    bucket: str = ""


def table(stack: Stack, output: str) -> list[dict[str, Any]]:
    """All items of the table that the template's output names."""
    read = TypeDeserializer().deserialize
    pages = (
        stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs[output], ConsistentRead=True)
    )
    return [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]


def batches(stack: Stack) -> list[dict[str, Any]]:
    return [item for item in table(stack, "BatchesTableName") if str(item["item_id"]).startswith("batch#")]


def requests(stack: Stack) -> dict[str, dict[str, Any]]:
    return {item["request_key"]: item for item in table(stack, "RequestsTableName")}


def answers(stack: Stack) -> dict[str, bytes]:
    """Every stored answer, read as a consumer would: one object a batch, one a real-time answer."""
    s3, bucket = stack.client("s3"), stack.outputs["ContentBucketName"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=RESULTS)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    with ThreadPoolExecutor(max_workers=8) as pool:
        bodies = pool.map(lambda key: s3.get_object(Bucket=bucket, Key=key)["Body"].read(), keys)
        return dict(zip(keys, bodies, strict=True))


def dead_letters(stack: Stack) -> dict[str, int]:
    """How many messages lie in each dead-letter queue."""
    return {name: _depth(stack, name) for name in DEAD_LETTER_QUEUES}


def copy_answers(objects: Mapping[str, bytes], folder: Path) -> None:
    """Leaves the answers in a folder, and no older ones, since the local bucket ends with the stack."""
    shutil.rmtree(folder, ignore_errors=True)
    for key, body in objects.items():
        path = folder / key.removeprefix(RESULTS)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


class Rejections:
    """The notices on the rejected queue, read without taking them away for good."""

    def __init__(self, stack: Stack) -> None:
        self._sqs = stack.client("sqs")
        self._url = stack.outputs["RejectedQueueUrl"]
        self._receipts: list[str] = []
        self.codes: dict[str, str] = {}
        """Message id to code, of all notices seen until now."""

    def look(self) -> None:
        """Reads what is new; a notice seen stays invisible until `give_back`."""
        while messages := self._receive():
            for message in messages:
                notice = json.loads(message["Body"])
                self.codes[notice["event_id"]] = notice["code"]
                self._receipts.append(message["ReceiptHandle"])

    def give_back(self) -> None:
        for receipt in self._receipts:
            self._sqs.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=0)

    def _receive(self) -> list[Any]:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=3600)
        return list(answer.get("Messages", []))


def lines_of(body: bytes) -> Iterator[Row | None]:
    """The rows of an object of answers; None for one that cannot be read."""
    for line in body.splitlines():
        yield parsed(line)


def parsed(line: bytes) -> Row | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _depth(stack: Stack, queue: str) -> int:
    attributes = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.physical[queue],
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return sum(int(value) for value in attributes.values())
