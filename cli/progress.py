"""Progress on stderr: a bar with rate and remaining time on a terminal, now and then a line where there is none."""

import time
from collections.abc import Callable
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

QUIET_SECONDS = 5.0  # between two lines that nobody watches live


class Counter:
    """Counts towards a total that is known; a context manager around the work."""

    def __init__(
        self,
        deed: str,
        total: int,
        *,
        done: int = 0,
        forecast: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deed, self._total, self._done, self._begun_with = deed, total, done, done
        self._clock, self._forecast = clock, forecast
        self._began = self._said_at = clock()
        console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=26),
            _Sentence(self),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._is_live = console.is_terminal

    def __enter__(self) -> "Counter":
        self._bar.start()
        self._task = self._bar.add_task(self._deed, total=self._total, completed=self._done)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, number: int) -> None:
        self._done += number
        self._bar.update(self._task, completed=self._done)
        if not self._is_live and self._clock() - self._said_at >= QUIET_SECONDS:
            click.echo(f"{self._deed}: {self.sentence()}", err=True)
            self._said_at = self._clock()

    def sentence(self) -> str:
        """`4,000 of 10,000, 350 a second, 17 s left`"""
        counts = f"{self._done:,} of {self._total:,}"
        seconds, done = self._clock() - self._began, self._done - self._begun_with
        if not done or seconds <= 0:
            return counts
        rate = done / seconds
        left = f", {_duration((self._total - self._done) / rate)} left" if self._forecast else ""
        return f"{counts}, {_rate(rate)}{left}"


class Looking:
    """Says how much was looked at, where nobody knows how much there is; a context manager around the work."""

    def __init__(self, deed: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._deed, self._clock, self._said_at = deed, clock, clock()
        self._seen: dict[str, int] = {}
        console = Console(stderr=True, highlight=False)
        self._is_live = console.is_terminal
        self._status = console.status(deed)

    def __enter__(self) -> "Looking":
        if self._is_live:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_live:
            self._status.stop()

    def at(self, what: str, number: int) -> None:
        """So many of these by now."""
        self._seen[what] = number
        if self._is_live:
            self._status.update(self.sentence())
        elif self._clock() - self._said_at >= QUIET_SECONDS:
            click.echo(self.sentence(), err=True)
            self._said_at = self._clock()

    def sentence(self) -> str:
        """`audit: 12 batches, 4,000 requests`"""
        return f"{self._deed}: " + ", ".join(f"{number:,} {what}" for what, number in self._seen.items())


class _Sentence(ProgressColumn):
    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self._counter = counter

    def render(self, _task: Task) -> Text:
        return Text(self._counter.sentence())


def _rate(each_second: float) -> str:
    return f"{each_second:,.0f} a second" if each_second >= 1 else f"{each_second * 60:.1f} a minute"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
