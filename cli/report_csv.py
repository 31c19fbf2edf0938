"""A report as CSV: one line for each workload and lane, dollars with all their digits, so that sums can be made."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal

from cli.output import spelled
from lanekeeper.models import Lane
from lanekeeper.report import Line, Report

COLUMNS = (
    "first_day",
    "last_day",
    "workload",
    "lane",
    "answers",
    "cost_usd",
    "standard_usd",
    "saved_usd",
    "p50_seconds",
    "p95_seconds",
    "longest_seconds",
    "rescues",
    "unpriced_rows",
    "unpriced_answers",
    "possible_duplicates",
    "lost_answers",
)


def csv_text(report: Report) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in report.lines:
        for lane in Lane:
            if line.account.spends[lane].rows:
                writer.writerow([report.period.first, report.period.last, *_cells(line, lane)])
    return out.getvalue()


def _cells(line: Line, lane: Lane) -> Iterator[object]:
    spend, times = line.account.spends[lane], line.account.durations[lane]
    yield from (line.name, lane.value, spend.answers)
    yield from (spelled(amount / 1_000_000) for amount in (spend.cost, spend.standard, spend.saved))
    yield from (_seconds(each) for each in (times.percentile(50), times.percentile(95), times.longest))
    yield from (spend.rescues, spend.unpriced_rows, spend.unpriced_answers, spend.unseen_calls, spend.lost_answers)


def _seconds(seconds: Decimal | None) -> str:
    return "" if seconds is None else spelled(seconds)
