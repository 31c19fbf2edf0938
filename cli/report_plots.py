"""The plots of a report's page as inline SVG: drawn for 360 units of width, so that a phone shows them readable."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from html import escape
from itertools import accumulate

from cli.report_words import TWO_HOURS, counted, dollars, percent
from lanekeeper.durations import Durations
from lanekeeper.report import Day, Line

WIDTH, HEIGHT = 360, 178
LEFT, RIGHT, TOP, BOTTOM = 44, 354, 12, 160
# Minutes up to which a bar of the distribution goes; the last one takes the rest.
EDGES = (2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 360, 720, 1440)
ROW = 34  # of a workload's bar


def spend_by_lane(days: Sequence[Day]) -> str:
    """A bar a day, the batch lane below."""
    top = max((day.batch + day.realtime for day in days), default=Decimal(0))
    bars = (bar for number, day in enumerate(days) for bar in _day(number, len(days), day, top))
    return _svg("Spend by lane and day", [*_money_axis(top), *bars, *_day_axis(days)])


def savings(days: Sequence[Day]) -> str:
    """What batches saved from the first day until each."""
    sums = list(accumulate(day.saved for day in days))
    top = max(sums, default=Decimal(0))
    points = [f"{_middle(number, len(days)):.1f},{_height(amount, top):.1f}" for number, amount in enumerate(sums)]
    if not points:
        return _svg("Saved until each day", [])
    first, last = points[0].split(",")[0], points[-1].split(",")[0]
    drawn = [
        f'<polygon class="saved area" points="{first},{BOTTOM} {" ".join(points)} {last},{BOTTOM}"/>',
        f'<polyline class="saved line" points="{" ".join(points)}"/>',
        *(
            f'<circle class="saved" cx="{point.split(",")[0]}" cy="{point.split(",")[1]}" r="2.5">'
            f"{_title(f'{day.day}: {dollars(amount)}')}</circle>"
            for point, day, amount in zip(points, days, sums, strict=True)
        ),
    ]
    return _svg("Saved until each day", [*_money_axis(top), *drawn, *_day_axis(days)])


def completion(times: Durations) -> str:
    """How many of the batches' answers took how long; a line stands at two hours."""
    counts = _binned(times)
    top, step = max(counts), (RIGHT - LEFT) / len(counts)
    line = LEFT + step * (EDGES.index(TWO_HOURS // 60) + 1)
    bars = [
        _bar(
            LEFT + number * step + 1,
            step - 2,
            (0, Decimal(count) / top if top else Decimal(0)),
            "batch" if LEFT + number * step < line else "late",
            f"{_range(number)}: {counted(count, 'answer')}, {percent(count, times.number)}",
        )
        for number, count in enumerate(counts)
    ]
    marks = [_text(LEFT + (number + 1) * step, BOTTOM + 13, _edge(edge)) for number, edge in enumerate(EDGES)]
    limit = [
        f'<line class="limit" x1="{line:.1f}" x2="{line:.1f}" y1="{TOP}" y2="{BOTTOM}"/>',
        _text(line + 4, TOP + 8, "2 h", "start"),
    ]
    axis = [_text(LEFT - 4, _height(top, top) + 4, percent(top, times.number), "end"), _base()]
    return _svg("How long batches took", [*axis, *bars, *limit, *marks[::2]])


def coverage(lines: Sequence[Line]) -> str:
    """For each workload the share of its spend that went in batches, the largest spend first."""
    ordered = sorted((line for line in lines if line.account.cost), key=lambda line: -line.account.cost)
    drawn = [part for number, line in enumerate(ordered) for part in _coverage(line, TOP + number * ROW)]
    return _svg("Spend in batches by workload", drawn, height=TOP + ROW * max(1, len(ordered)))


def _coverage(line: Line, top: float) -> Iterator[str]:
    share, width = line.account.batch_share or Decimal(0), WIDTH - 12
    policy = {True: "may wait", False: "may not wait", None: "not in workloads.yaml"}[line.may_wait]
    cost = dollars(line.account.cost)
    yield _text(6, top + 9, f"{line.name} · {policy}", "start")
    yield _text(WIDTH - 6, top + 9, f"{percent(share, 1)} of {cost}", "end")
    words = f"{line.name}: {percent(share, 1)} of {cost} in batches"
    yield f'<rect class="realtime" x="6" y="{top + 14:.1f}" width="{width}" height="9"/>'
    yield (
        f'<rect class="batch" x="6" y="{top + 14:.1f}" width="{float(share) * width:.1f}" height="9">'
        f"{_title(words)}</rect>"
    )


def _day(number: int, days: int, day: Day, top: Decimal) -> Iterator[str]:
    step = (RIGHT - LEFT) / days
    left, width = LEFT + number * step + step * 0.1, step * 0.8
    of_batch = day.batch / top if top else Decimal(0)
    of_all = (day.batch + day.realtime) / top if top else Decimal(0)
    yield _bar(left, width, (of_batch, of_all), "realtime", f"{day.day}, real time: {dollars(day.realtime)}")
    yield _bar(left, width, (Decimal(0), of_batch), "batch", f"{day.day}, batch: {dollars(day.batch)}")


def _bar(left: float, width: float, part: tuple[Decimal | int, Decimal], lane: str, words: str) -> str:
    """From one part of the height to another, 0 being the base line."""
    low, high = (float(each) * (BOTTOM - TOP) for each in part)
    return (
        f'<rect class="{lane}" x="{left:.1f}" y="{BOTTOM - high:.1f}" width="{width:.1f}" height="{high - low:.1f}">'
        f"{_title(words)}</rect>"
    )


def _money_axis(top: Decimal) -> Iterator[str]:
    for part in (Decimal(1), Decimal("0.5")):
        height = _height(part * top, top) if top else BOTTOM
        yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{height:.1f}" y2="{height:.1f}"/>'
        yield _text(LEFT - 4, height + 4, _short(part * top), "end")
    yield _base()


def _day_axis(days: Sequence[Day]) -> Iterator[str]:
    """The first day, the last one, and some between."""
    every = max(1, -(-len(days) // 6))
    for number, day in enumerate(days):
        if number % every == 0:
            yield _text(_middle(number, len(days)), BOTTOM + 13, day.day[5:])


def _base() -> str:
    return f'<line class="base" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>'


def _binned(times: Durations) -> list[int]:
    counts = [0] * (len(EDGES) + 1)
    for seconds, number in times:
        counts[next((place for place, edge in enumerate(EDGES) if seconds <= edge * 60), len(EDGES))] += number
    return counts


def _range(number: int) -> str:
    if number == len(EDGES):
        return f"over {_edge(EDGES[-1])}"
    return f"up to {_edge(EDGES[number])}"


def _edge(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes / 60:g} h"


def _middle(number: int, whole: int) -> float:
    return LEFT + (RIGHT - LEFT) * (number + 0.5) / whole


def _height(amount: Decimal | int, top: Decimal | int) -> float:
    return BOTTOM - float(Decimal(amount) / top) * (BOTTOM - TOP) if top else BOTTOM


def _short(micro_usd: Decimal) -> str:
    """An axis has little room: `$1.2k`, `$164`, `$0.41`."""
    amount = micro_usd / 1_000_000
    if amount >= 1000:
        return f"${amount / 1000:.1f}k"
    return f"${amount:.0f}" if amount >= 10 else f"${amount:.2f}" if amount >= 1 or not amount else f"${amount:.2g}"


def _text(left: float, height: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{left:.1f}" y="{height:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>"


def _svg(title: str, parts: Iterable[str], *, height: float = HEIGHT) -> str:
    drawn = "\n".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">\n{drawn}\n</svg>'
