"""The emulated service: its batches, its prompt cache, its account, its faults. It knows nothing of HTTP."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import NamedTuple

from local.emulator.batches import LIFETIME, NEVER, Batch, Row, row_line
from local.emulator.billing import Account
from local.emulator.caching import PromptCache
from local.emulator.clock import Clock
from local.emulator.errors import ApiError, invalid, not_found
from local.emulator.execution import Execution
from local.emulator.faults import Fault, Kind
from local.emulator.ids import new_id
from local.emulator.intake import BatchItem, batch_items
from local.emulator.limits import Allowance, CallsPerMinute, Limits
from local.emulator.markers import Marker, find_marker
from local.emulator.outcomes import Outcome
from local.emulator.pages import FIRST_PAGE, Cursor, page_of
from local.emulator.params import prompt_params
from local.emulator.plan import Plan, Usage, canonical_json, plan_message
from local.emulator.prompt import measure
from local.emulator.waiting import Faults

TOKENS_PER_SECOND = 600


class Answer(NamedTuple):
    """A message under way: what it will say, what it will cost, and for how many emulated seconds it thinks."""

    id: str
    plan: Plan
    usage: Usage
    seconds: float


class Listing(NamedTuple):
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
        standing_faults: Sequence[Fault] = (),
    ) -> None:
        """`standing_faults` come again with each reset; `batch_minutes` is the least and the most, emulated."""
        self.clock = clock or Clock()
        self.random = random or Random()  # noqa: S311 - it draws waiting times, not secrets
        self.batch_minutes = batch_minutes
        self.limits = limits or Limits()
        self.standing_faults = standing_faults
        self.reset()

    def reset(self) -> None:
        """Forget every batch, cached prefix, bill, and fault but the standing ones. The clock goes on."""
        self.faults = Faults(lambda: self.clock.now(), lambda: self.random)
        for fault in self.standing_faults:
            self.faults.queue(fault)
        self._account = Account()
        self._cache = PromptCache()
        self._execution = Execution(self._cache, self._account, self.faults)
        self._batches: dict[str, Batch] = {}
        self._batch_calls, self._message_calls = CallsPerMinute(), CallsPerMinute()
        self._marked: Counter[bytes] = Counter()

    @property
    def account(self) -> Account:
        """What was executed until now, batches that have just ended included."""
        self._settle()
        return self._account

    # Messages

    def begin_message(self, params: object, *, beta: bool = False, outcome: Outcome | None = None) -> Answer:
        """Check the request and start on it. Raises `ApiError`; nothing is billed before `finish_message`.

        `outcome` is what a marker in it asks for; only a stop reason means anything here.
        """
        self._settle()
        if self.limits.messages_per_minute is not None:
            refused = "This request would exceed your organization's rate limit of requests per minute."
            self._message_calls.count(self.clock.now(), self.limits.messages_per_minute, refused)
        plan = plan_message(params, beta=beta, most_bytes=self.limits.request_bytes)
        outcome = outcome or self.faults.take_outcome("messages")
        plan = plan.stopped(outcome.stop_reason if outcome else None)
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

    def message_allowance(self) -> Allowance | None:
        """What is left of this minute's messages, where they are limited."""
        most = self.limits.messages_per_minute
        return None if most is None else self._message_calls.allowance(self.clock.now(), most)

    def take_marker(self, params: object) -> Marker | None:
        """The marker of these parameters, unless it has struck as often as it says. Raises `ApiError`."""
        marker = find_marker(params)
        # A marker of a row's line counts that row's downloads.
        if marker is None or marker.times is None or marker.line:
            return marker
        digest = sha256(canonical_json(params)).digest()
        self._marked[digest] += 1
        return marker if self._marked[digest] <= marker.times else None

    # Batches

    def create_batch(self, body: object, *, beta: bool = False) -> Batch:
        """Take a batch in whole or, for one bad or doubled custom_id, not at all. Raises `ApiError`."""
        self._count_batch_call()
        items = batch_items(body, self.limits.batch_requests)
        self._check_waiting(len(items))
        batch = self._batch_of(items, self.faults.take_traits(), beta=beta)
        self._batches[batch.id] = batch
        self._account.batches += 1
        return batch

    def retrieve_batch(self, batch_id: str) -> Batch:
        self._count_batch_call()
        return self._batch(batch_id)

    def list_batches(self, cursor: Cursor = FIRST_PAGE) -> Listing:
        """Raises `ApiError`."""
        self._count_batch_call()
        now = self.clock.now()
        listed = [batch for batch in reversed(self._batches.values()) if now >= batch.listed_from]
        return Listing(*page_of(listed, cursor, lambda batch: batch.id))

    def batch_results(self, batch_id: str) -> Iterator[bytes]:
        """The rows as JSON lines, in another order at each download. Raises `ApiError`."""
        self._count_batch_call()
        batch = self._batch(batch_id)
        if not batch.ended_at or self.clock.now() >= batch.archived_at:
            raise not_found("No results are available for this batch.")
        shuffled = self.random.sample(batch.rows, len(batch.rows))
        return (row_line(batch, row) for row in shuffled)

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

    def _batch_of(self, items: list[BatchItem], traits: dict[Kind, Fault], *, beta: bool) -> Batch:
        now = self.clock.now()
        takes = timedelta(minutes=self.random.uniform(*self.batch_minutes))
        if slow := traits.get("slow"):
            takes = timedelta(minutes=slow.minutes or 0)
        rows = [self._row(item, beta=beta) for item in items]
        if "stuck" in traits:
            takes = LIFETIME
            for row in rows:
                row.position = NEVER
        return Batch(
            id=new_id("msgbatch", self.random),
            created_at=now,
            planned_end=now + takes,
            rows=rows,
            listed_from=now + _lag(traits, "unlisted"),
            found_from=now + _lag(traits, "hidden"),
            hidden_once_ended=_lag(traits, "hidden_once_ended"),
        )

    def _row(self, item: BatchItem, *, beta: bool) -> Row:
        position = self.random.random()
        try:
            marker = self.take_marker(item.params)
            plan = plan_message(item.params, batch=True, beta=beta, most_bytes=self.limits.request_bytes)
        except ApiError as error:
            return Row(item.custom_id, None, error.body(request_id=None), position)
        return Row(item.custom_id, plan, None, position, marker)

    def _batch(self, batch_id: str) -> Batch:
        batch = self._batches.get(batch_id)
        if batch is None or not batch.is_found(self.clock.now()):
            raise not_found("No such batch.")
        return batch

    def _check_waiting(self, arriving: int) -> None:
        waiting = sum(len(batch.rows) for batch in self._batches.values() if not batch.ended_at)
        if waiting + arriving > self.limits.waiting_requests:
            raise ApiError(429, "Too many batch requests are waiting to be processed.", retry_after="60")

    def _count_batch_call(self) -> None:
        self._settle()
        refused = "Too many calls of the batch routes in this minute."
        self._batch_calls.count(self.clock.now(), self.limits.batch_calls_per_minute, refused)

    def _settle(self) -> None:
        """End the batches whose time has come, in the order in which they end."""
        now = self.clock.now()
        due = [batch for batch in self._batches.values() if not batch.ended_at and batch.due <= now]
        for batch in sorted(due, key=lambda batch: batch.due):
            self._execution.end(batch, batch.due)


def _lag(traits: dict[Kind, Fault], kind: Kind) -> timedelta:
    fault = traits.get(kind)
    return timedelta(seconds=(fault.seconds or 0) if fault else 0)
