"""How we speak to DynamoDB: plain Python values, conditions on every write, the outcome as a value."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from lanekeeper.connections import CONFIG

if TYPE_CHECKING:
    from types import ModuleType

    from mypy_boto3_dynamodb import DynamoDBClient, DynamoDBServiceResource

Item = dict[str, Any]

GET_AT_ONCE = 100  # keys in one BatchGetItem
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds

_deserializer = TypeDeserializer()


@cache
def client() -> "DynamoDBClient":
    """The client that a function keeps between invocations."""
    return plain_client(boto3)


def plain_client(session: "ModuleType | boto3.Session", **where: Any) -> "DynamoDBClient":
    """The client under boto3's resource: it takes and gives plain Python values instead of {"S": …}."""
    resource: DynamoDBServiceResource = session.resource("dynamodb", **{"config": CONFIG, **where})
    return resource.meta.client


def change(
    key: Mapping[str, Any],
    *,
    put: Mapping[str, Any] | None = None,
    remove: Iterable[str] = (),
    when: str,
    **values: Any,
) -> dict[str, Any]:
    """The arguments of an update. `when` names attributes as #name (many words are reserved), values as :name."""
    put, remove = put or {}, list(remove)
    sets = ", ".join(f"#{name} = :put_{name}" for name in put)
    removes = ", ".join(f"#{name}" for name in remove)
    arguments: dict[str, Any] = {
        "Key": dict(key),
        "UpdateExpression": " ".join(filter(None, [sets and f"SET {sets}", removes and f"REMOVE {removes}"])),
        "ConditionExpression": when,
        "ExpressionAttributeNames": {f"#{name}": name for name in {*put, *remove, *re.findall(r"#(\w+)", when)}},
    }
    bound = {f":put_{name}": value for name, value in put.items()} | {
        f":{name}": value for name, value in values.items()
    }
    return arguments | ({"ExpressionAttributeValues": bound} if bound else {})


def put_if_absent(dynamodb: "DynamoDBClient", table: str, key_name: str, item: Mapping[str, Any]) -> Item | None:
    """Writes a new item; where one stands already, changes nothing and returns that one."""
    try:
        dynamodb.put_item(
            TableName=table,
            Item=dict(item),
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": key_name},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if not condition_failed(error):
            raise
        return _plain(error.response["Item"])  # type: ignore[typeddict-item]
    return None


def update(dynamodb: "DynamoDBClient", table: str, arguments: Mapping[str, Any]) -> bool:
    """Makes one conditional change; False where its condition did not hold."""
    try:
        dynamodb.update_item(TableName=table, **arguments)
    except ClientError as error:
        if not condition_failed(error):
            raise
        return False
    return True


def transact(dynamodb: "DynamoDBClient", table: str, writes: Iterable[Mapping[str, Any]]) -> bool:
    """All writes to one table or none; False where a condition failed or another transaction was faster."""
    items: list[Any] = [
        {kind: {"TableName": table, **arguments} for kind, arguments in write.items()} for write in writes
    ]
    try:
        dynamodb.transact_write_items(TransactItems=items)
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException" or not _lost(error):
            raise
        return False
    return True


def query_all(dynamodb: "DynamoDBClient", **arguments: Any) -> Iterable[Item]:
    """Every item of a query, page after page."""
    for page in dynamodb.get_paginator("query").paginate(**arguments):
        yield from page["Items"]


def get_many(
    dynamodb: "DynamoDBClient",
    table: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    sleep: Callable[[float], None],
    consistent: bool = False,
) -> Iterator[Item]:
    """The items that exist among these keys, each named once; where DynamoDB is busy it is asked again, more slowly."""
    for start in range(0, len(keys), GET_AT_ONCE):
        wanted: Any = {table: {"Keys": list(keys[start : start + GET_AT_ONCE]), "ConsistentRead": consistent}}
        pause = FIRST_PAUSE
        while wanted:
            answer = dynamodb.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"].get(table, [])
            if wanted := answer.get("UnprocessedKeys"):
                sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)


def condition_failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def _lost(error: ClientError) -> bool:
    """Whether a transaction lost against another writer; throttling and the like are errors, not losses."""
    reasons = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])}
    return reasons <= {"None", "ConditionalCheckFailed", "TransactionConflict"}


def _plain(item: Mapping[str, Any]) -> Item:
    return {name: _deserializer.deserialize(value) for name, value in item.items()}
