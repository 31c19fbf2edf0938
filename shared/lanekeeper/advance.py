"""`advance`, the only code that moves a batch on from SEALED to OPEN: the submitter calls it after sealing, the poller
on each tick. Any number of callers at once do no harm: every move is conditional on the state it was decided from."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.batching import halves, sibling_id
from lanekeeper.claude import Claude
from lanekeeper.errors import (
    ClaudeError,
    ClaudeRefusedError,
    ClaudeUnclearError,
    ClaudeUnreachableError,
    ForeignResultsError,
    IncompleteResultsError,
    LanekeeperError,
)
from lanekeeper.lifecycle import Adopt, Refusal, Settlement, hold_time, judge_refusal, remedy, settle
from lanekeeper.models import Batch, BatchState, ClaudeBatch, Entry
from lanekeeper.results import batch_result_line, custom_id, read_row
from lanekeeper.spool import Spool, lines_key
from lanekeeper.telemetry import count, count_trouble, logger

LOOK_AGAIN = timedelta(seconds=30)
MARGIN_SECONDS = 10.0  # kept back from the function's time, for writing down what a create said
LEAST_SECONDS = 25.0  # a send begun with less would often be cut off, and be in doubt for SETTLE
HEAD, TAIL = b'{"requests":[', b"]}"


class SettleTooShortError(LanekeeperError):
    """A send could still be under way when it is taken for lost: nothing is sent with such settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Sends sealed batches and settles doubtful sends."""

    batches: BatchesTable
    spool: Spool
    claude: Claude
    clock: Callable[[], datetime]
    settle_after: timedelta  # SETTLE: a create not listed by then never arrived

    def __call__(self, batch: Batch, *, seconds_left: Callable[[], float]) -> None:
        """Takes the next step of a batch, if enough of the function's time is left for it."""
        if batch.state in (BatchState.SEALED, BatchState.HELD):
            self._send(batch, seconds_left)
        elif batch.state is BatchState.SENDING and moments.from_text(batch.next_action_at) <= self.clock():
            self._settle(batch, self.clock())

    def _send(self, batch: Batch, seconds_left: Callable[[], float]) -> None:
        try:
            anchor = self.claude.newest()
        except ClaudeRefusedError as error:
            self._hold(batch, error, hold_time(error))
            return
        except ClaudeError as error:
            count_trouble(error)
            self.batches.look_again(batch, self.clock() + LOOK_AGAIN)
            return
        now, left = self.clock(), seconds_left()
        if left >= self.settle_after.total_seconds():
            raise SettleTooShortError("SettleSeconds must exceed SendTimeoutSeconds: raise it, and deploy again")
        # Nobody settles this send while its sender may still be alive and waiting for the answer.
        look_at = now + timedelta(seconds=left)
        if left < LEAST_SECONDS or not self.batches.start_sending(batch, anchor=anchor, now=now, look_at=look_at):
            self.batches.look_again(batch, now + LOOK_AGAIN)
            return
        sending = replace(batch, state=BatchState.SENDING, anchor=anchor, sending_at=moments.to_text(now))
        self._post(sending, left - MARGIN_SECONDS)

    def _post(self, batch: Batch, timeout: float) -> None:
        size = len(HEAD) + batch.size - 1 + len(TAIL)
        try:
            created = self.claude.create(self._body(batch), size=size, timeout=timeout)
        except ClaudeUnreachableError as error:
            self._hold(batch, error, LOOK_AGAIN)
        except ClaudeUnclearError as error:
            logger.warning("doubtful send", action="send-doubtful", batch=batch.id, error=str(error))
            count("DoubtfulSends")
            count_trouble(error)
        except ClaudeRefusedError as error:
            self._refused(batch, error)
        else:
            self._opened(batch, created)

    def _body(self, batch: Batch) -> Iterator[bytes]:
        """The segments' own bytes with commas for newlines: JSON text has newlines nowhere else."""
        yield HEAD
        remaining = batch.size
        for member in batch.members:
            for block in self.spool.blocks(lines_key(member.segment), start=member.start, end=member.end):
                remaining -= len(block)
                joined = block.replace(b"\n", b",")
                yield joined if remaining else joined[:-1]
        yield TAIL

    def _opened(self, batch: Batch, created: ClaudeBatch, *, adopted: bool = False) -> None:
        opened = self.batches.opened(
            batch, claude_id=created.id, created_at=created.created_at, now=self.clock(), adopted=adopted
        )
        action = "batch-opened" if opened else "batch-opened-elsewhere"
        logger.info(
            "batch is with Claude", action=action, batch=batch.id, claude_batch=created.id, requests=batch.count
        )
        count("BatchesOpened", int(opened))

    # a definite no

    def _refused(self, batch: Batch, error: ClaudeRefusedError) -> None:
        verdict = judge_refusal(error, count=batch.count, others_accepted=self._others_accepted(batch))
        logger.warning("create refused", action=f"create-{verdict}", batch=batch.id, error=str(error))
        if verdict is Refusal.HOLD:
            self._hold(batch, error, hold_time(error))
        elif verdict is Refusal.SPLIT:
            self.batches.split(batch, halves(batch, self._indexes(batch), self.clock()))
        else:
            self._store_refusal(batch, error, self.clock())

    def _others_accepted(self, batch: Batch) -> bool | None:
        """Whether Claude took the other half of what this batch was cut from; None for a batch that was never cut."""
        sibling = sibling_id(batch.id)
        if sibling is None:
            return None
        item = self.batches.batch(sibling)
        return item is not None and "claude_id" in item

    def _hold(self, batch: Batch, error: ClaudeError, wait: timedelta) -> None:
        self.batches.held(batch, reason=str(error), remedy=remedy(error).value, until=self.clock() + wait)
        count("BatchesHeld")
        count_trouble(error)

    def _indexes(self, batch: Batch) -> dict[str, list[Entry]]:
        return {member.segment: self.spool.entries(member.segment) for member in batch.members}

    def _store_refusal(self, batch: Batch, error: ClaudeRefusedError, now: datetime) -> None:
        """Claude's refusal of a single request becomes its result row, so that one path ends every request."""
        member = batch.members[0]
        entry = self.spool.entries(member.segment)[member.first]
        row = {
            "custom_id": custom_id(member.segment, member.first),
            "result": {"type": "errored", "error": error.body or {"error": {"type": error.error_type}}},
        }
        stored = self.spool.upload(
            f"incoming/{batch.id}/refused.jsonl",
            [batch_result_line(json.dumps(row).encode(), entry, batch=batch.id, ended_at=moments.to_text(now))],
        )
        self.batches.refused(
            batch,
            {
                "stored": {"key": stored.key, "version": stored.version, "size": stored.size},
                "bills": {},
                "tally": {"errored": 1},
                "ended_at": moments.to_text(now),
                "next_action_at": moments.to_text(now),
            },
        )

    # a lost answer

    def _settle(self, batch: Batch, now: datetime) -> None:
        sending_at = moments.from_text(str(batch.sending_at))
        move = settle(self._candidates(batch), sending_at=sending_at, now=now, settle_after=self.settle_after)
        if isinstance(move, Adopt):
            logger.warning("orphan adopted", action="batch-adopted", batch=batch.id, claude_batch=move.batch.id)
            count("BatchesAdopted")
            self._opened(batch, move.batch, adopted=True)
        elif move is Settlement.SEND_AGAIN:
            logger.warning("create never arrived", action="send-again", batch=batch.id)
            self.batches.unsent(batch, now=now)
        else:
            self.batches.look_again(batch, now + LOOK_AGAIN)

    def _candidates(self, batch: Batch) -> Iterator[ClaudeBatch]:
        """Unknown batches of our total since the anchor, without those whose rows prove that they are not ours."""
        for listed in self.claude.batches_since(batch.anchor):
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
