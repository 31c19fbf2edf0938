"""DynamoDB, as far as the front door uses it: rows put where none stands, and read by their key."""

from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

_serialize = TypeSerializer().serialize


@dataclass
class DynamoDB:
    """Takes and gives plain Python values, like the client under boto3's resource."""

    tables: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)  # rows by table and key

    def put_item(
        self,
        *,
        TableName: str,
        Item: dict[str, Any],
        ConditionExpression: str,
        ExpressionAttributeNames: dict[str, str],
        ReturnValuesOnConditionCheckFailure: str,
    ) -> dict[str, Any]:
        if (ConditionExpression, ReturnValuesOnConditionCheckFailure) != ("attribute_not_exists(#key)", "ALL_OLD"):
            raise NotImplementedError(ConditionExpression)
        rows = self.tables.setdefault(TableName, {})
        key = Item[ExpressionAttributeNames["#key"]]
        if key in rows:
            raise _failed({name: _serialize(value) for name, value in rows[key].items()})
        rows[key] = dict(Item)
        return {}

    def get_item(self, *, TableName: str, Key: dict[str, Any], ConsistentRead: bool) -> dict[str, Any]:
        if not ConsistentRead:
            raise NotImplementedError("an eventually consistent read")
        (key,) = Key.values()
        row = self.tables.get(TableName, {}).get(key)
        return {} if row is None else {"Item": dict(row)}


def _failed(item: dict[str, Any]) -> ClientError:
    response: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}, "Item": item}
    return ClientError(response, "PutItem")
