"""One run of `lanekeeper status`: the tables, the queues and the alarms of a stack, read once or again and again."""

import re
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click
from botocore.exceptions import ClientError
from rich.live import Live
from rich.text import Text

from cli.connection import DENIED, Reached, reach, understandable
from cli.conventions import Where
from cli.open_work import Depth, Status, Work, lane_of, work_of
from cli.output import BadInputError, console, json_text
from cli.status_tables import document, text
from lanekeeper import clock
from lanekeeper.batches_table import BatchesTable
from lanekeeper.connections import CONFIG
from lanekeeper.dynamo import plain_client
from lanekeeper.models import Lane

EVERY_SECONDS = 5
QUEUES = ("RequestQueue", "RealtimeQueue", "BatchQueue", "CollectQueue")
DEAD_LETTERS = ("Request", "Realtime", "Batch", "Collect", "Poller")
COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


def run(where: Where, *, watch: bool, as_json: bool) -> None:
    """Shows the stack that is meant, once or until somebody has seen enough."""
    if watch and as_json:
        raise BadInputError("--watch is for people: leave out --json")
    with understandable():
        reached = reach(where)
        if watch:
            _watch(where.name, reached)
            return
        found = status_of(where.name, reached, now=clock.now())
    click.echo(json_text(document(found)) if as_json else text(found))


def _watch(stack: str, reached: Reached) -> None:
    with Live(console=console(), auto_refresh=False) as live:
        while True:
            live.update(Text(text(status_of(stack, reached, now=clock.now()))), refresh=True)
            time.sleep(EVERY_SECONDS)


def status_of(stack: str, reached: Reached, *, now: datetime) -> Status:
    """Everything that is shown, read now."""
    table = BatchesTable(plain_client(reached.session, **reached.place), reached.output("BatchesTableName"))
    sqs = reached.session.client("sqs", config=CONFIG, **reached.place)
    return Status(
        stack=stack,
        at=now,
        lanes=[lane_of(lane, table.breaker(lane), now) for lane in (Lane.REALTIME, Lane.BATCH)],
        batches=_by_deadline(map(work_of, table.open_batches())),
        segments=_by_deadline(map(work_of, table.open_segments())),
        queues=[_depth(sqs, name, reached.output(f"{name}Url")) for name in QUEUES],
        dead_letters=[
            _depth(sqs, name, reached.output(f"{name}Url"))
            for name in (f"{each}DeadLetterQueue" for each in DEAD_LETTERS)
        ],
        alarms=_alarms(reached, stack),
    )


def _by_deadline(work: Iterable[Work]) -> list[Work]:
    return sorted(work, key=lambda each: (each.deadline, each.id))


def _depth(sqs: Any, name: str, url: str) -> Depth:
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
    visible, in_work, delayed = (int(counts[each]) for each in COUNTS)
    return Depth(queue=name, visible=visible, in_work=in_work, delayed=delayed)


def _alarms(reached: Reached, stack: str) -> list[str] | None:
    """By their names, which CloudFormation makes of the stack's: `lanekeeper-dev` begins like `lanekeeper`."""
    cloudwatch: Any = reached.session.client("cloudwatch", config=CONFIG, **reached.place)
    ours = re.compile(rf"{re.escape(stack)}-([A-Za-z0-9]+)-[A-Za-z0-9]+")
    try:
        pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM")
        alarms = [alarm for page in pages for alarm in page["MetricAlarms"] if alarm["StateValue"] == "ALARM"]
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:  # the rest is worth showing
            return None
        raise
    return sorted(found[1] for alarm in alarms if (found := ours.fullmatch(alarm["AlarmName"])))
