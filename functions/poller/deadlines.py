"""Deadlines: what waits in the batch lane and comes near its deadline is rescued, reported or ended.

A step is done for the requests in the order of their deadlines, and its cursor moves only afterwards: what a crash
leaves undone is found by the next tick, and doing it again changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.claude import Claude
from lanekeeper.dynamo import Item
from lanekeeper.errors import LanekeeperError
from lanekeeper.events import CompletionBus, deadline_endangered, request_completed
from lanekeeper.given_up import write_end
from lanekeeper.models import Batch, BatchState, Lane, Member, Segment
from lanekeeper.policy import Notify, OnLate, Registry, workload_of
from lanekeeper.queues import Queue
from lanekeeper.realtime_messages import rescue_message
from lanekeeper.requests_table import RequestsTable, ending_fields
from lanekeeper.rescue import NEVER, Asked, Step, asked_of, due, first_look, is_over, leads, next_look
from lanekeeper.spool import Spool
from lanekeeper.telemetry import count, logger

AT_ONCE = 100  # requests between two notes of progress
LEAST_SECONDS = 20.0  # kept back for the batches, whose turn comes after
CANCEL_AGAIN = timedelta(minutes=5)  # between two looks whether anybody still needs a batch

_Home = TypeVar("_Home", Batch, Segment)


class RescuesNotSentError(LanekeeperError):
    """SQS refused messages; the next tick sends them again."""


@dataclass(slots=True)
class Pace:
    """How many requests a tick may still rescue, so that they never flood the real-time lane."""

    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """The poller's care for single requests inside batches and waiting segments."""

    batches: BatchesTable
    requests: RequestsTable
    spool: Spool
    claude: Claude
    realtime_queue: Queue
    bus: CompletionBus
    registry: Registry
    margin: timedelta

    def see_to(self, home: _Home, *, pace: Pace, now: datetime, seconds_left: Callable[[], float]) -> _Home:
        """Does what is due; returns the record with its cursors as they stand now."""
        workload = workload_of(self.registry, home.workload)
        steps = leads(workload.on_late, margin=self.margin)
        if moments.to_text(now) < (home.deadlines_due_at or first_look(home.deadline, steps)):
            return home
        asked = self._asked(home)
        for step, lead in steps.items():
            home = self._step(home, step, asked, until=now + lead, pace=pace, now=now, seconds_left=seconds_left)
        look_at = next_look(asked, steps, home.deadlines_done or {})
        if isinstance(home, Batch) and workload.on_late is not OnLate.WAIT and look_at == NEVER:
            look_at = self._cancel_unneeded(home, asked, now)
        return self._note(home, home.deadlines_done or {}, look_at)

    def _asked(self, home: Batch | Segment) -> list[Asked]:
        members = home.members if isinstance(home, Batch) else [Member(home.id, 0, home.count, 0, home.size)]
        return asked_of(members, {member.segment: self.spool.entries(member.segment) for member in members})

    def _step(
        self,
        home: _Home,
        step: Step,
        asked: Sequence[Asked],
        *,
        until: datetime,
        pace: Pace,
        now: datetime,
        seconds_left: Callable[[], float],
    ) -> _Home:
        """One step for all who are due, as far as the tick's time allows and, for rescues, its pace.

        Reports are not paced: a flood of rescues must not keep anybody from being told in time.
        """
        while seconds_left() > LEAST_SECONDS:
            done, most = home.deadlines_done or {}, min(AT_ONCE, pace.left) if step is Step.RESCUE else AT_ONCE
            chosen = due(asked, after=done.get(step, ""), until=moments.to_text(until), most=most)
            if not chosen:
                break
            self._do(step, chosen, now)
            pace.left -= len(chosen) if step is Step.RESCUE else 0
            home = self._note(home, {**done, step: chosen[-1].position}, moments.to_text(now))
        return home

    def _do(self, step: Step, chosen: Sequence[Asked], now: datetime) -> None:
        match step:
            case Step.RESCUE:
                self._rescue(chosen, now)
            case Step.REPORT:
                self._report(chosen, now)
            case Step.FAIL:
                self._fail(chosen, now)

    def _note(self, home: _Home, done: Mapping[str, str], due_at: str) -> _Home:
        if isinstance(home, Batch):
            self.batches.note_deadlines(home, done=done, due_at=due_at)
        else:
            self.batches.note_segment_deadlines(home, done=done, due_at=due_at)
        return replace(home, deadlines_done=done, deadlines_due_at=due_at)

    # the steps

    def _rescue(self, chosen: Iterable[Asked], now: datetime) -> None:
        """Marked first, sent then: a mark without a message is repaired by the next tick, since the cursor stands."""
        marked = [one for one in chosen if self.requests.mark_rescue(one.entry.key, segment=one.segment, now=now)]
        messages = [(rescue_message(one), f"{one.entry.workload}.rescue") for one in marked]
        if not all(self.realtime_queue.send_many(messages)):
            raise RescuesNotSentError("SQS did not take every rescue")
        logger.warning("deadlines are near", action="rescued", requests=len(marked))
        count("RescuedRequests", len(marked))

    def _report(self, chosen: Iterable[Asked], now: datetime) -> None:
        late = [one for one in chosen if self.requests.note_endangered(one.entry.key, now=now)]
        self.bus.send(
            deadline_endangered(
                key=one.entry.key,
                request_id=one.entry.id,
                workload=one.entry.workload,
                deadline=one.entry.deadline,
                lane=Lane.BATCH,
            )
            for one in late
            if self._notify(one) is not Notify.NONE
        )
        count("DeadlinesEndangered", len(late))

    def _fail(self, chosen: Iterable[Asked], now: datetime) -> None:
        for one in chosen:
            end = self._end(one, now)
            if end is not None and self._notify(one) is not Notify.NONE:
                row = {**end, "request_key": one.entry.key, "workload": one.entry.workload, "lane": Lane.BATCH.value}
                self.bus.send([request_completed(row, request_id=one.entry.id, bucket=self.spool.bucket)])

    def _end(self, one: Asked, now: datetime) -> Item | None:
        """The end as its row has it: written now, or by a tick that may have died before it told of it; None where
        another end stands."""
        ending = write_end(
            self.spool,
            key=one.entry.key,
            request_id=one.entry.id,
            workload=one.entry.workload,
            metadata=one.entry.metadata,
            deadline=one.entry.deadline,
            now=now,
        )
        if self.requests.finish_many([ending], now=now) == [True]:
            count("DeadlinesMissed")
            count("RequestsFailed")
            return ending_fields(ending, now)
        row = self.requests.get_all([one.entry.key]).get(one.entry.key, {})
        return row if row.get("answer_key") == ending.answer_key and "forgotten_at" not in row else None

    def _notify(self, one: Asked) -> Notify:
        return workload_of(self.registry, one.entry.workload).notify

    def _cancel_unneeded(self, batch: Batch, asked: Sequence[Asked], now: datetime) -> str:
        """Cancels a batch all of whose requests have their end; returns when to look again."""
        if batch.state is not BatchState.OPEN or batch.claude_id is None or batch.cancel_asked_at:
            return NEVER if batch.cancel_asked_at else moments.to_text(now + CANCEL_AGAIN)
        rows = self.requests.get_all([one.entry.key for one in asked])
        if not all(one.entry.key in rows and is_over(rows[one.entry.key]) for one in asked):
            return moments.to_text(now + CANCEL_AGAIN)
        self.claude.cancel(batch.claude_id)
        self.batches.note_cancel(batch, now=now)
        logger.info("nobody needs its answers", action="batch-canceled", batch=batch.id, claude_batch=batch.claude_id)
        count("BatchesCanceled")
        return NEVER
