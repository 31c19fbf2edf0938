"""How an audit is shown: a line for each kind of gap with its first ids, then the verdict; or all of it as JSON."""

from collections.abc import Iterator
from typing import Any

import click

from cli.output import micro_money
from lanekeeper import moments
from lanekeeper.audit import DaySum, Gap, Report, total

SHOWN = 5  # gaps of a kind; all of them stand in the JSON


def show(report: Report) -> None:
    """No table of rich's: an id that is broken over two lines cannot be copied."""
    for sentence in _sentences(report):
        click.echo(sentence)


def document(report: Report) -> dict[str, Any]:
    """The same for programs, every gap among it; money in micro-dollars, null where unknown."""
    return {
        "clean": report.is_clean,
        "unfinished": report.unfinished or None,
        "claude": report.with_claude,
        "since": moments.to_text(report.since),
        "looked_at": dict(report.looked_at),
        "gaps": [{"kind": gap.kind.value, "id": gap.id, "detail": gap.detail} for gap in report.gaps],
        "notes": [
            {"claude_batch": note.claude_id, "created_at": note.created_at, "note": note.words} for note in report.notes
        ],
        "days": [_day(day) for day in report.sums],
    }


def verdict(report: Report) -> str:
    """`0 gaps`, or why that is not proven."""
    number = len(report.gaps)
    counted = f"{number:,} gap{'' if number == 1 else 's'}"
    return f"{counted} in what was looked at; {report.unfinished}" if report.unfinished else counted


def _sentences(report: Report) -> Iterator[str]:
    yield "Looked at  " + ", ".join(f"{number:,} {what}" for what, number in report.looked_at.items())
    yield from _money(report)
    if not report.with_claude:
        yield "Claude     left out: whether each of its batches is ours, and each of ours is there, is not proven"
    for note in report.notes:
        yield f"Noted      {note.claude_id}, created at {note.created_at}: {note.words}"
    for kind, gaps in report.by_kind().items():
        yield f"{kind.value}: {len(gaps):,}"
        yield from (_line(gap) for gap in gaps[:SHOWN])
        if len(gaps) > SHOWN:
            yield f"  and {len(gaps) - SHOWN:,} more: --json names all"
    yield f"Audit      {verdict(report)}"


def _money(report: Report) -> Iterator[str]:
    if report.sums:
        booked = total(day.ledger_micro_usd for day in report.sums)
        stored = total(day.stored_micro_usd for day in report.sums)
        words = ("unknown" if cost is None else micro_money(cost) for cost in (booked, stored))
        yield "Money      {} by the ledger, {} by the stored answers, {} days of workloads".format(
            *words, len(report.sums)
        )


def _line(gap: Gap) -> str:
    return f"  {gap.id}" + (f"  ({gap.detail})" if gap.detail else "")


def _day(day: DaySum) -> dict[str, Any]:
    return {
        "workload": day.workload,
        "day": day.day,
        "ledger_micro_usd": day.ledger_micro_usd,
        "stored_micro_usd": day.stored_micro_usd,
    }
