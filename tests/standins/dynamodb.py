"""DynamoDB, as far as we use it: conditional writes, transactions, strong reads by key, the indexes' order.

Every item is written under its table's own key; an index shows at once what the table holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from tests.standins.expressions import UnknownExpressionError, condition, updates
from tests.standins.wire import Wire, refusal, remote

_serialize = TypeSerializer().serialize
_FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}

Row = dict[str, Any]
Keys = tuple[str, ...]  # of a table or an index: the partition key, and a sort key where there is one
PAGE = 1_000  # rows of a query's page; DynamoDB cuts after 1 MB


@dataclass
class DynamoDB:
    """Takes and gives plain Python values, like the client under boto3's resource."""

    keys: Mapping[str, Keys] = field(default_factory=dict)  # by table
    indexes: Mapping[tuple[str, str], Keys] = field(default_factory=dict)  # by table and index
    wire: Wire = field(default_factory=Wire)
    tables: dict[str, dict[Any, Row]] = field(default_factory=dict)  # rows by table and key
    service = "dynamodb"

    @remote
    def put_item(self, *, TableName: str, Item: Row, **conditions: Any) -> dict[str, Any]:
        show = conditions.pop("ReturnValuesOnConditionCheckFailure", "NONE")
        write = self._put(TableName, {"Item": Item, **conditions})
        if not write.holds:
            raise _failed("PutItem", write.old if show == "ALL_OLD" else None)
        self._make([write])
        return {}

    @remote
    def update_item(self, *, TableName: str, **arguments: Any) -> dict[str, Any]:
        write = self._update(TableName, arguments)
        if not write.holds:
            raise _failed("UpdateItem", None)
        self._make([write])
        return {}

    @remote
    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        writes = [self._write(kind, dict(arguments)) for item in TransactItems for kind, arguments in item.items()]
        if len(writes) > 100 or len({(write.table, write.key) for write in writes}) < len(writes):
            raise refusal("ValidationException", "TransactWriteItems")
        if not all(write.holds for write in writes):
            reasons = [{"Code": "None"} if write.holds else dict(_FAILED) for write in writes]
            raise refusal("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
        self._make(writes)
        return {}

    @remote
    def get_item(self, *, TableName: str, Key: Row, ConsistentRead: bool) -> dict[str, Any]:
        if not ConsistentRead:
            raise NotImplementedError("an eventually consistent read")
        row = self._rows(TableName).get(self._key(TableName, Key))
        return {} if row is None else {"Item": _copy(row)}

    @remote
    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        if sum(len(wanted["Keys"]) for wanted in RequestItems.values()) > 100:
            raise refusal("ValidationException", "BatchGetItem")
        found = {
            table: [self._rows(table).get(self._key(table, key)) for key in wanted["Keys"]]
            for table, wanted in RequestItems.items()
        }
        answers = {table: [_copy(row) for row in rows if row is not None] for table, rows in found.items()}
        return {"Responses": answers, "UnprocessedKeys": {}}

    @remote
    def scan(self, *, TableName: str) -> dict[str, Any]:
        return {"Items": [_copy(row) for row in self._rows(TableName).values()]}

    @remote
    def query(
        self,
        *,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Mapping[str, Any],
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        IndexName: str | None = None,
        ProjectionExpression: str | None = None,
        ExclusiveStartKey: int = 0,
    ) -> dict[str, Any]:
        keys = self.indexes[TableName, IndexName] if IndexName else self.keys[TableName]
        test = condition(KeyConditionExpression)
        bindings = (ExpressionAttributeNames or {}, _plain(ExpressionAttributeValues))
        first, last = keys[0], keys[-1]  # an index is sparse
        rows = [row for row in self._rows(TableName).values() if first in row and last in row and test(row, bindings)]
        if len(keys) == 2:
            rows.sort(key=lambda row: row[keys[1]])
        end = ExclusiveStartKey + PAGE
        more = {"LastEvaluatedKey": end} if end < len(rows) else {}
        wanted = [bindings[0][name] for name in ProjectionExpression.split(", ")] if ProjectionExpression else None
        return {"Items": [_projected(row, wanted) for row in rows[ExclusiveStartKey:end]], **more}

    def get_paginator(self, operation: str) -> "_Pages":
        if operation != "query":
            raise NotImplementedError(operation)
        return _Pages(self)

    # what calls are made of

    def _rows(self, table: str) -> dict[Any, Row]:
        return self.tables.setdefault(table, {})

    def _key(self, table: str, of: Mapping[str, Any]) -> Any:
        names = self.keys[table]
        return of[names[0]] if len(names) == 1 else tuple(of[name] for name in names)

    def _write(self, kind: str, arguments: dict[str, Any]) -> "_Write":
        table = arguments.pop("TableName")
        if kind == "Put":
            return self._put(table, arguments)
        if kind == "Update":
            return self._update(table, arguments)
        raise NotImplementedError(kind)

    def _put(self, table: str, arguments: Mapping[str, Any]) -> "_Write":
        key = self._key(table, arguments["Item"])
        old = self._rows(table).get(key)
        return _Write(table, key, old, _plain(arguments["Item"]), _holds(arguments, old))

    def _update(self, table: str, arguments: Mapping[str, Any]) -> "_Write":
        key = self._key(table, arguments["Key"])
        old = self._rows(table).get(key)
        if not _holds(arguments, old):
            return _Write(table, key, old, {}, holds=False)
        new = dict(_plain(arguments["Key"]) if old is None else old)
        names, values = arguments.get("ExpressionAttributeNames", {}), arguments.get("ExpressionAttributeValues", {})
        sets, removes = updates(arguments["UpdateExpression"])
        new |= {names.get(name, name): _plain(values[value]) for name, value in sets}
        for name in removes:
            new.pop(names.get(name, name), None)
        return _Write(table, key, old, new, holds=True)

    def _make(self, writes: Sequence["_Write"]) -> None:
        for write in writes:
            self._rows(write.table)[write.key] = write.new


@dataclass(frozen=True)
class _Write:
    """One write, decided on but not made."""

    table: str
    key: Any
    old: Row | None
    new: Row
    holds: bool  # its condition


@dataclass(frozen=True)
class _Pages:
    dynamodb: DynamoDB

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        page = self.dynamodb.query(**arguments)
        yield page
        while "LastEvaluatedKey" in page:
            page = self.dynamodb.query(**arguments, ExclusiveStartKey=page["LastEvaluatedKey"])
            yield page


_KNOWN = {"Item", "Key", "UpdateExpression", "ConditionExpression"} | {
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
}


def _projected(row: Row, wanted: Sequence[str] | None) -> Row:
    return _copy(row if wanted is None else {name: row[name] for name in wanted if name in row})


def _holds(arguments: Mapping[str, Any], old: Row | None) -> bool:
    if set(arguments) - _KNOWN:
        raise UnknownExpressionError(str(sorted(set(arguments) - _KNOWN)))
    text = arguments.get("ConditionExpression")
    if text is None:
        return True
    values = _plain(arguments.get("ExpressionAttributeValues", {}))
    return condition(text)(old or {}, (arguments.get("ExpressionAttributeNames", {}), values))


def _plain(value: Any) -> Any:
    """As DynamoDB would hand it back: every number a Decimal, containers of its own."""
    if value is None or isinstance(value, bool | bytes | Decimal):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    raise TypeError(f"boto3 does not take a {type(value).__name__}")


def _copy(value: Any) -> Any:
    """What is handed out is the caller's own."""
    if isinstance(value, dict):
        return {name: _copy(each) if isinstance(each, dict | list) else each for name, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _failed(operation: str, old: Row | None) -> ClientError:
    shown = {} if old is None else {"Item": {name: _serialize(value) for name, value in old.items()}}
    return refusal("ConditionalCheckFailedException", operation, **shown)
