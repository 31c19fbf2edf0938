"""One run of `lanekeeper report`: the period that is meant, its rows, the report in the form that was asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import click

from cli.connection import Reached, reach, understandable
from cli.conventions import Where
from cli.output import BadInputError, json_text
from cli.progress import Looking
from cli.registry_file import found_registry
from cli.report_csv import csv_text
from cli.report_html import page
from cli.report_json import document
from cli.report_tables import text
from lanekeeper import clock
from lanekeeper.policy import Registry
from lanekeeper.pricing import standard_prices
from lanekeeper.report import Period, Report
from lanekeeper.report_fold import Fold
from lanekeeper.report_reading import ReportReading, reading_of
from lanekeeper.report_rows import search_price

FORMS: Mapping[str, Callable[[Report], str]] = {
    "table": text,
    "json": lambda report: json_text(document(report)),
    "csv": csv_text,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user said; None where nothing was said."""

    first: datetime | None
    last: datetime | None
    days: int | None
    workloads: tuple[str, ...] = ()

    def period(self, today: date) -> Period:
        """Raises BadInputError where the days contradict each other."""
        if self.first and self.days:
            raise BadInputError("give --from or --days, not both")
        last = self.last.date() if self.last else today
        first = self.first.date() if self.first else last.replace(day=1)
        if self.days:
            first = last - timedelta(days=self.days - 1)
        if not first <= last <= today:
            raise BadInputError(f"from {first} to {last} is no period up to today, {today} UTC")
        return Period(first, last)


def run(where: Where, asked: Asked, *, form: str, html: Path | None = None) -> None:
    """Prints the report of the stack that is meant, and writes its page where one is wanted."""
    now = clock.now()
    period = asked.period(now.astimezone(UTC).date())
    registry = found_registry()
    with understandable():
        report = reported(reach(where), period, registry, only=set(asked.workloads), now=now)
    click.echo(FORMS[form](report), nl=form != "csv")
    if html is not None:
        _write(html, page(report))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"the page is in {file}", err=True)


def reported(reached: Reached, period: Period, registry: Registry, *, only: set[str], now: datetime) -> Report:
    """The report of a stack that was reached, telling on stderr how far it is."""
    with Looking("report") as looking:
        reading = reading_of(reached.session, reached.output, **reached.place)
        fold = Fold(period, now=now, search_price=search_price(standard_prices()))
        return folded(reading, fold, registry, only=only, progress=looking.at)


def folded(
    reading: ReportReading,
    fold: Fold,
    registry: Registry,
    *,
    only: set[str],
    progress: Callable[[str, int], None] = lambda _what, _number: None,
) -> Report:
    """Requests first: whatever ends while they are read shows in the ledger as being under way."""
    workloads = only or {*registry, *reading.workloads()}
    since = datetime.combine(fold.period.first, time(), UTC)
    requests = rows = 0
    for ended, overdue in reading.requests(since=since, now=fold.now):
        fold.add_ended(row for row in ended if not only or row.workload in only)
        fold.add_overdue(sum(not only or name in only for name in overdue))
        workloads |= set() if only else {row.workload for row in ended}
        requests += len(ended)
        progress("requests", requests)
    for booked in reading.booked(workloads, sorted({*fold.period.days(), *fold.month.days()})):
        fold.add_booked(booked)
        rows += len(booked)
        progress("ledger rows", rows)
    return fold.report(registry)
