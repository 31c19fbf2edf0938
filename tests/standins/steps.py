"""The steps that contract scripts are made of: each makes a call and says what came back, in comparable values."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from lanekeeper.dynamo import change, put_if_absent, query_all, update
from lanekeeper.spool import PART, Spool, Stored

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/queue"
DEAD_LETTERS = "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters"

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


# --- DynamoDB


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


def get_rows(*keys: str) -> Step:
    wanted = {"rows": {"Keys": [{"key": key} for key in keys]}}
    return lambda client, _: by_key(client.batch_get_item(RequestItems=wanted)["Responses"].get("rows", []))


def scan_rows(client: Any, _: dict[str, Any]) -> Any:
    return by_key(client.scan(TableName="rows")["Items"])


def put_pair(day: str, entry: str, **fields: Any) -> Step:
    """Into a table with two keys, as the ledger has."""

    def step(client: Any, _: dict[str, Any]) -> Any:
        return put_if_absent(client, "pairs", "entry", {"day": day, "entry": entry, **fields})

    return step


def change_row(key: str, **how: Any) -> Step:
    return lambda client, _: update(client, "rows", change({"key": key}, **how))


def transact_rows(*writes: dict[str, Any]) -> Step:
    """The outcome as our own code sees it; what DynamoDB said of each write where a condition failed."""

    def step(client: Any, _: dict[str, Any]) -> Any:
        items = [{kind: {"TableName": "rows", **write}} for item in writes for kind, write in item.items()]
        try:
            client.transact_write_items(TransactItems=items)
        except ClientError as error:
            codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            return error.response["Error"]["Code"], codes
        return "done"

    return step


def new(key: str, **fields: Any) -> dict[str, Any]:
    return {
        "Put": {
            "Item": {"key": key, **fields},
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": "key"},
        }
    }


def changed(key: str, **how: Any) -> dict[str, Any]:
    return {"Update": change({"key": key}, **how)}


def open_rows(shard: str, until: str | None = None) -> Step:
    condition = "open_shard = :shard" + (" AND next_action_at <= :until" if until else "")
    values = {":shard": shard} | ({":until": until} if until else {})

    def step(client: Any, _: dict[str, Any]) -> Any:
        found = query_all(
            client,
            TableName="rows",
            IndexName="open",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
        return [row["key"] for row in found]

    return step


def by_key(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["key"])


# --- S3


def get_part(key: str, part: str) -> Step:
    return lambda client, _: client.get_object(Bucket="bucket", Key=key, Range=part)["Body"].read()


def head(key: str) -> Step:
    def step(client: Any, _: dict[str, Any]) -> Any:
        found = client.head_object(Bucket="bucket", Key=key)
        return found["ContentLength"], found["ETag"]

    return step


def find(key: str) -> Step:
    return lambda client, _: Spool(client, "bucket").find(key)


def keys(prefix: str) -> Step:
    def step(client: Any, _: dict[str, Any]) -> Any:
        found = client.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
        return [(each["Key"], each["Size"]) for each in found]

    return step


def copy(key: str, to: str, version: str | None = None) -> Step:
    def step(client: Any, versions: dict[str, Any]) -> str:
        stored = Stored(key=key, version=versions.get(version, "") if version else "", size=0)
        Spool(client, "bucket").copy(stored, to)
        return "copied"

    return step


def upload(key: str, *blocks: bytes) -> Step:
    return lambda client, _: Spool(client, "bucket").upload(key, blocks).size


def upload_that_fails(key: str) -> Step:
    def blocks() -> Iterator[bytes]:
        yield b"x" * PART
        raise ZeroDivisionError

    def step(client: Any, _: dict[str, Any]) -> str:
        with suppress(ZeroDivisionError):
            Spool(client, "bucket").upload(key, blocks())
        return "failed"

    return step


# --- SQS and EventBridge


def send(*bodies: str) -> Step:
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    return lambda client, _: [
        entry["Id"] for entry in client.send_message_batch(QueueUrl=QUEUE, Entries=entries)["Successful"]
    ]


def send_one(body: str, **more: Any) -> Step:
    return lambda client, _: bool(client.send_message(QueueUrl=QUEUE, MessageBody=body, **more)["MessageId"])


def receive(most: int = 10, *, queue: str = QUEUE, **more: Any) -> Step:
    """What came, and how often by now; each message's receipt is known from here on by its body."""

    def step(client: Any, known: dict[str, Any]) -> Any:
        answer = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=most, AttributeNames=["All"], **more)
        messages = answer.get("Messages", [])
        known |= {message["Body"]: message["ReceiptHandle"] for message in messages}
        counts = [(m["Body"], m["Attributes"]["ApproximateReceiveCount"]) for m in messages]
        return sorted(counts), sorted(m["Attributes"].get("MessageGroupId", "") for m in messages)

    return step


def hide(body: str, seconds: int) -> Step:
    return lambda client, known: client.change_message_visibility(
        QueueUrl=QUEUE, ReceiptHandle=known.get(body, "none/1"), VisibilityTimeout=seconds
    ).get("nothing")


def hide_many(seconds: int, *bodies: str) -> Step:
    def step(client: Any, known: dict[str, Any]) -> Any:
        entries = [
            {"Id": str(n), "ReceiptHandle": known.get(body, "none/1"), "VisibilityTimeout": seconds}
            for n, body in enumerate(bodies)
        ]
        answer = client.change_message_visibility_batch(QueueUrl=QUEUE, Entries=entries)
        failed = [(entry["Id"], entry["Code"]) for entry in answer.get("Failed", [])]
        return [entry["Id"] for entry in answer.get("Successful", [])], failed

    return step


def delete(body: str) -> Step:
    return lambda client, known: client.delete_message(QueueUrl=QUEUE, ReceiptHandle=known.get(body, "none/1")).get(
        "nothing"
    )


def put_events(count: int) -> Step:
    entry = {"EventBusName": "default", "Source": "s", "DetailType": "d", "Detail": "{}"}
    return lambda client, _: client.put_events(Entries=[entry] * count)["FailedEntryCount"]
