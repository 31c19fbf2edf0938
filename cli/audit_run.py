"""One run of `lanekeeper audit`: the way to the stack and to Claude, the audit, its verdict as an exit code."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta

import click

from cli.audit_tables import document, show
from cli.connection import Reached, reach, understandable
from cli.conventions import Exit, Where
from cli.output import BadInputError, json_text
from cli.progress import Looking
from lanekeeper import clock
from lanekeeper.audit import Report
from lanekeeper.audit_reading import reading_of
from lanekeeper.auditor import Auditor
from lanekeeper.connections import CONFIG
from lanekeeper.models import ClaudeBatch

MOST = timedelta(days=29)  # Claude's listing, and the answers in the bucket, go no further back for certain

_UNITS = {"h": "hours", "d": "days"}


def run(where: Where, *, since: str, with_claude: bool, as_json: bool) -> None:
    """Audits the stack that is meant, and ends with the verdict's exit code."""
    back = _back(since)
    with understandable():
        reached = reach(where)
        report = audited(reached, back=back, listing=_listing(reached) if with_claude else None)
    if as_json:
        click.echo(json_text(document(report)))
    else:
        show(report)
    if report.gaps:
        raise click.exceptions.Exit(Exit.FAILED)
    if report.unfinished:
        raise click.exceptions.Exit(Exit.UNREACHABLE)


def audited(reached: Reached, *, back: timedelta, listing: Callable[[], Iterable[ClaudeBatch]] | None = None) -> Report:
    """The audit of a stack that was reached, telling on stderr how far it is."""
    now = clock.now()
    with Looking("audit") as looking:
        return Auditor(
            reading=reading_of(reached.session, reached.output, **reached.place),
            listing=listing,
            now=now,
            since=now - back,
            seconds_left=lambda: float("inf"),
            progress=looking.at,
        )()


def _listing(reached: Reached) -> Callable[[], Iterable[ClaudeBatch]]:
    """Claude's batches, by the key of the stack's secret, which the caller must be allowed to read."""
    try:
        from lanekeeper.claude import Claude, connect
    except ModuleNotFoundError as error:
        raise BadInputError(
            f"Claude's listing needs a package: pip install {error.name}, or leave it out: --no-claude"
        ) from error
    secrets = reached.session.client("secretsmanager", config=CONFIG, **reached.place)
    key = secrets.get_secret_value(SecretId=reached.output("ClaudeSecretArn"))["SecretString"].strip()
    claude = Claude(connect(key, reached.output("ClaudeUrl")))
    return lambda: claude.listed()


def _back(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([hd])", text)
    back = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not timedelta(0) < back <= MOST:
        raise BadInputError("--since is a number of hours or days up to 29d: 36h, 7d")
    return back
