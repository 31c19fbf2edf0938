"""What an audit reads: tables page by page, objects line by line, queues by their counts. It writes nothing."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from lanekeeper import moments
from lanekeeper.audit import Snapshot
from lanekeeper.audit_money import Stored
from lanekeeper.connections import CONFIG
from lanekeeper.dynamo import Item, get_many, plain_client, query_all, scan_pages
from lanekeeper.ledger import shard_keys
from lanekeeper.models import Entry
from lanekeeper.pricing import PriceList, standard_prices
from lanekeeper.spool import Spool, index_key

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

# A request that waits in real time has its message on one of these.
REALTIME_QUEUES = ("RequestQueue", "RequestDeadLetterQueue", "RealtimeQueue", "RealtimeDeadLetterQueue")

_WAITING: tuple["QueueAttributeNameType", ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_NOTHING_THERE = {"NoSuchKey", "InvalidRange"}


class Listed(NamedTuple):
    """One object of answers."""

    key: str
    written_at: datetime

    @property
    def name(self) -> str:
        """Without its folder and ending."""
        return self.key.rpartition("/")[2].removesuffix(".jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One deployment, read only."""

    dynamodb: "DynamoDBClient"
    requests_table: str
    batches_table: str
    ledger_table: str
    spool: Spool
    sqs: "SQSClient"
    realtime_queues: Sequence[str]  # addresses of the queues on which a real-time request can wait
    prices: PriceList
    sleep: Callable[[float], None]

    def snapshot(self, *, since: datetime, now: datetime) -> Snapshot:
        """The batches table without its segments."""
        snapshot = Snapshot(since, now)
        for page in self._batches("NOT begins_with(item_id, :segment)"):
            for item in page:
                snapshot.add(item)
        return snapshot

    def segment_pages(self) -> Iterator[list[Item]]:
        yield from self._batches("begins_with(item_id, :segment)")

    def request_pages(self, *, since: datetime) -> Iterator[list[Item]]:
        """Every unanswered request, and those that ended since then."""
        yield from scan_pages(
            self.dynamodb,
            TableName=self.requests_table,
            FilterExpression="attribute_not_exists(outcome) OR finished_at >= :since",
            ExpressionAttributeValues={":since": moments.to_text(since)},
        )

    def requests(self, keys: Iterable[str]) -> dict[str, Item]:
        """The rows that there are, by key, as they are now."""
        items = self._get(self.requests_table, "request_key", keys)
        return {item["request_key"]: item for item in items}

    def segments(self, names: Iterable[str]) -> dict[str, Item]:
        """The rows that there are, by segment, as they are now."""
        items = self._get(self.batches_table, "item_id", (f"segment#{name}" for name in names))
        return {item["item_id"].removeprefix("segment#"): item for item in items}

    def ledger(self, workload: str, day: str) -> dict[str, Item]:
        """One workload's day, by entry."""
        return {
            item["entry"]: item
            for shard in shard_keys(workload, day)
            for item in query_all(
                self.dynamodb,
                TableName=self.ledger_table,
                KeyConditionExpression="workload_day = :shard",
                ExpressionAttributeValues={":shard": shard},
                ConsistentRead=True,
            )
        }

    def workloads(self) -> set[str]:
        """Those that have answers."""
        pages = self._listing(Prefix="results/", Delimiter="/")
        return {each["Prefix"][len("results/workload=") : -1] for page in pages for each in page["CommonPrefixes"]}

    def answers(self, workload: str, day: str) -> Iterator[Listed]:
        """The objects of answers of one workload's day."""
        for page in self._listing(Prefix=f"results/workload={workload}/date={day}/"):
            yield from (Listed(each["Key"], each["LastModified"]) for each in page["Contents"])

    def stored(self, listed: Listed) -> Stored:
        """One object of answers, read to its end."""
        stored, start = Stored(listed.name), 0
        for line in self.spool.lines(listed.key):
            stored.add(line, start, self.prices)
            start += len(line)
        stored.close()
        return stored

    def line(self, row: Item) -> bytes | None:
        """What lies where a row says that its answer lies."""
        try:
            return self.spool.get(row["answer_key"], start=int(row["answer_from"]), end=int(row["answer_to"]))
        except (KeyError, ValueError, TypeError):
            return None
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOTHING_THERE:
                raise
            return None

    def entries(self, segment: str) -> list[Entry]:
        """A segment's index; empty where it is gone."""
        found = self.spool.find(index_key(segment))
        return [] if found is None else self.spool.entries(segment)

    def size(self, key: str) -> int | None:
        """Of an object, in bytes; None where there is none."""
        try:
            return int(self.spool.s3.head_object(Bucket=self.spool.bucket, Key=key)["ContentLength"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise
            return None

    def queues_are_empty(self) -> bool:
        """Whether no queue holds a message that could be a real-time request."""
        return sum(self._waiting(url) for url in self.realtime_queues) == 0

    def _waiting(self, url: str) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_WAITING))
        return sum(int(answer["Attributes"].get(name, 0)) for name in _WAITING)

    def _batches(self, which: str) -> Iterator[list[Item]]:
        return scan_pages(
            self.dynamodb,
            TableName=self.batches_table,
            FilterExpression=which,
            ExpressionAttributeValues={":segment": "segment#"},
            ConsistentRead=True,
        )

    def _get(self, table: str, name: str, values: Iterable[str]) -> Iterator[Item]:
        keys = [{name: value} for value in dict.fromkeys(values)]
        return get_many(self.dynamodb, table, keys, sleep=self.sleep, consistent=True)

    def _listing(self, **which: Any) -> Iterator[Mapping[str, Any]]:
        pages = self.spool.s3.get_paginator("list_objects_v2").paginate(Bucket=self.spool.bucket, **which)
        return ({"Contents": [], "CommonPrefixes": [], **page} for page in pages)


def reading_of(session: "boto3.Session", output: Callable[[str], str], **place: Any) -> Reading:
    """A stack as its operator reaches it, by its outputs; `place` says where AWS is, as boto3's clients take it."""
    return Reading(
        dynamodb=plain_client(session, **place),
        requests_table=output("RequestsTableName"),
        batches_table=output("BatchesTableName"),
        ledger_table=output("LedgerTableName"),
        spool=Spool(session.client("s3", config=CONFIG, **place), output("ContentBucketName")),
        sqs=session.client("sqs", config=CONFIG, **place),
        realtime_queues=[output(f"{name}Url") for name in REALTIME_QUEUES],
        prices=standard_prices(),
        sleep=time.sleep,
    )
