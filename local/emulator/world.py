"""The emulated service: its batches, its prompt cache, its account, its faults. It knows nothing of HTTP."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from local.emulator.batches import Batch, Row, row_json
from local.emulator.billing import Account
from local.emulator.caching import PromptCache
from local.emulator.clock import Clock
from local.emulator.errors import ApiError, invalid, not_found
from local.emulator.faults import ROW_OUTCOMES, Faults
from local.emulator.ids import new_id
from local.emulator.intake import BatchItem, batch_items
from local.emulator.params import prompt_params
from local.emulator.plan import MAX_REQUEST_BYTES, Plan, Usage, plan_message
from local.emulator.prompt import measure

TOKENS_PER_SECOND = 600
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The API's limits, smaller in a test that wants to meet one. Rate limits are those of the lowest tier."""

    batch_requests: int = 100_000
    batch_bytes: int = 256_000_000
    request_bytes: int = MAX_REQUEST_BYTES
    waiting_requests: int = 200_000
    batch_calls_per_minute: int = 1_000


class Answer(NamedTuple):
    """A message under way: what it will say, what it will cost, and for how many emulated seconds it thinks."""

    id: str
    plan: Plan
    usage: Usage
    seconds: float


class Page(NamedTuple):
    """A page of batches, newest first."""

    batches: list[Batch]
    has_more: bool


class World:
    """One emulated Claude workspace. Not for several threads at once: the server's loop is its only driver."""

    def __init__(
        self,
        clock: Clock | None = None,
        random: Random | None = None,
        batch_minutes: tuple[float, float] = (5, 40),
        limits: Limits | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.random = random or Random()  # noqa: S311 - it draws waiting times, not secrets
        self.batch_minutes = batch_minutes
        self.limits = limits or Limits()
        self.reset()

    def reset(self) -> None:
        """Forget every batch, cached prefix, fault and bill. The clock goes on."""
        self.faults = Faults()
        self._account = Account()
        self._cache = PromptCache()
        self._batches: dict[str, Batch] = {}
        self._batch_calls: list[datetime] = []

    @property
    def account(self) -> Account:
        """What was executed until now, batches that have just ended included."""
        self._settle()
        return self._account

    # Messages

    def begin_message(self, params: object, *, beta: bool = False) -> Answer:
        """Check the request and start on it. Raises `ApiError`; nothing is billed before `finish_message`."""
        self._settle()
        plan = plan_message(params, beta=beta, most_bytes=self.limits.request_bytes)
        usage = self._cache.usage(plan, "standard", self.clock.now())
        seconds = min(8.0, 1 + usage.output_tokens / TOKENS_PER_SECOND)
        return Answer(new_id("msg", self.random), plan, usage, seconds)

    def finish_message(self, answer: Answer) -> None:
        """The answer is there: bill it, and let others read the prefixes that it wrote."""
        now = self.clock.now()
        self._cache.keep(answer.plan, now)
        self._account.add(answer.plan.digest, answer.plan.model.id, answer.usage, now)

    def count_tokens(self, params: object, *, beta: bool = False) -> int:
        return measure(prompt_params(params, beta=beta)).tokens

    # Batches

    def create_batch(self, body: object, *, beta: bool = False) -> Batch:
        """Take a batch in whole or, for one bad or doubled custom_id, not at all. Raises `ApiError`."""
        self._count_batch_call()
        items = batch_items(body, self.limits.batch_requests)
        self._check_waiting(len(items))
        now = self.clock.now()
        minutes = self.random.uniform(*self.batch_minutes)
        batch = Batch(
            id=new_id("msgbatch", self.random),
            created_at=now,
            planned_end=now + timedelta(minutes=minutes),
            rows=[self._row(item, beta=beta) for item in items],
        )
        self._batches[batch.id] = batch
        self._account.batches += 1
        return batch

    def retrieve_batch(self, batch_id: str) -> Batch:
        self._count_batch_call()
        return self._batch(batch_id)

    def list_batches(self, limit: int = 20, after_id: str | None = None, before_id: str | None = None) -> Page:
        """A page after (older than) one batch, or just before (newer than) one. Raises `ApiError`."""
        self._count_batch_call()
        newest_first = list(reversed(self._batches.values()))
        if before_id is not None:
            newer = newest_first[: self._place(newest_first, before_id, "before_id")]
            return Page(newer[-limit:], len(newer) > limit)
        if after_id is not None:
            newest_first = newest_first[self._place(newest_first, after_id, "after_id") + 1 :]
        return Page(newest_first[:limit], len(newest_first) > limit)

    def batch_results(self, batch_id: str) -> Iterator[bytes]:
        """The rows as JSON lines, in another order at each download. Raises `ApiError`."""
        self._count_batch_call()
        batch = self._batch(batch_id)
        if not batch.ended_at or self.clock.now() >= batch.archived_at:
            raise not_found("No results are available for this batch.")
        shuffled = self.random.sample(batch.rows, len(batch.rows))
        return (json.dumps(row_json(batch, row), separators=(",", ":")).encode() + b"\n" for row in shuffled)

    def cancel_batch(self, batch_id: str) -> Batch:
        """Wind a batch down; rows whose turn has come stay as they are. Raises `ApiError` once it has ended."""
        self._count_batch_call()
        batch = self._batch(batch_id)
        if batch.ended_at:
            raise invalid("A batch that has ended cannot be canceled.")
        batch.cancel_initiated_at = batch.cancel_initiated_at or self.clock.now()
        return batch

    def delete_batch(self, batch_id: str) -> None:
        """Raises `ApiError` until the batch has ended."""
        self._count_batch_call()
        if not self._batch(batch_id).ended_at:
            raise invalid("A batch can only be deleted once it has ended; cancel it first.")
        del self._batches[batch_id]

    def new_request_id(self) -> str:
        return new_id("req", self.random)

    # Inside

    def _row(self, item: BatchItem, *, beta: bool) -> Row:
        position = self.random.random()
        try:
            plan = plan_message(item.params, batch=True, beta=beta, most_bytes=self.limits.request_bytes)
        except ApiError as error:
            return Row(item.custom_id, None, error.body(request_id=None), position)
        return Row(item.custom_id, plan, None, position)

    def _batch(self, batch_id: str) -> Batch:
        if batch_id not in self._batches:
            raise not_found("No such batch.")
        return self._batches[batch_id]

    def _place(self, batches: list[Batch], batch_id: str, name: str) -> int:
        for place, batch in enumerate(batches):
            if batch.id == batch_id:
                return place
        raise invalid(f"{name}: no such batch")

    def _check_waiting(self, arriving: int) -> None:
        waiting = sum(len(batch.rows) for batch in self._batches.values() if not batch.ended_at)
        if waiting + arriving > self.limits.waiting_requests:
            raise ApiError(429, "Too many batch requests are waiting to be processed.", retry_after="60")

    def _count_batch_call(self) -> None:
        self._settle()
        now = self.clock.now()
        self._batch_calls = [moment for moment in self._batch_calls if now - moment < MINUTE]
        if len(self._batch_calls) >= self.limits.batch_calls_per_minute:
            raise ApiError(429, "Too many calls of the batch routes in this minute.", retry_after="60")
        self._batch_calls.append(now)

    def _settle(self) -> None:
        """End the batches whose time has come, in the order in which they end."""
        now = self.clock.now()
        due = [batch for batch in self._batches.values() if not batch.ended_at and batch.due <= now]
        for batch in sorted(due, key=lambda batch: batch.due):
            self._end(batch, batch.due)

    def _end(self, batch: Batch, at: datetime) -> None:
        for row in batch.rows:
            self._decide(batch, row, at)
        # Only now: the items of one batch do not see each other's cache writes.
        for row in batch.rows:
            if row.plan and row.usage:
                self._cache.keep(row.plan, at)
        batch.counts.update(row.type for row in batch.rows if row.type)
        batch.ended_at = at

    def _decide(self, batch: Batch, row: Row, at: datetime) -> None:
        if row.position > batch.reach:
            row.type = batch.type_of_unreached
        elif row.plan is None:
            row.type = "errored"
        elif outcome := self.faults.take_outcome():
            row.type, row.error = ROW_OUTCOMES[outcome]
        else:
            row.type = "succeeded"
            row.usage = self._cache.usage(row.plan, "batch", at)
            self._account.add(row.plan.digest, row.plan.model.id, row.usage, at)
