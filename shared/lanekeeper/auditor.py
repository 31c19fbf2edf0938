"""The audit: reads everything once, looks at each suspicion a second time, and reports what is still wrong then.

A stack works while it is read, so a row that was read a moment ago may contradict one that is read now. The second look
reads afresh: what was in flight has moved on by then, and what is wrong has not.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lanekeeper import moments
from lanekeeper.audit import GRACE, Gap, Kind, Note, Report, Snapshot, is_expired
from lanekeeper.audit_batches import listing_gaps, recent, row_gaps
from lanekeeper.audit_days import AT_ONCE, Day, Days, days_of
from lanekeeper.audit_places import answer_gap, content_gap, held_gaps, live_ranges, request_gap, segment_gaps
from lanekeeper.audit_reading import Reading
from lanekeeper.dynamo import Item
from lanekeeper.errors import ClaudeError, LanekeeperError
from lanekeeper.models import ClaudeBatch, SegmentState
from lanekeeper.spool import lines_key

KEPT_SECONDS = 120.0  # of a function's time, for the second look
LEAST_SECONDS = 20.0
MOST_INDEXES = 100  # of segments, kept in memory

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError)


class OutOfTimeError(LanekeeperError):
    """The function's time is nearly over."""


@dataclass(slots=True, kw_only=True)
class Auditor:
    """One audit. `listing` gives Claude's batches, newest first; None leaves Claude out."""

    reading: Reading
    listing: Callable[[], Iterable[ClaudeBatch]] | None
    now: datetime
    since: datetime
    seconds_left: Callable[[], float]
    progress: Callable[[str, int], None] = lambda *_: None  # told what is looked at, and how many by now
    _report: Report = field(init=False)
    _snapshot: Snapshot = field(init=False)
    _days: Days = field(init=False)
    _listed: list[ClaudeBatch] | None = field(default=None, init=False)  # until it was read
    _indexes: dict[str, dict[str, int]] = field(default_factory=dict, init=False)
    _suspects: dict[str, dict[Hashable, None]] = field(default_factory=lambda: defaultdict(dict), init=False)
    _keep: float = field(default=KEPT_SECONDS, init=False)

    def __call__(self) -> Report:
        """Never raises for what Claude or the clock do: an audit that was cut off says so, and is not clean."""
        self._report = Report(with_claude=self.listing is not None, since=self.since)
        self._days = Days(reading=self.reading, now=self.now, tell=self._tell)
        try:
            self._first_look()
        except OutOfTimeError:
            self._report.unfinished = "out of time: not everything was looked at"
        except ClaudeError as error:
            self._report.unfinished = f"Claude's listing cannot be read: {error}"
        try:
            self._second_look()
        except OutOfTimeError:
            self._report.unfinished = "out of time: what looked wrong was not looked at again"
        self._report.sums = [self._days.sums[day] for day in sorted(self._days.sums)]
        return self._report

    def _first_look(self) -> None:
        self._snapshot = self.reading.snapshot(since=self.since, now=self.now)
        self._tell("batches", len(self._snapshot.states))
        for segments in self.reading.segment_pages():
            self._suspect("segment", self._segments(segments))
            self._tell("segments", len(segments))
        for day in days_of(self.reading.workloads(), self._snapshot):
            self._suspect("day", ((day, gap) for gap in self._day(day)))
        for rows in self.reading.request_pages(since=self.since):
            self._suspect("request", self._requests(rows))
            self._tell("requests", len(rows))
        if self.listing is not None:
            self._listed = list(recent(self.listing(), now=self.now))
            self._tell("Claude's batches", len(self._listed))
        self._suspect("batch", (("", gap) for gap in self._batches() if isinstance(gap, Gap)))

    def _second_look(self) -> None:
        """What is wrong now, of what looked wrong before."""
        self._keep = LEAST_SECONDS
        if not hasattr(self, "_snapshot"):
            return
        if any(self._suspects.values()):
            self._snapshot = self.reading.snapshot(since=self.since, now=self.now)
            self._indexes.clear()
        found = [
            *(gap for gap in self._batches() if isinstance(gap, Gap) and self._suspects["batch"]),
            *(gap for _, gap in self._segments(self.reading.segments(map(str, self._suspects["segment"])).values())),
            *(gap for _, gap in self._requests(self.reading.requests(map(str, self._suspects["request"])).values())),
            *(gap for day in self._suspects["day"] for gap in self._day(day)),  # type: ignore[arg-type]
        ]
        self._report.gaps = sorted({(gap.kind, gap.id): gap for gap in reversed(found)}.values())
        self._report.notes = [note for note in self._batches() if isinstance(note, Note)]

    def _suspect(self, subject: str, found: Iterable[tuple[Hashable, Gap]]) -> None:
        self._suspects[subject].update((name, None) for name, _ in found)

    def _tell(self, what: str, number: int) -> None:
        """Counts, and raises OutOfTimeError where this was the last that there was time for."""
        if self._keep == KEPT_SECONDS:  # what is looked at a second time is counted once
            self._report.looked_at[what] += number
            self.progress(what, self._report.looked_at[what])
        if self.seconds_left() < self._keep:
            raise OutOfTimeError

    # batches

    def _batches(self) -> Iterator[Gap | Note]:
        yield from self._snapshot.unreadable
        yield from row_gaps(self._snapshot, now=self.now)
        if self._listed is not None:
            yield from listing_gaps(self._snapshot, self._listed, now=self.now)

    # money

    def _day(self, day: Day) -> Iterator[Gap]:
        try:
            yield from self._days.gaps(day, self._snapshot)
        except _UNREADABLE as error:
            yield Gap(Kind.UNREADABLE, "#".join(day), f"a ledger row: {type(error).__name__}")

    # segments

    def _segments(self, segments: Iterable[Item]) -> Iterator[tuple[str, Gap]]:
        for segment in segments:
            name = str(segment["item_id"]).removeprefix("segment#")
            try:
                yield from ((name, gap) for gap in self._segment(name, segment))
            except _UNREADABLE as error:
                yield name, Gap(Kind.UNREADABLE, f"segment#{name}", type(error).__name__)

    def _segment(self, name: str, segment: Item) -> Iterator[Gap]:
        if segment["state"] == SegmentState.ABANDONED or is_expired(segment, self.now):
            return
        if self._is_young(segment["created_at"]):
            return
        yield from segment_gaps(segment, self._snapshot, lambda: self._has_unanswered(name))
        if ranges := live_ranges(segment, self._snapshot):
            entries = self.reading.entries(name)
            if gap := content_gap(segment, entries, self.reading.size(lines_key(name))):
                yield gap
                return
            held = [entry for first, last in ranges for entry in entries[first:last]]
            yield from held_gaps(name, held, self.reading.requests(entry.key for entry in held), self._snapshot)

    def _has_unanswered(self, segment: str) -> bool:
        rows = self.reading.requests(entry.key for entry in self.reading.entries(segment))
        return any("outcome" not in row and row.get("segment") == segment for row in rows.values())

    # requests

    def _requests(self, rows: Iterable[Item]) -> Iterator[tuple[str, Gap]]:
        current = [row for row in rows if not is_expired(row, self.now)]
        answered = [row for row in current if "outcome" in row and "forgotten_at" not in row]
        yield from self._answers([row for row in answered if not self._days.holds(row)])
        waiting = [row for row in current if "outcome" not in row]
        segments = self.reading.segments(row["segment"] for row in waiting if "segment" in row)
        queues_empty = self.reading.queues_are_empty() if waiting else False
        for row in waiting:
            key = str(row["request_key"])
            try:
                gap = self._request(row, segments, queues_empty=queues_empty)
            except _UNREADABLE as error:
                gap = Gap(Kind.UNREADABLE, key, type(error).__name__)
            if gap is not None:
                yield key, gap

    def _request(self, row: Item, segments: dict[str, Item], *, queues_empty: bool) -> Gap | None:
        home = row.get("segment")
        return request_gap(
            row,
            segments.get(str(home)),
            self._snapshot,
            lambda: self._sequences(str(home)),
            queues_empty=queues_empty,
            now=self.now,
        )

    def _answers(self, rows: Sequence[Item]) -> Iterator[tuple[str, Gap]]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for row, line in zip(rows, pool.map(self.reading.line, rows), strict=True):
                if (gap := answer_gap(row, line)) is not None:
                    yield str(row["request_key"]), gap

    def _sequences(self, segment: str) -> dict[str, int]:
        if segment not in self._indexes:
            if len(self._indexes) >= MOST_INDEXES:
                self._indexes.clear()
            entries = self.reading.entries(segment)
            self._indexes[segment] = {entry.key: place for place, entry in enumerate(entries)}
        return self._indexes[segment]

    def _is_young(self, moment: Any) -> bool:
        return self.now - moments.from_text(moment) < GRACE
