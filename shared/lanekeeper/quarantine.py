"""Downloads that are not a batch's own rows: what is odd about them, and what is to be done. Decisions on data only."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from lanekeeper import moments
from lanekeeper.errors import (
    ClaudeError,
    ClaudeRefusedError,
    ForeignResultsError,
    IncompleteResultsError,
    LanekeeperError,
)
from lanekeeper.models import Batch, ClaudeBatch
from lanekeeper.refusals import HOLD_FOR_A_PERSON, Call, Remedy, remedy
from lanekeeper.results import Checklist, Row, read_row

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)  # doubling; an hour while in quarantine, too
LASTING_DOWNLOADS, LASTING = 3, timedelta(minutes=30)  # a download that was cut cleanly looks as whole as any
NOT_FOUND_PATIENCE = timedelta(hours=24)  # a 404 sooner than that never says that results are gone, even to a person
RESULTS_KEPT = timedelta(days=30)  # Claude keeps them for 29 days from a batch's creation; a day for our clocks
KEPT_BYTES = 32_000_000  # of odd lines, at most: they stand in memory until the download is over

_TYPES = {"succeeded", "errored", "canceled", "expired"}
_GONE = {400, 404, 410}


class Odd(StrEnum):
    """What can be wrong with a download that ended as it should."""

    MISSING = "missing"  # a request without any row
    DOUBLED = "doubled"  # a further row of a request
    UNKNOWN = "unknown"  # a row of a type that we do not know
    ALIEN = "alien"  # a row that the batch did not ask for
    GARBLED = "garbled"  # a line that cannot be read, or an answer without its message or usage
    MISCOUNTED = "miscounted"  # nothing of these, and yet Claude counts the rows otherwise


class Seen(NamedTuple):
    """One line: the row, where it is one of the batch's requests, and what is odd about it."""

    row: Row | None
    odd: Odd | None


@dataclass(slots=True)
class Inspection:
    """Looks at every line of one download."""

    batch: Batch
    odd: Counter[Odd] = field(default_factory=Counter)
    lines: list[bytes] = field(default_factory=list)  # the odd ones, as they came
    usable: int = 0  # requests with a row that can be used
    _checklist: Checklist = field(init=False)
    _requests_seen: int = 0
    _bytes: int = 0

    def __post_init__(self) -> None:
        self._checklist = Checklist(self.batch.members)

    def look(self, line: bytes) -> Seen:
        seen = self._read(line)
        if seen.odd is not None:
            self.odd[seen.odd] += 1
            self._keep(line)
        else:
            self.usable += 1
        return seen

    def finish(self) -> None:
        """Counts the requests that no line was about."""
        if missing := self.batch.count - self._requests_seen:
            self.odd[Odd.MISSING] = missing

    @property
    def is_foreign(self) -> bool:
        """Whether it is another's batch: as many rows as ours has requests, and not one of them ours."""
        return self.odd[Odd.ALIEN] == self.odd[Odd.MISSING] == self.batch.count

    def _read(self, line: bytes) -> Seen:
        try:
            row = read_row(line)
        except IncompleteResultsError:
            return Seen(None, Odd.GARBLED)
        except ForeignResultsError:
            return Seen(None, Odd.ALIEN)
        try:
            self._checklist.tick(row)
        except ForeignResultsError:
            return Seen(None, Odd.ALIEN)
        except IncompleteResultsError:
            return Seen(row, Odd.DOUBLED)
        self._requests_seen += 1
        return Seen(row, _oddity(row.result))

    def _keep(self, line: bytes) -> None:
        self._bytes += len(line)
        if self._bytes <= KEPT_BYTES:
            self.lines.append(line)


class OddResultsError(LanekeeperError):
    """A download arrived, and its rows are not the batch's own set."""

    def __init__(self, inspection: Inspection) -> None:
        super().__init__(", ".join(f"{number} {kind.value}" for kind, number in sorted(inspection.odd.items())))
        self.inspection = inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a batch's row says of the collections before."""

    postponed: int
    troubled_since: datetime | None  # the first time that it was postponed
    odd_downloads: int
    odd_since: datetime | None
    quarantine: Mapping[str, Any] | None  # as `quarantine_fields` has it
    released: bool  # a person takes what there is
    adopted: bool  # found in Claude's listing: it may be another's


def history_of(item: Mapping[str, Any]) -> History:
    return History(
        postponed=int(item.get("postponed", 0)),
        troubled_since=_moment(item.get("troubled_since")),
        odd_downloads=int(item.get("odd_downloads", 0)),
        odd_since=_moment(item.get("odd_since")),
        quarantine=item.get("quarantine"),
        released=bool(item.get("release")),
        adopted=bool(item.get("adopted")),
    )


class Move(StrEnum):
    """What to do with a download."""

    COMMIT = "commit"  # it is whole
    AGAIN = "again"  # it may have been cut: download it again
    QUARANTINE = "quarantine"  # it lasts: a person is called, and it is downloaded again
    SALVAGE = "salvage"  # take what can be used, give up the rest
    DISOWN = "disown"  # the batch is not ours: settle our send anew


def judge_download(inspection: Inspection, history: History, *, last_word: bool, now: datetime) -> Move:
    """`last_word` says that a person has released the batch, or its time is up.

    Even so, a download that is worse than the one in quarantine may just have been cut.
    """
    odd = {kind: number for kind, number in inspection.odd.items() if number}
    if not odd:
        return Move.COMMIT
    if history.adopted and inspection.is_foreign:
        return Move.DISOWN
    if history.quarantine is not None:
        last_word = last_word and not _is_worse(inspection, history.quarantine)
        return Move.SALVAGE if last_word else Move.QUARANTINE
    lasts = now - (history.odd_since or now) >= LASTING and history.odd_downloads + 1 >= LASTING_DOWNLOADS
    return Move.QUARANTINE if lasts else Move.AGAIN


def _is_worse(inspection: Inspection, known: Mapping[str, Any]) -> bool:
    """Whether the download before had more: a row that can be used, or a second one that contradicts it."""
    doubled = int(known.get(Odd.DOUBLED.value, 0))
    return inspection.usable < int(known["usable"]) or inspection.odd[Odd.DOUBLED] < doubled


def quarantine_fields(inspection: Inspection) -> dict[str, int]:
    """What a batch's row says of its last download, beside `object` (the odd lines' key) and `since`."""
    return {**{kind.value: number for kind, number in inspection.odd.items() if number}, "usable": inspection.usable}


def odd_numbers(quarantine: Mapping[str, Any]) -> dict[str, int]:
    """Number of odd rows by kind, out of a batch's row."""
    return {kind.value: int(quarantine[kind.value]) for kind in Odd if kind.value in quarantine}


def oldest_uncollected(batches: Iterable[Batch], now: datetime) -> timedelta:
    """For how long Claude has had the oldest of these batches: its results stay there for 29 days."""
    ages = [now - moments.from_text(batch.created_at) for batch in batches if batch.created_at is not None]
    return max([timedelta(0), *ages])


def ended_unseen(batch: Batch) -> ClaudeBatch:
    """A batch that Claude had, and whose end we never saw: 24 hours after its creation, when it had expired at last."""
    created_at = str(batch.created_at)
    ended_at = moments.to_text(moments.from_text(created_at) + timedelta(hours=24))
    return ClaudeBatch(
        id=str(batch.claude_id), ended=True, created_at=created_at, ended_at=ended_at, results_path=None, counts={}
    )


def is_over(batch: Batch, now: datetime) -> bool:
    """Whether Claude has certainly deleted the results."""
    return batch.created_at is not None and now - moments.from_text(batch.created_at) >= RESULTS_KEPT


def are_gone(error: ClaudeRefusedError, history: History, batch: Batch, now: datetime) -> bool:
    """Whether a refusal means that there is nothing to download any more."""
    if error.status in _GONE and is_over(batch, now):
        return True
    trouble = now - (history.troubled_since or now)
    return error.status == 404 and history.released and trouble >= NOT_FOUND_PATIENCE


def can_be_released(history: History, now: datetime) -> bool:
    """Whether a person may decide: the trouble has lasted."""
    trouble = now - (history.troubled_since or now)
    return history.quarantine is not None or trouble >= NOT_FOUND_PATIENCE


def wait_after(error: Exception, history: History) -> timedelta:
    """How long to leave a batch alone. What only a person can end is told often, or its alarm would fall silent."""
    person = isinstance(error, ClaudeError) and remedy(error, Call.RESULTS) is Remedy.PERSON
    most = HOLD_FOR_A_PERSON if person else LONGEST_WAIT
    return min(FIRST_WAIT * (1 << min(history.postponed, 10)), most)


def _oddity(result: Any) -> Odd | None:
    """What keeps us from using a row."""
    kind = result.get("type") if isinstance(result, Mapping) else None
    if not isinstance(kind, str):
        return Odd.GARBLED
    if kind not in _TYPES:
        return Odd.UNKNOWN
    return Odd.GARBLED if kind == "succeeded" and not _is_answer(result.get("message")) else None


def _is_answer(message: Any) -> bool:
    return (
        isinstance(message, Mapping)
        and isinstance(message.get("usage"), Mapping)
        and isinstance(message.get("model"), str)
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moments.from_text(text)
