"""A report as one page that needs nothing else: no script, no network, readable on a phone and on paper."""

import re
from collections.abc import Iterator
from decimal import Decimal
from html import escape

from cli.output import spelled
from cli.report_plots import completion, coverage, savings, spend_by_lane
from cli.report_style import STYLE
from cli.report_tables import LANES, column_of
from cli.report_words import deadlines, dollars, duration, facts, left_out, next_move, percent, saved
from lanekeeper.models import Lane
from lanekeeper.report import Line, Report


def page(report: Report) -> str:
    period = f"{report.period.first} to {report.period.last}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>Lanekeeper, {period}</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<p class="eyebrow">Lanekeeper report · {period} (UTC)</p>
<h1>{_safe(saved(report.total))}</h1>
<p class="{"good" if not report.total.ends.late and not report.overdue else "bad"}">{_safe(deadlines(report))}</p>
<p class="next">{_safe(next_move(report.move))}</p>
{_left_out(report)}</header>
<main>
<dl class="tiles">
{"".join(_tiles(report))}</dl>
<div class="plots">
{"".join(_figures(report))}</div>
<h2>By workload</h2>
<div class="wide">
{_table(report)}
</div>
<h2>In detail</h2>
<dl class="facts">
{"".join(f"<dt>{_safe(name)}</dt><dd>{_safe(sentence)}</dd>{chr(10)}" for name, sentence in facts(report))}</dl>
</main>
<footer>Made on {report.made_at:%Y-%m-%d at %H:%M} UTC from the ledger's rows. An unknown price is in no sum.</footer>
</body>
</html>
"""


def _left_out(report: Report) -> str:
    words = left_out(report.total)
    return "" if words is None else f'<p class="eyebrow">{_safe(words)}</p>\n'


def _tiles(report: Report) -> Iterator[str]:
    total = report.total
    for name, amount in (
        ("spent", total.cost),
        ("at real-time prices", total.standard - total.overspend.unused_standard),
        ("saved", total.net if total.net is not None else total.saved),
    ):
        yield f"<div><dt>{name}</dt><dd>{_money(amount, dollars(amount))}</dd></div>\n"
    times = total.durations[Lane.BATCH]
    if times.longest is not None:
        yield f"<div><dt>half of batches within</dt><dd>{_safe(duration(times.percentile(50)))}</dd></div>\n"
        yield f"<div><dt>95 % within</dt><dd>{_safe(duration(times.percentile(95)))}</dd></div>\n"
    ends = total.ends
    if ends.requests:
        yield f"<div><dt>in time</dt><dd>{_in_time(ends.requests, ends.late)}</dd></div>\n"


def _in_time(requests: int, late: int) -> str:
    """A promise that was broken once is not shown as kept by rounding."""
    share = 100 * Decimal(requests - late) / requests
    return "100 %" if not late else f"{min(share, Decimal('99.99')):.2f} %"


def _figures(report: Report) -> Iterator[str]:
    legend = '<span class="key batch"></span> batch <span class="key realtime"></span> real time'
    times = report.total.durations[Lane.BATCH]
    yield _figure("Spend a day", legend, spend_by_lane(report.days))
    yield _figure("Saved by batches, adding up", "without what was bought twice", savings(report.days))
    if times.longest is not None:
        in_time = percent(times.within(7200), times.number)
        yield _figure("How long batches took", f"{in_time} of answers within 2 h", completion(times))
    yield _figure("Who travels in batches", f"{legend}, by spend", coverage(report.lines))


def _figure(title: str, note: str, plot: str) -> str:
    return f"<figure><figcaption><b>{title}</b> <span>{note}</span></figcaption>\n{plot}\n</figure>\n"


def _table(report: Report) -> str:
    rows = "\n".join(
        row
        for line in report.lines
        for lane in Lane
        if line.account.spends[lane].rows
        for row in _row(report, line, lane)
    )
    amount, total = column_of(report), report.total
    answers = sum(spend.answers for spend in total.spends.values())
    sums = "".join(f"<td>{_money(each, amount(each))}</td>" for each in (total.cost, total.standard, total.saved))
    heads = "".join(f"<th>{name}</th>" for name in ("answers", "p50", "p95", "cost", "in real time", "saved"))
    return f"""<table>
<thead><tr><th>workload</th><th>lane</th>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
<tfoot><tr><td>all</td><td></td><td>{answers:,}</td><td></td><td></td>{sums}</tr></tfoot>
</table>"""


def _row(report: Report, line: Line, lane: Lane) -> Iterator[str]:
    spend, times, amount = line.account.spends[lane], line.account.durations[lane], column_of(report)
    cells = [f"{spend.answers:,}", duration(times.percentile(50)), duration(times.percentile(95))]
    cells += [_money(each, amount(each)) for each in (spend.cost, spend.standard, spend.saved)]
    figures = "".join(f"<td>{cell}</td>" for cell in cells)
    name = f'<span class="key {lane}"></span> <span class="word">{LANES[lane]}</span>'
    yield f"<tr><td>{_safe(line.name)}</td><td>{name}</td>{figures}</tr>"


def _money(micro_usd: Decimal, words: str) -> str:
    """What is read, and beside it all digits, in micro-dollars."""
    return f'<data value="{spelled(micro_usd)}">{_safe(words)}</data>'


def _safe(words: str) -> str:
    """Somebody's name may be in it; a number keeps to its unit."""
    return re.sub(r"(?<=\d) (?=%|h\b|min\b|s\b)", "\u00a0", escape(words))
