"""The one place where the time is read; everything else is told it."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
