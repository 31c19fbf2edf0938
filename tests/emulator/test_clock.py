"""Emulated time."""

import asyncio
from datetime import UTC, datetime, timedelta

from local.emulator.clock import Clock, ManualClock

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_emulated_time_runs_as_many_times_faster_as_asked() -> None:
    wall = iter([100.0, 102.5])
    clock = Clock(speed=60, start=START, wall=lambda: next(wall))
    assert clock.now() == START + timedelta(seconds=150)


def test_a_running_clock_can_jump_ahead() -> None:
    clock = Clock(speed=60, start=START, wall=lambda: 0.0)
    clock.advance(3600)
    assert clock.now() == START + timedelta(hours=1)


def test_a_manual_clock_moves_only_when_told_and_lets_nobody_wait() -> None:
    clock = ManualClock(START)
    asyncio.run(clock.sleep(86_400))
    assert clock.now() == START
    clock.advance(90)
    assert clock.now() == START + timedelta(seconds=90)
