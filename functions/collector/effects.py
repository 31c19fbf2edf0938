"""Phase 2: from the stored object alone: answers published, costs recorded, requests ended, the rest sent round again,
events sent. Every write is keyed or conditional, and the work resumes at the last chunk, so repeats change nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from lanekeeper import moments
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.dynamo import Item
from lanekeeper.events import CompletionBus, Event, request_completed
from lanekeeper.given_up import DEADLINE_PASSED
from lanekeeper.ledger import Ledger, LedgerRow
from lanekeeper.lifecycle import RowVerdict, judge_row
from lanekeeper.models import Batch, BatchState, Entry, Lane, Outcome
from lanekeeper.policy import Notify, OnLate, Registry, workload_of
from lanekeeper.pricing import PriceList
from lanekeeper.requests_table import Ending, RequestsTable, ending_fields
from lanekeeper.rescue import Asked, asked_of
from lanekeeper.results import Row, bill_of, cost_without_answer, read_row
from lanekeeper.spool import Spool, Stored, result_key
from lanekeeper.telemetry import count, seconds

from .rebuffer import Again, Rebuffer
from .unsent import Unsent
from .untold import Untold

CHUNK = 200  # rows between two notes of progress


@dataclass(frozen=True, slots=True)
class Placed:
    """One stored row and its bytes in the object, without the newline."""

    row: Row
    entry: Entry
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Collection:
    """What phase 1 left behind, as phase 2 needs it."""

    batch: Batch
    stored: Stored
    answers: str  # the key under which consumers find the rows
    entries: Mapping[str, list[Entry]]
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """STORED to COLLECTED."""

    batches: BatchesTable
    requests: RequestsTable
    ledger: Ledger
    spool: Spool
    bus: CompletionBus
    prices: PriceList
    registry: Registry
    rebuffer: Rebuffer
    untold: Untold
    unsent: Unsent

    def __call__(self, item: Item, *, renew: Callable[[], None], clock: Callable[[], datetime]) -> None:
        collection = self._collection(item)
        self.spool.copy(collection.stored, collection.answers)
        self.ledger.record(_cost_records(collection, item["bills"]), now=clock())
        self.ledger.record(_lost_records(collection, item.get("lost", {})), now=clock())
        for chunk in self._chunks(collection, start=int(item.get("applied_to", 0))):
            renew()
            self._end_requests(collection, chunk, clock())
            self.batches.note_progress(collection.batch, applied_to=chunk[-1].end + len(b"\n"))
        if set(item["tally"]) - {"succeeded"}:
            self.rebuffer(
                collection.batch, self._again(collection), ended_at=collection.ended_at, clock=clock, renew=renew
            )
        self.unsent(collection.batch, self._asked(collection), now=clock())
        self._announce(collection, item["tally"])
        self.batches.move(collection.batch, BatchState.COLLECTED, {"answers": collection.answers})
        _measure(collection.batch, item)

    def _collection(self, item: Item) -> Collection:
        batch, stored = batch_of(item), item["stored"]
        ended_at = moments.from_text(item["ended_at"])
        return Collection(
            batch=batch,
            stored=Stored(key=stored["key"], version=stored["version"], size=int(stored["size"])),
            answers=result_key(batch.workload, moments.day_of(ended_at), batch.id),
            entries={member.segment: self.spool.entries(member.segment) for member in batch.members},
            ended_at=ended_at,
        )

    def _asked(self, collection: Collection) -> list[Asked]:
        return asked_of(collection.batch.members, collection.entries)

    def _rows(self, collection: Collection, start: int = 0) -> Iterator[Placed]:
        if start >= collection.stored.size:  # a crash after the last chunk: S3 has no range behind the end
            return
        for line in self.spool.lines(collection.stored.key, start=start, version=collection.stored.version):
            row = read_row(line)
            yield Placed(row, collection.entries[row.segment][row.sequence], start, start + len(line) - 1)
            start += len(line)

    def _chunks(self, collection: Collection, *, start: int) -> Iterator[list[Placed]]:
        chunk: list[Placed] = []
        for placed in self._rows(collection, start):
            chunk.append(placed)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _end_requests(self, collection: Collection, chunk: list[Placed], now: datetime) -> None:
        endings = [(placed, ending) for placed in chunk if (ending := self._ending(collection, placed, now))]
        ended = self.requests.finish_many([ending for _, ending in endings], now=now)
        if workload_of(self.registry, collection.batch.workload).notify is Notify.EACH:
            self._tell_each(endings, ended, now)
        self.untold(collection.batch, [Asked(one.row.segment, one.row.sequence, one.entry) for one in chunk], now=now)
        new = [(placed, ending) for (placed, ending), is_new in zip(endings, ended, strict=True) if is_new]
        succeeded = sum(ending.outcome is Outcome.SUCCEEDED for _, ending in new)
        count("RequestsSucceeded", succeeded)
        count("RequestsFailed", len(new) - succeeded)
        count("DeadlinesMissed", sum(_is_over(placed, now) for placed, _ in new))

    def _ending(self, collection: Collection, placed: Placed, now: datetime) -> Ending | None:
        """The terminal state that a row brings, or None where its request goes round again."""
        verdict, reason = judge_row(placed.row.result, round_=placed.entry.round)
        if verdict is RowVerdict.AGAIN:
            return None
        is_paid = verdict is RowVerdict.SUCCEEDED
        is_unwanted = workload_of(self.registry, placed.entry.workload).on_late is OnLate.FAIL and _is_over(placed, now)
        return Ending(
            key=placed.entry.key,
            segment=placed.row.segment,
            outcome=Outcome.SUCCEEDED if is_paid and not is_unwanted else Outcome.FAILED,
            reason=DEADLINE_PASSED if is_unwanted else reason,
            answer_key=collection.answers,
            answer_from=placed.start,
            answer_to=placed.end,
            cost_micro_usd=self._cost(placed.row, collection.ended_at)
            if is_paid
            else cost_without_answer(placed.row.result),
            deadline=placed.entry.deadline,
            is_final=is_unwanted,
        )

    def _tell_each(self, endings: Sequence[tuple[Placed, Ending]], ended: Sequence[bool], now: datetime) -> None:
        """One event a request that ended here, now or in an earlier run that died; others were told of already."""
        before = [ending.key for (_, ending), is_new in zip(endings, ended, strict=True) if not is_new]
        standing = self.requests.get_all(before)
        self.bus.send(
            self._completed(placed, ending_fields(ending, now) if is_new else standing[ending.key])
            for (placed, ending), is_new in zip(endings, ended, strict=True)
            if is_new or standing.get(ending.key, {}).get("answer_key") == ending.answer_key
        )

    def _cost(self, row: Row, ended_at: datetime) -> Decimal | None:
        _, cost = bill_of(row.result["message"], self.prices, batch=True, at=ended_at)
        return None if cost is None else cost.micro_usd

    def _again(self, collection: Collection) -> list[Again]:
        return [
            Again(placed.entry, placed.row.segment, placed.row.sequence)
            for placed in self._rows(collection)
            if judge_row(placed.row.result, round_=placed.entry.round)[0] is RowVerdict.AGAIN
        ]

    def _completed(self, placed: Placed, fields: Item) -> Event:
        row = fields | {
            "request_key": placed.entry.key,
            "workload": placed.entry.workload,
            "lane": Lane.BATCH.value,
        }
        return request_completed(row, request_id=placed.entry.id, bucket=self.spool.bucket)

    def _announce(self, collection: Collection, tally: Mapping[str, Any]) -> None:
        batch = collection.batch
        if workload_of(self.registry, batch.workload).notify is Notify.NONE:
            return
        detail = {
            "event_id": batch.id,
            "workload": batch.workload,
            "batch": batch.id,
            "claude_batch": batch.claude_id,
            "requests": batch.count,
            "rows": {kind: int(number) for kind, number in tally.items()},
            "answers": {"bucket": self.spool.bucket, "key": collection.answers},
            "ended_at": moments.to_text(collection.ended_at),
        }
        self.bus.send([Event("BatchCompleted", detail)])


def _is_over(placed: Placed, now: datetime) -> bool:
    return placed.entry.deadline < moments.to_text(now)


def _cost_records(collection: Collection, bills: Mapping[str, Mapping[str, Any]]) -> Iterator[LedgerRow]:
    for model, bill in bills.items():
        yield LedgerRow(
            workload=collection.batch.workload,
            day=moments.day_of(collection.ended_at),
            entry=f"batch#{collection.batch.id}#{model}",
            lane=Lane.BATCH,
            model=model,
            kind="answer",
            seconds=_seconds_at_claude(collection.batch),
            **bill,
        )


def _lost_records(collection: Collection, lost: Mapping[str, Any]) -> Iterator[LedgerRow]:
    """Of requests whose results nobody will see: they may have been billed, so their cost is unknown."""
    for model, requests in lost.items():
        yield LedgerRow(
            workload=collection.batch.workload,
            day=moments.day_of(collection.ended_at),
            entry=f"batch#{collection.batch.id}#{model}#lost",
            lane=Lane.BATCH,
            model=model,
            kind="lost",
            requests=int(requests),
            tokens={},
            cost_micro_usd=None,
            standard_micro_usd=None,
            price_version=None,
            seconds=_seconds_at_claude(collection.batch),
        )


def _seconds_at_claude(batch: Batch) -> Decimal | None:
    """From created to ended, both by Claude's clock; None for a batch that never got there."""
    if batch.created_at is None or batch.ended_at is None:
        return None
    span = moments.from_text(batch.ended_at) - moments.from_text(batch.created_at)
    return Decimal(str(span.total_seconds()))


def _measure(batch: Batch, item: Item) -> None:
    count("BatchesCollected")
    count("UnpricedModels", sum(bill["cost_micro_usd"] is None for bill in item["bills"].values()))
    span = _seconds_at_claude(batch)
    if span is not None:
        seconds("BatchCompletionSeconds", float(span))
