"""How forgetting is shown: object by object what goes, then what was done and what stays where."""

from collections.abc import Sequence
from typing import Any

import click
from rich import box
from rich.table import Table

from cli.forgetting import Remnant
from cli.output import console, json_text, printable

STAYS = (
    "its row and its cost record: states, hashes, tokens and money, no content",
    "at Claude: the results of a batch, for 29 days (deleting the batch there would take its neighbours' answers too)",
    "on SQS: a message that failed may lie in a dead-letter queue, for 14 days at most; queues are not touched",
    "with others: the answer where a consumer copied it, the id in events that were sent; logs hold neither",
)


def show_remnants(remnants: Sequence[Remnant]) -> None:
    """Names and sizes, never content."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("What goes", no_wrap=True)
    table.add_column("Bytes", justify="right", no_wrap=True)
    table.add_column("Old versions", justify="right", no_wrap=True)
    table.add_column("Object", overflow="fold")
    for remnant in remnants:
        older = str(len(remnant.older) or "")
        table.add_row(remnant.trace.what, f"{remnant.size:,}", older, printable(remnant.trace.found.key))
    console().print(table, "")


def show_done(remnants: Sequence[Remnant], forgotten_at: str | None, *, dry_run: bool, as_json: bool) -> None:
    """What was done, and what stays; in a dry run, what would be."""
    if as_json:
        click.echo(json_text(_document(remnants, forgotten_at, dry_run=dry_run)))
        return
    size, older = sum(each.size for each in remnants), sum(len(each.older) for each in remnants)
    sizes = f"{size:,} bytes in {len(remnants)} objects, and {older} old versions"
    if not remnants:
        click.echo(f"Nothing is left to delete; its content was deleted on {forgotten_at}.")
    elif dry_run:
        click.echo(f"Would delete {sizes}. Nothing was changed.")
    else:
        click.echo(f"Deleted {sizes}.")
    click.echo("What stays:")
    for sentence in STAYS:
        click.echo(f"- {sentence}")


def _document(remnants: Sequence[Remnant], forgotten_at: str | None, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "forgotten_at": forgotten_at,
        "objects": [
            {
                "key": remnant.trace.found.key,
                "what": remnant.trace.what,
                "bytes": remnant.size,
                "old_versions": len(remnant.older),
                "old_bytes": remnant.older_size,
            }
            for remnant in remnants
        ],
        "stays": list(STAYS),
    }
