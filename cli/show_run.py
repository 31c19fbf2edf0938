"""One run of `lanekeeper show`: find the rows that tell of a request, and print its life."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cli.connection import reach, understandable
from cli.conventions import Exit, Where
from cli.life import Traces, days_of, life_of, next_of
from cli.output import BadInputError, json_text, printable
from cli.result_run import NAME_IT, workloads_to_search
from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.dynamo import Item, plain_client, query_all
from lanekeeper.identity import request_key
from lanekeeper.ledger import shard_keys
from lanekeeper.requests_table import RequestsTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class UnknownIdError(click.ClickException):
    """No row has this id; the message says how it was looked for."""

    exit_code = Exit.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Reads the rows of one request."""

    dynamodb: "DynamoDBClient"
    requests: RequestsTable
    batches: BatchesTable
    ledger: str

    def __call__(self, request_id: str, workloads: Sequence[str]) -> Traces:
        """Raises UnknownIdError, or BadInputError where several workloads have this id."""
        rows = self.requests.get_all([request_key(workload, request_id) for workload in workloads])
        if not rows:
            names = ", ".join(workloads)
            raise UnknownIdError(f"no request has this id in {names}: it was not accepted yet, or its row has expired")
        if len(rows) > 1:
            names = ", ".join(sorted(row["workload"] for row in rows.values()))
            raise BadInputError(f"it stands under several workloads ({names}): {NAME_IT}")
        (row,) = rows.values()
        segment = self.batches.row(f"segment#{row['segment']}") if "segment" in row else None
        batch = self.batches.batch(segment["batch"]) if segment is not None and "batch" in segment else None
        return Traces(row=row, segment=segment, batch=batch, calls=list(self._calls(row)))

    def _calls(self, row: Item) -> Iterator[Item]:
        """What the ledger has of its calls in real time, whatever became of them."""
        for shard in (shard for day in days_of(row) for shard in shard_keys(row["workload"], day)):
            yield from query_all(
                self.dynamodb,
                TableName=self.ledger,
                KeyConditionExpression="workload_day = :shard AND begins_with(entry, :calls)",
                ExpressionAttributeValues={":shard": shard, ":calls": f"realtime#{row['request_key']}#"},
            )


def run(request_id: str, workload: str | None, where: Where, *, as_json: bool) -> None:
    """Prints the life of one request."""
    workloads = workloads_to_search() if workload is None else [workload]
    with understandable():
        reached = reach(where)
        dynamodb = plain_client(reached.session, **reached.place)
        look = Look(
            dynamodb=dynamodb,
            requests=RequestsTable(dynamodb, reached.output("RequestsTableName")),
            batches=BatchesTable(dynamodb, reached.output("BatchesTableName")),
            ledger=reached.output("LedgerTableName"),
        )
        traces = look(request_id, workloads)
    click.echo(json_text(_document(request_id, traces)) if as_json else "\n".join(_lines(request_id, traces)))


def _lines(request_id: str, traces: Traces) -> Iterator[str]:
    yield f"{printable(request_id)} of {traces.row['workload']}, {traces.row['model']}"
    for each in life_of(traces):
        yield f"  {each.at:%Y-%m-%d %H:%M:%S}  {each.what}"
    if "outcome" not in traces.row:
        yield f"  next                 {next_of(traces)}"


def _document(request_id: str, traces: Traces) -> dict[str, object]:
    row = traces.row
    return {
        "id": request_id,
        "workload": row["workload"],
        "request_key": row["request_key"],
        "lane": row["lane"],
        "outcome": row.get("outcome"),
        "deadline": row["deadline"],
        "happened": [{"at": moments.to_text(each.at), "what": each.what} for each in life_of(traces)],
        "next": None if "outcome" in row else next_of(traces),
    }
