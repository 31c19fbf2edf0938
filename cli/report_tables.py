"""A report on a terminal: its headline, one line for each workload and lane, and what is no column."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table

from cli.output import console
from cli.report_words import duration, facts, headline
from lanekeeper.models import Lane
from lanekeeper.report import Line, Report

LANES = {Lane.BATCH: "batch", Lane.REALTIME: "real time"}
_NAME_WIDTH = 13


def text(report: Report) -> str:
    """As wide as the terminal, without the last newline."""
    out = console()
    with out.capture() as captured:
        _show(report, out)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


def _show(report: Report, out: Console) -> None:
    period = report.period
    out.print(f"{period.first} to {period.last} (UTC), made on {report.made_at:%Y-%m-%d at %H:%M}", "", sep="\n")
    for sentence in headline(report):
        out.print(sentence, markup=False, style="bold")
    if report.lines:
        out.print("", _costs(report, out), "", sep="\n")
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_NAME_WIDTH - 1)
    table.add_column()
    for name, sentence in facts(report):
        table.add_row(name, sentence)
    out.print(table)


def _costs(report: Report, out: Console) -> Table:
    roomy = out.width >= 100
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1 if roomy else 0), show_footer=True
    )
    table.add_column("workload", "all", overflow="fold")
    table.add_column("lane", no_wrap=True)
    amount = column_of(report)
    answers = sum(spend.answers for spend in report.total.spends.values())
    for heading, footer, style in (
        ("answers", f"{answers:,}", ""),
        ("p50", "", ""),
        ("p95", "", ""),
        ("cost", amount(report.total.cost), ""),
        ("in real\ntime", amount(report.total.standard), ""),
        ("saved", amount(report.total.saved), "green"),
    ):
        table.add_column(heading, footer, style=style, justify="right", no_wrap=True)
    for line in report.lines:
        for lane in Lane:
            if line.account.spends[lane].rows:
                table.add_row(*_cells(line, lane, column_of(report)))
    return table


def column_of(report: Report) -> Callable[[Decimal], str]:
    """How amounts stand below each other: by the cent, or finer where all of it is less than a dollar."""
    decimals = 2 if report.total.cost >= 1_000_000 else 4
    return lambda micro_usd: f"${micro_usd / 1_000_000:,.{decimals}f}"


def _cells(line: Line, lane: Lane, amount: Callable[[Decimal], str]) -> Iterator[str]:
    spend, times = line.account.spends[lane], line.account.durations[lane]
    yield from (line.name, LANES[lane], f"{spend.answers:,}")
    yield from (duration(times.percentile(50)), duration(times.percentile(95)))
    yield from map(amount, (spend.cost, spend.standard, spend.saved))
