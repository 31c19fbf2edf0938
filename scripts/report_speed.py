"""How long a month with a million ledger rows takes to report, and how much memory: `python -m scripts.report_speed`.

The rows are made up in the form in which DynamoDB sends them, in pages of the size that it sends.
"""

import json
import platform
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import click

from lanekeeper.pricing import standard_prices
from lanekeeper.report import Period
from lanekeeper.report_fold import Fold
from lanekeeper.report_rows import booked_of, search_price

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PERIOD = Period(date(2026, 11, 1), date(2026, 11, 30))
WORKLOADS = ("live-chat", "content-pipeline", "code-review")
PAGE = 2_000  # rows in a page of DynamoDB's 1 MB


def main(rows: int) -> None:
    fold = Fold(PERIOD, now=NOW, search_price=search_price(standard_prices()))
    reading = folding = 0.0
    for workload, day, body in _pages(rows):
        began = time.perf_counter()
        booked = [booked_of(workload, day, item) for item in json.loads(body)["Items"]]
        read = time.perf_counter()
        fold.add_booked(booked)
        folding += time.perf_counter() - read
        reading += read - began
    total = fold.report({}).total
    folded = sum(spend.rows for spend in total.spends.values())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    click.echo(f"{folded:,} rows: {folding:.1f} s to fold, {reading:.1f} s to parse; {most} MB at most")
    click.echo(f"Python {platform.python_version()}, {platform.machine()}")


def _pages(rows: int) -> Iterator[tuple[str, str, bytes]]:
    days = PERIOD.days()
    for number in range(rows // PAGE):
        items = [_item(row) for row in range(number * PAGE, (number + 1) * PAGE)]
        yield WORKLOADS[number % len(WORKLOADS)], days[number * len(days) * PAGE // rows], _body(items)


def _item(row: int) -> dict[str, Any]:
    cost = 20_000 + row * 37 % 9_001
    lane = "batch" if row % 50 == 0 else "realtime"
    return {
        "lane": {"S": lane},
        "model": {"S": "claude-sonnet-4-6"},
        "kind": {"S": "answer"},
        "requests": {"N": "1"},
        "tokens": {"M": {"web_search": {"N": "0"}}},
        "cost_micro_usd": {"N": f"{cost / 2 if lane == 'batch' else cost}"},
        "standard_micro_usd": {"N": f"{cost}"},
        "seconds": {"N": f"{700 + row * 97 % 60_000}e-3"},
        "recorded_at": {"S": "2026-11-01T00:00:00.000Z"},
    }


def _body(items: list[dict[str, Any]]) -> bytes:
    return json.dumps({"Items": items, "Count": len(items), "ScannedCount": len(items)}).encode()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
