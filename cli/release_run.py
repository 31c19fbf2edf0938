"""One run of `lanekeeper release`: say what will happen, ask, mark the batch."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from cli.connection import reach, understandable
from cli.conventions import Exit, Where
from cli.output import json_text
from lanekeeper import clock
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.models import Batch, BatchState
from lanekeeper.quarantine import History, can_be_released, history_of, odd_numbers


class NothingToReleaseError(click.ClickException):
    """The batch is not waiting for its results."""

    exit_code = Exit.FAILED


class StillTriedError(click.ClickException):
    """The trouble may pass by itself."""

    exit_code = Exit.NOT_YET


class NoSuchBatchError(click.ClickException):
    """No row has this id."""

    exit_code = Exit.UNKNOWN


@dataclass(frozen=True, slots=True)
class Found:
    """A batch that may be released, and what its collections met."""

    batch: Batch
    history: History

    @property
    def odd(self) -> dict[str, int]:
        """Number of odd rows by kind; empty where no download ever came."""
        return odd_numbers(self.history.quarantine or {})

    @property
    def usable(self) -> int:
        """Requests with a good row in the last download."""
        return int((self.history.quarantine or {}).get("usable", 0))

    @property
    def object(self) -> str | None:
        """The key of the odd lines."""
        return None if self.history.quarantine is None else str(self.history.quarantine["object"])


def run(batch_id: str, *, where: Where, yes: bool, as_json: bool) -> None:
    """Marks a batch for release; a repeat changes nothing."""
    reached = reach(where)
    with understandable():
        dynamodb = reached.session.resource("dynamodb", **reached.place).meta.client
        batches = BatchesTable(dynamodb, reached.outputs["BatchesTableName"])
        now = clock.now()
        found = _find(batches, batch_id.removeprefix("batch#"), now)
        if not found.history.released:
            if not as_json:
                _show(found)
            if not yes:
                click.confirm("Give up what is missing?", abort=True, err=True)
            if not batches.allow_losses(found.batch, now=now):
                raise NothingToReleaseError("its results came whole meanwhile: nothing was given up")
    _say(found, as_json=as_json)


def _find(batches: BatchesTable, batch_id: str, now: datetime) -> Found:
    """Raises NoSuchBatchError, NothingToReleaseError or StillTriedError."""
    item = batches.batch(batch_id)
    if item is None:
        raise NoSuchBatchError("there is no such batch, or its row has expired after 45 days")
    found = Found(batch_of(item), history_of(item))
    if found.batch.state is not BatchState.ENDED:
        raise NothingToReleaseError(f"it is {found.batch.state}: only a batch that is ENDED waits for its results")
    if not can_be_released(found.history, now):
        raise StillTriedError("its results are still tried, and may come whole: it is not in quarantine")
    return found


def _show(found: Found) -> None:
    """Numbers and names, never content."""
    batch = found.batch
    click.echo(f"batch      {batch.id}, of {batch.workload}, {batch.count:,} requests; Claude's {batch.claude_id}")
    click.echo(f"trouble    since {found.history.troubled_since}: {_words(found)}")
    click.echo(f"good rows  {found.usable:,} of {batch.count:,} in the last download")
    if found.object is not None:
        click.echo(f"odd lines  {found.object}")
    click.echo(
        "\nEvery good row is taken at the next collection. A request without one fails as `result-lost`: it is not sent"
        "\nagain, since it may have been billed, and its cost is unknown. This cannot be undone.\n"
    )


def _words(found: Found) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in found.odd.items()) or "no download came"


def _say(found: Found, *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "batch": found.batch.id,
            "workload": found.batch.workload,
            "requests": found.batch.count,
            "usable": found.usable,
            "odd": found.odd,
            "object": found.object,
            "released": True,
        }
        click.echo(json_text(document))
    else:
        click.echo("Released. The poller calls a collector within a minute; `logged collector results-lost` tells.")
