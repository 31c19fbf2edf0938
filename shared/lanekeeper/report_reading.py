"""What a report reads: the ledger by workload and day, requests that have ended, page by page and several at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from lanekeeper import moments
from lanekeeper.connections import CONFIG
from lanekeeper.ledger import shard_keys
from lanekeeper.quick_pages import pages, plain, quick_client
from lanekeeper.report_rows import BOOKED, ENDED, Booked, Ended, booked_of, ended_of

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

READERS = 8  # pages of at most 1 MB at a time

_Page = TypeVar("_Page")


class RequestPage(NamedTuple):
    """A part of the requests table."""

    ended: list[Ended]
    overdue: list[str]  # the workload of each request that waits behind its deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReading:
    """One deployment's tables, read only."""

    dynamodb: Any  # a quick client
    s3: "S3Client"
    requests_table: str
    ledger_table: str
    bucket: str

    def workloads(self) -> set[str]:
        """Those that have answers in the bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="results/", Delimiter="/")
        found = (each["Prefix"] for page in pages for each in page.get("CommonPrefixes", []))
        return {prefix.removeprefix("results/workload=").rstrip("/") for prefix in found}

    def booked(self, workloads: Collection[str], days: Sequence[str]) -> Iterator[list[Booked]]:
        """The ledger's rows of these workloads and days."""
        which = {
            "TableName": self.ledger_table,
            "KeyConditionExpression": "workload_day = :shard",
            **_projection(BOOKED),
        }
        yield from in_parallel(
            self._shard(name, day, shard, which)
            for day in days
            for name in sorted(workloads)
            for shard in shard_keys(name, day)
        )

    def _shard(self, name: str, day: str, shard: str, which: dict[str, Any]) -> Iterator[list[Booked]]:
        for page in pages(self.dynamodb, "query", ExpressionAttributeValues={":shard": {"S": shard}}, **which):
            yield [booked_of(name, day, item) for item in page]

    def requests(self, *, since: datetime, now: datetime) -> Iterator["RequestPage"]:
        """Requests that have ended since then, and those that wait behind their deadline."""
        which = {
            "TableName": self.requests_table,
            "FilterExpression": "finished_at >= :since OR (attribute_not_exists(outcome) AND deadline < :now)",
            "ExpressionAttributeValues": {
                ":since": {"S": moments.to_text(since)},
                ":now": {"S": moments.to_text(now)},
            },
            **_projection(ENDED),
        }
        parts = (pages(self.dynamodb, "scan", Segment=part, TotalSegments=READERS, **which) for part in range(READERS))
        for items in in_parallel(parts):
            page = [plain(item) for item in items]
            ended = [row for item in page if "outcome" in item and (row := ended_of(item))]
            yield RequestPage(ended, [item["workload"] for item in page if "outcome" not in item])


def reading_of(session: "boto3.Session", output: Callable[[str], str], **place: Any) -> ReportReading:
    """A stack as its operator reaches it, by its outputs; `place` says where AWS is, as boto3's clients take it."""
    return ReportReading(
        dynamodb=quick_client(session, **place),
        s3=session.client("s3", config=CONFIG, **place),
        requests_table=output("RequestsTableName"),
        ledger_table=output("LedgerTableName"),
        bucket=output("ContentBucketName"),
    )


def in_parallel(sources: Iterable[Iterator[_Page]]) -> Iterator[_Page]:
    """The pages of all sources in any order, several read at a time: no more of them stand in memory."""
    idle = iter(sources)
    reading: dict[Future[_Page | None], Iterator[_Page]] = {}
    with ThreadPoolExecutor(READERS) as pool:
        for source in islice(idle, READERS):
            reading[pool.submit(next, source, None)] = source
        while reading:
            for read in wait(reading, return_when=FIRST_COMPLETED).done:
                source, page = reading.pop(read), read.result()
                following = next(idle, None) if page is None else source
                if following is not None:
                    reading[pool.submit(next, following, None)] = following
                if page is not None:
                    yield page


def _projection(attributes: Iterable[str]) -> dict[str, Any]:
    """Only these attributes; many of their names are reserved words."""
    names = {f"#{part}": part for attribute in attributes for part in attribute.split(".")}
    return {
        "ProjectionExpression": ", ".join("#" + attribute.replace(".", ".#") for attribute in attributes),
        "ExpressionAttributeNames": names,
    }
