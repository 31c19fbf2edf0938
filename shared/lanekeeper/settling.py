"""A create whose answer was lost is settled by Claude's listing: adopted, or sent again when it never arrived."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.claude import Claude
from lanekeeper.errors import ClaudeUnclearError, ForeignResultsError, IncompleteResultsError
from lanekeeper.lifecycle import Adopt, Settlement, settle
from lanekeeper.models import Batch, ClaudeBatch
from lanekeeper.results import read_row
from lanekeeper.telemetry import count, logger

LOOK_AGAIN = timedelta(seconds=30)


@dataclass(slots=True)
class SinceAnchor:
    """The listing, newest first, back to the anchor or to what is older; Claude's times among themselves."""

    claude: Claude
    anchor: str | None
    anchor_at: str | None
    reached: bool = field(init=False)  # whether the listing shows what was there before our create

    def __post_init__(self) -> None:
        self.reached = self.anchor is None

    def __iter__(self) -> Iterator[ClaudeBatch]:
        for batch in self.claude.listed():
            if batch.id == self.anchor or self._is_older(batch):
                self.reached = True
                return
            yield batch

    def _is_older(self, batch: ClaudeBatch) -> bool:
        if self.anchor_at is None:
            return False
        return moments.from_text(batch.created_at) < moments.from_text(self.anchor_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Decides what became of a doubtful send."""

    batches: BatchesTable
    claude: Claude
    settle_after: timedelta

    def __call__(self, batch: Batch, now: datetime) -> None:
        """One look at the listing."""
        listing = SinceAnchor(self.claude, batch.anchor, batch.anchor_at)
        candidates = list(self._candidates(batch, listing))
        sending_at = moments.from_text(str(batch.sending_at))
        move = settle(
            candidates,
            conclusive=listing.reached,
            sending_at=sending_at,
            now=now,
            settle_after=self.settle_after,
        )
        if isinstance(move, Adopt):
            logger.warning("orphan adopted", action="batch-adopted", batch=batch.id, claude_batch=move.batch.id)
            count("BatchesAdopted")
            note_opened(self.batches, batch, move.batch, now=now, adopted=True)
        elif move is Settlement.SEND_AGAIN:
            logger.warning("create never arrived", action="send-again", batch=batch.id)
            self.batches.unsent(batch, now=now)
        else:
            self._wait(batch, now, conclusive=listing.reached)

    def _wait(self, batch: Batch, now: datetime, *, conclusive: bool) -> None:
        if not conclusive:  # a key of another workspace: only a person can put the right one back
            logger.error("the listing is another workspace's", action="listing-alien", batch=batch.id)
            count("HoldsForAPerson")
        self.batches.look_again(batch, now + LOOK_AGAIN)

    def _candidates(self, batch: Batch, listing: SinceAnchor) -> Iterator[ClaudeBatch]:
        """Unknown batches of our total since the anchor, without those whose rows prove that they are not ours."""
        for listed in listing:
            if listed.total != batch.count or self.batches.owner_of(listed.id) is not None:
                continue
            if not listed.ended or self._is_ours(batch, listed):
                yield listed

    def _is_ours(self, batch: Batch, ended: ClaudeBatch) -> bool:
        """By the custom_id of any row. A download without a row proves nothing: the next tick asks again."""
        with self.claude.results(ended) as lines:
            line = next(filter(None, lines), None)
        try:
            row = read_row(line or b"")
        except ForeignResultsError:
            return False
        except IncompleteResultsError as error:
            raise ClaudeUnclearError("whose batch it is cannot be read") from error
        return row.segment in {member.segment for member in batch.members}


def note_opened(
    batches: BatchesTable, batch: Batch, created: ClaudeBatch, *, now: datetime, adopted: bool = False
) -> None:
    """Claude has the batch, by its answer or, where that was lost, by its listing."""
    opened = batches.opened(batch, claude_id=created.id, created_at=created.created_at, now=now, adopted=adopted)
    action = "batch-opened" if opened else "batch-opened-elsewhere"
    logger.info("batch is with Claude", action=action, batch=batch.id, claude_batch=created.id, requests=batch.count)
    count("BatchesOpened", int(opened))
