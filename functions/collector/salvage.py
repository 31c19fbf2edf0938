"""The last word on a batch whose results never came whole: the good rows are taken, the rest is given up as lost.

The download is kept first, so that what is judged and what is taken are the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from lanekeeper import moments
from lanekeeper.claude import Claude
from lanekeeper.dynamo import Item
from lanekeeper.errors import ClaudeRefusedError
from lanekeeper.models import Batch
from lanekeeper.pricing import PriceList
from lanekeeper.quarantine import History, Inspection, Move, OddResultsError, are_gone, judge_download
from lanekeeper.results import batch_result_line, lost_row
from lanekeeper.spool import Spool, Stored

from .tally import Tally

RENEW_EVERY = 500  # rows

Place = tuple[str, int]  # segment and sequence number of a request


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """Makes a whole set of rows out of a download that is none."""

    spool: Spool
    claude: Claude
    prices: PriceList

    def __call__(
        self, batch: Batch, history: History, *, attempt: str, renew: Callable[[], None], now: datetime
    ) -> Item:
        """What STORED has to say. Raises OddResultsError where this download cannot be the last word."""
        download = self._download(batch, history, attempt, renew, now)
        good: set[Place] = set()
        if download is not None:
            inspection = Inspection(batch)
            good = _good_places(inspection, _renewing(self._lines(download), renew))
            if judge_download(inspection, history, last_word=True, now=now) not in (Move.COMMIT, Move.SALVAGE):
                raise OddResultsError(inspection)
        tally = Tally(self.prices, moments.from_text(str(batch.ended_at)))
        answers = _renewing(self._answers(batch, download, good, tally), renew)
        stored = self.spool.upload(f"incoming/{batch.id}/{attempt}.jsonl", answers)
        return tally.fields(stored)

    def _download(
        self, batch: Batch, history: History, attempt: str, renew: Callable[[], None], now: datetime
    ) -> Stored | None:
        """The rows as Claude sends them, in our bucket; None where Claude has none any more."""
        try:
            ended = self.claude.retrieve(str(batch.claude_id))
            with self.claude.results(ended) as lines:
                whole = _renewing(_with_newlines(lines), renew)
                return self.spool.upload(f"quarantine/{batch.id}/{attempt}.whole.jsonl", whole)
        except ClaudeRefusedError as error:
            if not are_gone(error, history, batch, now):
                raise
            return None

    def _lines(self, download: Stored | None) -> Iterator[bytes]:
        if download is not None:
            lines = self.spool.lines(download.key, version=download.version)
            yield from filter(None, (line.removesuffix(b"\n") for line in lines))

    def _answers(self, batch: Batch, download: Stored | None, good: set[Place], tally: Tally) -> Iterator[bytes]:
        """A line for every request of the batch."""
        entries = {member.segment: self.spool.entries(member.segment) for member in batch.members}
        inspection, ended_at = Inspection(batch), str(batch.ended_at)
        for line in self._lines(download):
            row, odd = inspection.look(line)
            if row is not None and odd is None and (row.segment, row.sequence) in good:
                tally.add(row)
                entry = entries[row.segment][row.sequence]
                yield batch_result_line(line, entry, batch=batch.id, ended_at=ended_at)
        for segment, sequence in _places(batch):
            if (segment, sequence) not in good:
                entry = entries[segment][sequence]
                tally.lose(entry)
                yield batch_result_line(lost_row(segment, sequence), entry, batch=batch.id, ended_at=ended_at)


def _good_places(inspection: Inspection, lines: Iterable[bytes]) -> set[Place]:
    """The requests with a row that can be used, and no second one that says something else."""
    first: dict[Place, bytes] = {}
    good: set[Place] = set()
    for line in lines:
        row, odd = inspection.look(line)
        if row is None:
            continue
        place, digest = (row.segment, row.sequence), sha256(line).digest()
        if odd is None:
            good.add(place)
        if first.setdefault(place, digest) != digest:
            good.discard(place)
    inspection.finish()
    return good


def _places(batch: Batch) -> Iterator[Place]:
    for member in batch.members:
        yield from ((member.segment, sequence) for sequence in range(member.first, member.last))


def _renewing(lines: Iterable[bytes], renew: Callable[[], None]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if number % RENEW_EVERY == 0:
            renew()
        yield line


def _with_newlines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """One more at the end: S3 takes no upload without a byte."""
    yield from (line + b"\n" for line in lines)
    yield b"\n"
