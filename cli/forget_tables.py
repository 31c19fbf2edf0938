"""How forgetting is shown: object by object what goes, then what was done and what stays where."""

from collections.abc import Sequence
from typing import Any

import click

from cli.forgetting import Remnant
from cli.output import json_text, printable

OF_A_REQUEST = (
    "its row and its cost record: states, hashes, tokens, money, but no content",
    "at Claude: a batch's results, for 29 days (deleting them takes the neighbours' too)",
    "on SQS: a failed message in a dead-letter queue (no-answer: always), for 14 days",
    "elsewhere: what consumers copied, and events that named the id; logs hold neither",
)
OF_A_REJECTED_MESSAGE = ("its notice on RejectedQueue and its event: code and sentence, but no content",)


def show_remnants(remnants: Sequence[Remnant]) -> None:
    """Names and sizes, never content. No table: a key that is broken over two lines cannot be copied."""
    click.echo(f"{'what goes':<16} {'bytes':>11} {'old versions':>13}  object")
    for remnant in remnants:
        what, key = remnant.trace.what, printable(remnant.trace.found.key)
        click.echo(f"{what:<16} {remnant.size:>11,} {len(remnant.older):>13}  {key}")
    click.echo()


def show_done(
    remnants: Sequence[Remnant], stays: Sequence[str], forgotten_at: str | None, *, dry_run: bool, as_json: bool
) -> None:
    """What was done, and what stays; in a dry run, what would be."""
    if as_json:
        click.echo(json_text(_document(remnants, stays, forgotten_at, dry_run=dry_run)))
        return
    if not remnants:
        click.echo(f"Nothing is left to delete; the content was deleted on {forgotten_at}.")
    elif dry_run:
        click.echo(f"Would delete {_sizes(remnants)}. Nothing was changed.")
    else:
        click.echo(f"Deleted {_sizes(remnants)}.")
    click.echo("What stays:")
    for sentence in stays:
        click.echo(f"- {sentence}")


def _sizes(remnants: Sequence[Remnant]) -> str:
    size, older = sum(each.size for each in remnants), sum(len(each.older) for each in remnants)
    return f"{size:,} bytes in {len(remnants)} objects" + (f", and {older} old versions" if older else "")


def _document(
    remnants: Sequence[Remnant], stays: Sequence[str], forgotten_at: str | None, *, dry_run: bool
) -> dict[str, Any]:
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
        "stays": list(stays),
    }
