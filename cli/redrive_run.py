"""One run of `lanekeeper redrive`: queue after queue, with its numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from cli.connection import Reached, reach, understandable
from cli.conventions import Where
from cli.output import json_text
from cli.progress import Counter
from cli.redrive import SOURCES
from cli.redriving import Redriving
from lanekeeper.connections import CONFIG

TICKS = "ticks, which are sent nowhere: purge them when the poller works again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What was done with one dead-letter queue."""

    queue: str
    to: str | None
    found: int
    sent: int


def run(where: Where, queues: Sequence[str], *, dry_run: bool, as_json: bool) -> None:
    """Sends back what lies in these queues, and says how much that was."""
    with understandable():
        reached = reach(where)
        redriving = Redriving(reached.session.client("sqs", config=CONFIG, **reached.place))
        done = [_redrive(redriving, reached, queue, dry_run=dry_run) for queue in dict.fromkeys(queues)]
    if as_json:
        click.echo(json_text({"dry_run": dry_run, "queues": [asdict(each) for each in done]}))
        return
    for each in done:
        click.echo(_sentence(each, dry_run=dry_run))


def _redrive(redriving: Redriving, reached: Reached, queue: str, *, dry_run: bool) -> Redriven:
    source, url = SOURCES[queue], reached.output(f"{queue}Url")
    found, sent = redriving.waiting(url), 0
    if source is not None and found and not dry_run:
        to_url = reached.output(f"{source}Url")
        with Counter(f"to {source}", found) as counter:
            for _ in redriving.redrive(url, to_url, most=found):
                sent += 1
                counter.advance(1)
    return Redriven(queue=queue, to=source, found=found, sent=sent)


def _sentence(done: Redriven, *, dry_run: bool) -> str:
    if done.to is None:
        return f"{done.queue:<24} {done.found:>7,} {TICKS}" if done.found else f"{done.queue:<24} {0:>7}"
    if dry_run:
        return f"{done.queue:<24} {done.found:>7,} would go to {done.to}"
    return f"{done.queue:<24} {done.sent:>7,} sent to {done.to}" + _rest(done)


def _rest(done: Redriven) -> str:
    return f", {done.found - done.sent:,} not handed out yet: repeat it" if done.sent < done.found else ""
