"""Phase 1: Claude's results into our bucket, each row checked on its way, committed only when the set is whole."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.claude import Claude
from lanekeeper.errors import IncompleteResultsError
from lanekeeper.identity import ulid
from lanekeeper.models import Batch, BatchState, ClaudeBatch, Entry
from lanekeeper.pricing import PriceList
from lanekeeper.results import Bill, Checklist, Row, batch_result_line, bill_of, read_row
from lanekeeper.spool import Spool

RENEW_EVERY = 500  # rows

TERMINAL_COUNTS = ("succeeded", "errored", "canceled", "expired")


@dataclass(slots=True)
class Tally:
    """What one download held: rows by type, and each model's bill."""

    types: Counter[str]
    bills: dict[str, Bill]

    def add(self, row: Row, prices: PriceList, ended_at: datetime) -> None:
        kind = str(row.result["type"])
        self.types[kind] += 1
        if kind == "succeeded":
            message = row.result["message"]
            usage, cost = bill_of(message, prices, batch=True, at=ended_at)
            self.bills.setdefault(str(message["model"]), Bill()).add(usage, cost)

    def compare(self, counts: Mapping[str, int]) -> None:
        """Raises IncompleteResultsError where Claude counted otherwise."""
        theirs = {kind: counts.get(kind, 0) for kind in TERMINAL_COUNTS if counts.get(kind, 0)}
        if dict(self.types) != theirs:
            raise IncompleteResultsError("the rows do not add up to Claude's request_counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Streams one batch's results to a key of this attempt's own, so that two collectors never write to the same."""

    batches: BatchesTable
    spool: Spool
    claude: Claude
    prices: PriceList
    entropy: Callable[[int], bytes]

    def __call__(self, batch: Batch, *, renew: Callable[[], None], now: datetime) -> None:
        """ENDED to STORED. Raises IncompleteResultsError and leaves no object where the set is not whole."""
        ended = self.claude.retrieve(str(batch.claude_id))
        tally = Tally(Counter(), {})
        attempt = ulid(now, self.entropy(10))
        with self.claude.results(ended) as lines:
            checked = self._checked(batch, ended, lines, tally, renew)
            stored = self.spool.upload(f"incoming/{batch.id}/{attempt}.jsonl", checked)
        self.batches.move(
            batch,
            BatchState.STORED,
            {
                "stored": asdict(stored),
                "tally": dict(tally.types),
                "bills": {model: asdict(bill) for model, bill in tally.bills.items()},
            },
        )

    def _checked(
        self, batch: Batch, ended: ClaudeBatch, lines: Iterator[bytes], tally: Tally, renew: Callable[[], None]
    ) -> Iterator[bytes]:
        """The lines as consumers read them; raises before the upload is completed where anything is amiss."""
        checklist = Checklist(batch.members)
        entries = {member.segment: self.spool.entries(member.segment) for member in batch.members}
        ended_at = str(batch.ended_at)
        for number, line in enumerate(filter(None, lines)):
            if number % RENEW_EVERY == 0:
                renew()
            row = read_row(line)
            checklist.tick(row)
            _add(tally, row, self.prices, moments.from_text(ended_at))
            yield batch_result_line(line, _entry(entries, row), batch=batch.id, ended_at=ended_at)
        checklist.finish()
        tally.compare(ended.counts)


def _add(tally: Tally, row: Row, prices: PriceList, ended_at: datetime) -> None:
    try:
        tally.add(row, prices, ended_at)
    except (KeyError, TypeError, AttributeError) as error:
        raise IncompleteResultsError("a result row lacks its message or usage") from error


def _entry(entries: Mapping[str, list[Entry]], row: Row) -> Entry:
    return entries[row.segment][row.sequence]
