"""A create that Claude refused: nothing was accepted, and the batch is held, cut in halves, or ended."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.batching import halves, sibling_id
from lanekeeper.errors import ClaudeError, ClaudeRefusedError
from lanekeeper.models import Batch, Entry
from lanekeeper.refusals import Call, Refusal, hold_time, judge_refusal, remedy
from lanekeeper.results import batch_result_line, custom_id
from lanekeeper.spool import Spool
from lanekeeper.telemetry import count, count_trouble, logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What becomes of a batch after a definite no."""

    batches: BatchesTable
    spool: Spool
    clock: Callable[[], datetime]

    def __call__(self, batch: Batch, error: ClaudeRefusedError) -> Refusal:
        """Moves the batch on, and says how the refusal was taken."""
        verdict = judge_refusal(error, count=batch.count, others_accepted=self._others_accepted(batch))
        logger.warning("create refused", action=f"create-{verdict}", batch=batch.id, error=str(error))
        if verdict is Refusal.HOLD:
            self.hold(batch, error, Call.CREATE, hold_time(error))
        elif verdict is Refusal.SPLIT:
            self.batches.split(batch, halves(batch, self._indexes(batch), self.clock()))
        else:
            self._store(batch, error, self.clock())
        return verdict

    def hold(self, batch: Batch, error: ClaudeError, call: Call, wait: timedelta) -> None:
        """Not now: the batch waits with the reason in its row."""
        self.batches.held(batch, reason=str(error), remedy=remedy(error, call).value, until=self.clock() + wait)
        count("BatchesHeld")
        count_trouble(error, call)

    def _others_accepted(self, batch: Batch) -> bool | None:
        """Whether Claude took the other half of what this batch was cut from; None for a batch that was never cut."""
        sibling = sibling_id(batch.id)
        if sibling is None:
            return None
        item = self.batches.batch(sibling)
        return item is not None and "claude_id" in item

    def _indexes(self, batch: Batch) -> dict[str, list[Entry]]:
        return {member.segment: self.spool.entries(member.segment) for member in batch.members}

    def _store(self, batch: Batch, error: ClaudeRefusedError, now: datetime) -> None:
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
