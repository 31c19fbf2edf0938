"""The end of a batch: what each of its rows becomes, and what that is billed."""

from datetime import datetime

from local.emulator.batches import Batch, Row
from local.emulator.billing import Account
from local.emulator.caching import PromptCache
from local.emulator.outcomes import Outcome
from local.emulator.plan import Plan
from local.emulator.waiting import Faults

SUCCEEDED = Outcome("succeeded")


class Execution:
    """Ends batches on one workspace's cache and account."""

    def __init__(self, cache: PromptCache, account: Account, faults: Faults) -> None:
        self._cache = cache
        self._account = account
        self._faults = faults

    def end(self, batch: Batch, at: datetime) -> None:
        for row in batch.rows:
            self._decide(batch, row, at)
        # Only now: the items of one batch do not see each other's cache writes.
        for row in batch.rows:
            if row.plan and row.usage:
                self._cache.keep(row.plan, at)
        # A type that clients do not know has no count of its own, and the counts add up to the total.
        batch.counts.update("errored" if row.type == "deferred" else row.type for row in batch.rows if row.type)
        batch.ended_at = at

    def _decide(self, batch: Batch, row: Row, at: datetime) -> None:
        if row.position > batch.reach:
            row.type = batch.type_of_unreached
        elif row.plan is None:
            row.type = "errored"
        else:
            marked = row.marker.outcome if row.marker else None
            self._execute(row, row.plan, marked or self._faults.take_outcome("batch_rows") or SUCCEEDED, at)

    def _execute(self, row: Row, plan: Plan, outcome: Outcome, at: datetime) -> None:
        """Only what succeeds is billed."""
        row.type, row.error = outcome.type, outcome.error
        if outcome.type == "succeeded":
            row.plan = plan.stopped(outcome.stop_reason)
            row.usage = self._cache.usage(row.plan, "batch", at)
            self._account.add(plan.digest, plan.model.id, row.usage, at)
