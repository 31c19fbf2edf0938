"""Emulated time, so that a batch of forty minutes takes seconds, or no time at all."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

TEST_START = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Clock:
    """Emulated time runs `speed` times as fast as the wall's: start + (wall - start) x speed.

    `wall` counts seconds; it must never run backwards.
    """

    def __init__(
        self, speed: float = 1.0, start: datetime | None = None, wall: Callable[[], float] = time.monotonic
    ) -> None:
        self.speed = speed
        self._start = start or datetime.now(UTC)
        self._wall = wall
        self._wall_start = wall()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(self._wall() - self._wall_start) * self.speed)

    def advance(self, seconds: float) -> None:
        """Jump ahead by so many emulated seconds."""
        self._start += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Let so many emulated seconds pass."""
        await asyncio.sleep(seconds / self.speed)


class ManualClock(Clock):
    """Stands still until a test advances it; whoever sleeps on it wakes at once."""

    def __init__(self, start: datetime = TEST_START) -> None:
        super().__init__(speed=0, start=start)

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - time is the test's to move
        await asyncio.sleep(0)
