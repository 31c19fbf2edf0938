"""A month of ledger rows and ended requests, made up by arithmetic alone, so that every report of it is the same."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from lanekeeper.models import Lane
from lanekeeper.policy import registry_of
from lanekeeper.pricing import standard_prices
from lanekeeper.report import Period, Report
from lanekeeper.report_fold import Fold
from lanekeeper.report_rows import Booked, Ended, search_price

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PERIOD = Period(date(2026, 11, 1), date(2026, 11, 25))
REGISTRY = registry_of(
    {
        "live-chat": {"max_latency": "5m"},
        "content-pipeline": {"max_latency": "24h"},
        "code-review": {"max_latency": "2h"},
        "always": {"max_latency": "5m", "batch": "always"},
        "secret": {"batch": "never"},
    }
)
MODEL = "claude-sonnet-4-6"
EARLY = "2026-11-01T00:00:00.000Z"


def booked(**fields: object) -> Booked:
    """One answer in a batch at half of two dollars, unless it is said otherwise."""
    standard: dict[str, object] = {
        "workload": "content-pipeline",
        "day": "2026-11-24",
        "lane": Lane.BATCH,
        "model": MODEL,
        "kind": "answer",
        "requests": 1,
        "web_searches": 0,
        "cost": Decimal(1_000_000),
        "standard": Decimal(2_000_000),
        "seconds": Decimal(600),
        "recorded_at": EARLY,
    }
    return Booked(**standard | fields)  # type: ignore[arg-type]


def ended(**fields: object) -> Ended:
    """The request that goes with it."""
    standard: dict[str, object] = {
        "workload": "content-pipeline",
        "day": "2026-11-24",
        "lane": Lane.BATCH,
        "cost": Decimal(1_000_000),
        "failure": None,
        "is_late": False,
        "is_told": False,
        "is_rescue": False,
        "rounds": 0,
        "attempts": 0,
    }
    return Ended(**standard | fields)  # type: ignore[arg-type]


def realtime(**fields: object) -> Booked:
    """One answer in real time for two dollars, or for what it is said to cost."""
    costs = fields.setdefault("cost", Decimal(2_000_000))
    return booked(**{"lane": Lane.REALTIME, "standard": costs, "seconds": Decimal("1.5")} | fields)


def report_of(
    rows: list[Booked], ends: list[Ended] | None = None, *, now: datetime = NOW, period: Period = PERIOD
) -> Report:
    fold = Fold(period, now=now, search_price=search_price(standard_prices()))
    fold.add_ended(ends or [])
    fold.add_booked(rows)
    return fold.report(REGISTRY)


def month() -> Report:
    """Three workloads with the README's volumes, and everything that can go wrong once."""
    fold = Fold(PERIOD, now=NOW, search_price=search_price(standard_prices()))
    for number, day in enumerate(PERIOD.days()):
        fold.add_booked(_a_day(number, day))
        fold.add_ended(_its_ends(number, day))
    fold.add_booked(_troubles())
    fold.add_ended(_their_ends())
    return fold.report(REGISTRY)


def _a_day(number: int, day: str) -> Iterator[Booked]:
    for batch in range(10):
        cost = Decimal(50 * 30_000 * (80 + 4 * ((number + batch) % 10))) / 100
        seconds = Decimal(480 + 97 * ((number * 7 + batch * 13) % 29) ** 2 // 9)
        yield booked(day=day, requests=50, cost=cost, standard=2 * cost, seconds=seconds)
    for _ in range(4):
        cost = Decimal(25 * 67_500)
        yield booked(
            workload="code-review",
            day=day,
            requests=25,
            cost=cost,
            standard=2 * cost,
            seconds=Decimal(900 + 60 * number),
        )
    for call in range(60):
        cost = Decimal(24_000 * (90 + (number * call) % 21)) / 100 * 100
        seconds = Decimal(700 + (call * call * 37 + number) % 4000) / 1000
        yield realtime(workload="live-chat", day=day, requests=100, cost=cost, seconds=seconds)
    yield realtime(day=day, requests=5, cost=Decimal(300_000))


def _its_ends(number: int, day: str) -> Iterator[Ended]:
    for row in _a_day(number, day):
        assert row.cost is not None
        for _ in range(row.requests):
            yield ended(workload=row.workload, day=day, lane=row.lane, cost=row.cost / row.requests)


def _troubles() -> Iterator[Booked]:
    rescue = realtime(workload="code-review", kind="rescue", cost=Decimal(135_000))
    yield from (rescue, rescue)
    yield booked(workload="code-review", cost=Decimal(67_500), standard=Decimal(135_000), seconds=Decimal(9_000))
    yield realtime(workload="live-chat", kind="possible_duplicate", cost=None)
    yield realtime(workload="live-chat", model="claude-new", cost=None, requests=3)
    yield booked(kind="lost", day="2026-11-20", cost=None, standard=None, requests=2, seconds=None)


def _their_ends() -> Iterator[Ended]:
    rescued = ended(
        workload="code-review", lane=Lane.REALTIME, cost=Decimal(135_000), is_rescue=True, is_late=True, is_told=True
    )
    yield from (rescued, rescued._replace(is_late=False))
    yield ended(cost=None, failure="result-lost", day="2026-11-20", is_late=True)
    yield ended(cost=None, failure="result-lost", day="2026-11-20", rounds=1)
    yield ended(lane=Lane.REALTIME, cost=Decimal(0), failure="invalid_request_error", attempts=2)


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
