"""What became of a file: sentences and a table for people, one document for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import click
from rich import box
from rich.table import Table

from cli.conventions import Exit
from cli.output import console, json_text, micro_money, printable
from cli.request_file import Problem
from lanekeeper.client import Lane, Outcome, Rejection, Status

PROBLEMS_SHOWN = 20
LANES = {Lane.REALTIME: "real time", Lane.BATCH: "batch"}


@dataclass(slots=True)
class Share:
    """What one workload's requests in one lane came to."""

    answered: int = 0
    failed: int = 0
    cost_micro_usd: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, status: Status) -> None:
        self.answered += status.outcome is Outcome.SUCCEEDED
        self.failed += status.outcome is Outcome.FAILED
        self.unpriced += status.cost_micro_usd is None
        self.cost_micro_usd += status.cost_micro_usd or 0


@dataclass(slots=True, kw_only=True)
class Report:
    """One run, as far as it is known."""

    taken: int
    taken_before: int = 0  # of these, by an earlier run
    not_sent: list[Problem] = field(default_factory=list)
    rejected: list[Problem] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)
    pending: int = 0  # neither accepted nor rejected yet; with waited, without an end
    waited: bool = False
    ends: dict[str, Status] = field(default_factory=dict)  # by request: two lines may name the same one

    def add(self, line: int, end: Status | Rejection) -> None:
        """One line's end, or the news that it was accepted."""
        self.pending -= 1
        if isinstance(end, Rejection):
            self.rejected.append(Problem(line, end.code, end.sentence))
        elif self.waited:
            self.ends[end.key] = end
            if end.outcome is Outcome.FAILED:
                self.failed.append(Problem(line, str(end.reason), ""))

    @property
    def exit_code(self) -> Exit:
        if self.not_sent or self.rejected or self.failed:
            return Exit.FAILED
        return Exit.NOT_YET if self.waited and self.pending else Exit.DONE

    def shares(self) -> dict[tuple[str, Lane], Share]:
        shares: dict[tuple[str, Lane], Share] = {}
        for status in self.ends.values():
            shares.setdefault((status.workload, status.lane), Share()).add(status)
        return dict(sorted(shares.items()))


def show(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_text(_document(report)))
        return
    for kind, problems in (("not sent", report.not_sent), ("rejected", report.rejected), ("failed", report.failed)):
        for sentence in _problems(kind, problems):
            click.echo(sentence)
    if report.ends:
        console().print(_table(report), "")
    click.echo(_total(report))


def _problems(kind: str, problems: Sequence[Problem]) -> Iterator[str]:
    listed = sorted(problems, key=lambda problem: problem.line)
    for problem in listed[:PROBLEMS_SHOWN]:
        words = f": {problem.sentence}" if problem.sentence else ""
        yield f"line {problem.line} {kind}: {problem.code}{words}"
    if len(listed) > PROBLEMS_SHOWN:
        yield f"… and {len(listed) - PROBLEMS_SHOWN:,} more lines {kind}; --json lists them all"


def _total(report: Report) -> str:
    before = f" ({report.taken_before:,} by an earlier run)" if report.taken_before else ""
    parts = [f"{report.taken:,} taken{before}"]
    parts += [
        f"{len(problems):,} {kind}"
        for kind, problems in (("not sent", report.not_sent), ("rejected", report.rejected), ("failed", report.failed))
        if problems
    ]
    if report.waited:
        parts.append(f"{sum(share.answered for share in report.shares().values()):,} answered")
    if report.pending:
        parts.append(f"{report.pending:,} {'still on their way' if report.waited else 'still on the queue'}")
    return ", ".join(parts)


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Workload", overflow="fold")
    table.add_column("Lane", no_wrap=True)
    for heading in ("Answered", "Failed", "Cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (workload, lane), share in report.shares().items():
        cells = (f"{share.answered:,}", f"{share.failed:,}", _cost(share))
        table.add_row(printable(workload), LANES[lane], *cells)
    return table


def _cost(share: Share) -> str:
    known = micro_money(share.cost_micro_usd)
    return f"{known} and {share.unpriced:,} unknown" if share.unpriced else known


def _document(report: Report) -> dict[str, Any]:
    return {
        "taken": report.taken,
        "taken_before": report.taken_before,
        "not_sent": _listed(report.not_sent),
        "rejected": _listed(report.rejected),
        "failed": _listed(report.failed),
        "pending": report.pending,
        "waited": report.waited,
        "ends": [_share(workload, lane, share) for (workload, lane), share in report.shares().items()],
    }


def _listed(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    listed = sorted(problems, key=lambda problem: problem.line)
    return [{"line": each.line, "code": each.code, "sentence": each.sentence} for each in listed]


def _share(workload: str, lane: Lane, share: Share) -> dict[str, Any]:
    return {
        "workload": workload,
        "lane": lane.value,
        "answered": share.answered,
        "failed": share.failed,
        "cost_micro_usd": share.cost_micro_usd,
        "requests_of_unknown_cost": share.unpriced,
    }
