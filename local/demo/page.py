"""The demo's last deed: the report of what it did, as its operator would get it by `lanekeeper report --html`."""

from datetime import UTC, datetime
from pathlib import Path

from cli.report_html import page
from cli.report_run import folded
from lanekeeper.pricing import standard_prices
from lanekeeper.registry import deployed_registry
from lanekeeper.report import Period
from lanekeeper.report_fold import Fold
from lanekeeper.report_reading import reading_of
from lanekeeper.report_rows import search_price
from local.demo.audit import LATER
from local.stack import FOLDER, Stack, place, session

PAGE = FOLDER / "report.html"


def write_page(stack: Stack) -> Path:
    """As it would be half a day later: nothing is under way then, and Claude's fast clock is overtaken."""
    now = datetime.now(UTC) + LATER
    period = Period(datetime.now(UTC).date(), now.date())
    reading = reading_of(session(), stack.outputs.__getitem__, **place(stack.ministack))
    fold = Fold(period, now=now, search_price=search_price(standard_prices()))
    PAGE.write_text(page(folded(reading, fold, deployed_registry(), only=set())), encoding="utf-8")
    return PAGE
