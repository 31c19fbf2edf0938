"""Progress that a person can watch: bars on a terminal, now and then a line where there is none."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lanekeeper.models import Lane
from local.demo.check import is_settled
from local.demo.evidence import Row
from local.demo.traffic import Sent

QUIET_SECONDS = 5.0  # between two lines that nobody watches live
BARS = ("sent", "recorded", "real time", "batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far the requests are."""

    open: int  # messages without an end, those to be sent included
    sent: int
    recorded: int
    rejected: int
    realtime: tuple[int, int]  # answered, of how many
    batch: tuple[int, int]
    batches: Mapping[str, int]  # by state

    @property
    def is_over(self) -> bool:
        """Every message has its end, and every batch all of its effects: the ledger is complete."""
        return not self.open and not set(self.batches) - {"COLLECTED", "SPLIT", "REFUSED"}

    @property
    def note(self) -> str:
        states = ", ".join(f"{number} {state.lower()}" for state, number in sorted(self.batches.items()))
        return states or "none yet"


def status_of(
    messages: int,
    sent: Sequence[Sent],
    requests: Mapping[str, Row],
    batches: Sequence[Row],
    rejected: Mapping[str, str],
) -> Status:
    states: dict[str, int] = {}
    for batch in batches:
        states[batch["state"]] = states.get(batch["state"], 0) + 1
    return Status(
        open=messages - sum(is_settled(one, requests, rejected) for one in sent),
        sent=len(sent),
        recorded=len(requests),
        rejected=len(rejected),
        realtime=_answered(requests, Lane.REALTIME),
        batch=_answered(requests, Lane.BATCH),
        batches=states,
    )


class Steps:
    """Says what is being done, with the seconds since the start in front."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._start = clock()

    @property
    def seconds(self) -> float:
        return self._clock() - self._start

    def __call__(self, step: str) -> None:
        moment = f"{self.seconds:6.1f} s"
        if not self._console.is_terminal:  # a log's lines are not broken
            self._console.print(f"{moment}  {step}", highlight=False, markup=False, soft_wrap=True)
            return
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_row(Text(moment, style="dim"), Text(step))
        self._console.print(line)


class Watch:
    """Shows a status again and again; a context manager around the waiting."""

    def __init__(self, console: Console, say: Callable[[str], None], messages: int) -> None:
        self._console, self._say, self._messages = console, say, messages
        self._bars = Progress(
            TextColumn("          {task.description:<10}"),
            BarColumn(bar_width=26),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._said_at = -QUIET_SECONDS
        self._said = ""

    def __enter__(self) -> "Watch":
        self._bars.start()
        for name in BARS:
            total = self._messages if name in {"sent", "recorded"} else None
            self._tasks[name] = self._bars.add_task(name, total=total, note="", start=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, status: Status) -> None:
        self._bars.update(self._tasks["sent"], completed=status.sent)
        rejected = f"{status.rejected} rejected" if status.rejected else ""
        self._bars.update(self._tasks["recorded"], completed=status.recorded + status.rejected, note=rejected)
        for name, (answered, of), note in (
            ("real time", status.realtime, ""),
            ("batch", status.batch, status.note),
        ):
            self._bars.update(self._tasks[name], completed=answered, total=of or None, note=note)
        if not self._console.is_terminal:
            self._say_line(status)

    def _say_line(self, status: Status) -> None:
        line = (
            f"{status.sent} sent, {status.recorded} recorded, {status.rejected} rejected; "
            f"answered: real time {_of(status.realtime)}, batch {_of(status.batch)}; batches: {status.note}"
        )
        now = time.monotonic()
        if line != self._said and (now - self._said_at >= QUIET_SECONDS or not status.open):
            self._say(line)
            self._said, self._said_at = line, now


def _answered(requests: Mapping[str, Row], lane: Lane) -> tuple[int, int]:
    rows = [row for row in requests.values() if row["lane"] == lane]
    return sum("outcome" in row for row in rows), len(rows)


def _of(counts: tuple[int, int]) -> str:
    return f"{counts[0]} of {counts[1]}"
