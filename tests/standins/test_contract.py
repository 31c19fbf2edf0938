"""The stand-ins answer as moto does, call by call: what a run on them shows would also have been seen there."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.standins.dynamodb import DynamoDB
from tests.standins.eventbridge import EventBridge
from tests.standins.s3 import S3
from tests.standins.sqs import Sqs

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/queue"

Step = Callable[[Any, dict[str, Any]], Any]


def put(key: str, body: bytes, **options: Any) -> Step:
    def step(client: Any, versions: dict[str, Any]) -> Any:
        answer = client.put_object(Bucket="bucket", Key=key, Body=body, **options)
        versions[f"put {len(versions)}"] = answer["VersionId"]
        return "put"

    return step


def get(key: str, version: str | None = None) -> Step:
    """`version` names one that was put, `put 0` the first, or is no version at all."""

    def step(client: Any, versions: dict[str, Any]) -> Any:
        which = {} if version is None else {"VersionId": versions.get(version, version)}
        answer = client.get_object(Bucket="bucket", Key=key, **which)
        return answer["ContentLength"], answer["Body"].read()

    return step


def put_row(key: str, **fields: Any) -> Step:
    def step(client: Any, _: dict[str, Any]) -> str:
        client.put_item(
            TableName="rows",
            Item={"key": key, **fields},
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": "key"},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return "put"

    return step


def get_row(key: str) -> Step:
    return lambda client, _: client.get_item(TableName="rows", Key={"key": key}, ConsistentRead=True).get("Item")


def send(*bodies: str) -> Step:
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    return lambda client, _: [
        entry["Id"] for entry in client.send_message_batch(QueueUrl=QUEUE, Entries=entries)["Successful"]
    ]


def send_one(body: str) -> Step:
    return lambda client, _: bool(client.send_message(QueueUrl=QUEUE, MessageBody=body)["MessageId"])


def put_events(count: int) -> Step:
    entry = {"EventBusName": "default", "Source": "s", "DetailType": "d", "Detail": "{}"}
    return lambda client, _: client.put_events(Entries=[entry] * count)["FailedEntryCount"]


SCRIPTS: dict[str, tuple[str, list[Step]]] = {
    "an-object": ("s3", [put("a", b"1"), get("a"), get("b"), put("a", b"22"), get("a")]),
    "only-if-absent": ("s3", [put("a", b"1", IfNoneMatch="*"), put("a", b"2", IfNoneMatch="*"), get("a")]),
    "versions": ("s3", [put("a", b"1"), put("a", b"22"), get("a", "put 0"), get("a", "put 1"), get("a", "none")]),
    "a-version-of-nothing": ("s3", [get("a", "none")]),
    "rows": ("dynamodb", [put_row("a", n=1), put_row("a", n=2), get_row("a"), get_row("b")]),
    "messages": ("sqs", [send("1", "2"), send_one("3"), send(*"12345678901")]),
    "too-much": ("sqs", [send("x" * 1_048_577), send_one("x" * 1_048_577), send("x" * 600_000, "x" * 600_000)]),
    "events": ("events", [put_events(1), put_events(10)]),
}
STAND_INS = {"s3": S3, "dynamodb": DynamoDB, "sqs": Sqs, "events": EventBridge}


@pytest.fixture
def moto_account() -> Iterator[None]:
    with mock_aws():
        boto3.client("sqs").create_queue(QueueName="queue")
        boto3.client("s3").create_bucket(Bucket="bucket")
        boto3.client("s3").put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        boto3.client("dynamodb").create_table(
            TableName="rows",
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_stand_in_answers_as_moto_does(moto_account: None, script: str) -> None:
    service, steps = SCRIPTS[script]
    assert run(steps, STAND_INS[service]()) == run(steps, real(service))


def real(service: str) -> Any:
    return boto3.resource("dynamodb").meta.client if service == "dynamodb" else boto3.client(service)


def run(steps: list[Step], client: Any) -> list[Any]:
    known: dict[str, Any] = {}
    return [outcome(step, client, known) for step in steps]


def outcome(step: Step, client: Any, known: dict[str, Any]) -> Any:
    try:
        return step(client, known)
    except ClientError as error:
        return error.response["Error"]["Code"], json.dumps(error.response.get("Item"), default=str, sort_keys=True)
