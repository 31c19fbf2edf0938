"""Phase 1: Claude's results into our bucket, each row checked on its way, committed only when the set is whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.claude import Claude
from lanekeeper.identity import ulid
from lanekeeper.models import Batch, ClaudeBatch
from lanekeeper.pricing import PriceList
from lanekeeper.quarantine import History, Inspection, Odd, OddResultsError, is_over
from lanekeeper.results import batch_result_line
from lanekeeper.spool import Spool
from lanekeeper.telemetry import count, logger

from .salvage import Salvage
from .tally import Tally

RENEW_EVERY = 500  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Streams one batch's results to a key of this attempt's own, so that two collectors never write to the same."""

    batches: BatchesTable
    spool: Spool
    claude: Claude
    prices: PriceList
    entropy: Callable[[int], bytes]
    salvage: Salvage

    def __call__(self, batch: Batch, history: History, *, renew: Callable[[], None], now: datetime) -> None:
        """ENDED to STORED. Raises OddResultsError and leaves no answers where the set is not whole.

        Where a person has released the batch, or its results are past their time at Claude, what can be used is taken.
        """
        attempt = ulid(now, self.entropy(10))
        if history.released or is_over(batch, now):
            fields = self.salvage(batch, history, attempt=attempt, renew=renew, now=now)
        else:
            ended = self.claude.retrieve(str(batch.claude_id))
            tally = Tally(self.prices, moments.from_text(str(batch.ended_at)))
            with self.claude.results(ended) as lines:
                checked = self._checked(batch, ended, lines, tally, renew)
                stored = self.spool.upload(f"incoming/{batch.id}/{attempt}.jsonl", checked)
            fields = tally.fields(stored)
        if self.batches.stored(batch, fields) and (lost := sum(fields.get("lost", {}).values())):
            logger.error("results given up", action="results-lost", batch=batch.id, requests=batch.count, lost=lost)
            count("ResultsLost", lost)

    def _checked(
        self, batch: Batch, ended: ClaudeBatch, lines: Iterator[bytes], tally: Tally, renew: Callable[[], None]
    ) -> Iterator[bytes]:
        """The lines as consumers read them; raises before the upload is completed where anything is amiss."""
        inspection = Inspection(batch)
        entries = {member.segment: self.spool.entries(member.segment) for member in batch.members}
        for number, line in enumerate(filter(None, lines)):
            if number % RENEW_EVERY == 0:
                renew()
            row, odd = inspection.look(line)
            if row is None or odd is not None:
                continue
            tally.add(row)
            entry = entries[row.segment][row.sequence]
            yield batch_result_line(line, entry, batch=batch.id, ended_at=str(batch.ended_at))
        inspection.finish()
        if not inspection.odd and (miscounted := tally.differs_by(ended.counts)):
            inspection.odd[Odd.MISCOUNTED] = miscounted
        if inspection.odd:
            raise OddResultsError(inspection)
