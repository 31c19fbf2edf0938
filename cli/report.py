"""`lanekeeper report`: what a period cost, what batches saved, how long answers took, and what to do next."""

from datetime import datetime
from pathlib import Path

import click

from cli.conventions import Utf8, Where, stack_options

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(short_help="What a period cost and saved, and how long answers took.")
@click.option("--from", "first", type=_DAY, metavar="DAY", help="First day, UTC.  [default: of this month]")
@click.option("--to", "last", type=_DAY, metavar="DAY", help="Last day, UTC, included.  [default: today]")
@click.option("--days", type=click.IntRange(1, 400), metavar="N", help="Instead of --from: so many days until --to.")
@click.option(
    "-w", "--workload", "workloads", type=Utf8(), multiple=True, metavar="NAME", help="Only this; repeatable."
)
@click.option("--json", "form", flag_value="json", help="Print JSON, for programs; money in micro-dollars.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV: one line for each workload and lane.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Also write one page with plots that needs nothing else.",
)
@stack_options
def report(
    *,
    first: datetime | None,
    last: datetime | None,
    days: int | None,
    workloads: tuple[str, ...],
    form: str | None,
    html: Path | None,
    where: Where,
) -> None:
    """Adds up the ledger's rows of a period, and the ends of its requests.

    It reads only. An unknown price is never 0: rows without one are counted, and are in no sum. What each figure means
    stands in docs/report.md.
    """
    from cli.report_run import Asked, run  # the SDK of AWS takes its time

    run(where, Asked(first=first, last=last, days=days, workloads=workloads), form=form or "table", html=html)
