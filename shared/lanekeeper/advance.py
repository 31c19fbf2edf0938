"""`advance`, the only code that moves a batch on from SEALED to OPEN: the submitter calls it after sealing, the poller
on each tick. Any number of callers at once do no harm: every move is conditional on the state it was decided from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.batching import has_room
from lanekeeper.breaker import FIRST, Breaker, Gate, gate, shut_until
from lanekeeper.claude import Claude
from lanekeeper.errors import (
    ClaudeError,
    ClaudeRefusedError,
    ClaudeUnclearError,
    ClaudeUnreachableError,
    LanekeeperError,
)
from lanekeeper.lanes import LaneBreaker
from lanekeeper.models import Batch, BatchState, ClaudeBatch
from lanekeeper.refusals import Call, Refusal, Remedy, hold_time
from lanekeeper.refused import Refused
from lanekeeper.requests_table import RequestsTable
from lanekeeper.settling import LOOK_AGAIN, Settle, note_opened
from lanekeeper.spool import Spool, lines_key
from lanekeeper.telemetry import count, count_trouble, logger
from lanekeeper.trimming import EndUntoldError, Trim

MARGIN_SECONDS = 10.0  # kept back from the function's time, for writing down what a create said
LEAST_SECONDS = 25.0  # a send begun with less would often be cut off, and be in doubt for SETTLE
FULL = "waiting-limit"
FULL_LOOK_AGAIN = timedelta(seconds=60)
HEAD, TAIL = b'{"requests":[', b"]}"


class SettleTooShortError(LanekeeperError):
    """A send could still be under way when it is taken for lost: nothing is sent with such settings."""


class TooLateToSendError(LanekeeperError):
    """We were paused past our function's end; somebody may be settling this send already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Sends sealed batches and settles doubtful sends."""

    batches: BatchesTable
    requests: RequestsTable
    spool: Spool
    claude: Claude
    lane: LaneBreaker
    clock: Callable[[], datetime]
    settle_after: timedelta  # SETTLE: a create not listed by then never arrived
    max_waiting: int  # requests at Claude at once

    def __call__(self, batch: Batch, *, seconds_left: Callable[[], float]) -> None:
        """Takes the next step of a batch, if enough of the function's time is left for it."""
        if batch.state in (BatchState.SEALED, BatchState.HELD):
            self._enter(batch, seconds_left)
        elif batch.state is BatchState.SENDING and moments.from_text(batch.next_action_at) <= self.clock():
            Settle(batches=self.batches, claude=self.claude, settle_after=self.settle_after)(batch, self.clock())

    # before the send

    def _enter(self, batch: Batch, seconds_left: Callable[[], float]) -> None:
        """Sends the batch if its lane is not held and Claude has room for it."""
        now = self.clock()
        try:
            batch = Trim(requests=self.requests, spool=self.spool)(batch, now)
        except EndUntoldError:
            self.batches.look_again(batch, now + LOOK_AGAIN)
            return
        if not batch.count:
            self._drop(batch)
            return
        breaker, now = self.lane.look(), self.clock()
        if gate(breaker, now) is Gate.OPEN:
            self._wait_for_the_lane(batch, breaker, moments.from_text(shut_until(breaker)))
        elif not has_room(batch, list(self.batches.waiting()), most=self.max_waiting):
            self.batches.held(batch, reason=FULL, remedy=Remedy.PATIENCE.value, until=now + FULL_LOOK_AGAIN)
            count("BatchesHeld")
        elif breaker.open_until is None:
            self._send(batch, breaker, seconds_left)
        else:
            self._probe(batch, breaker, seconds_left)

    def _wait_for_the_lane(self, batch: Batch, breaker: Breaker, until: datetime) -> None:
        self.batches.held(batch, reason=str(breaker.reason), remedy=str(breaker.remedy), until=until)
        count("BatchesHeld")

    def _probe(self, batch: Batch, breaker: Breaker, seconds_left: Callable[[], float]) -> None:
        """One batch tries, all others wait for what becomes of it."""
        now = self.clock()
        probe = self.lane.take_probe(now + timedelta(seconds=seconds_left()))
        if probe is None:
            self._wait_for_the_lane(batch, breaker, now + timedelta(seconds=FIRST))
        elif not self._send(batch, probe, seconds_left):
            self.lane.give_back(probe)

    # the send

    def _send(self, batch: Batch, breaker: Breaker, seconds_left: Callable[[], float]) -> bool:
        """Whether Claude said anything that tells how the lane is."""
        try:
            anchor = self.claude.newest()
        except ClaudeError as error:
            self._listing_failed(batch, error)
            self.lane.failed(error, Call.LIST, breaker)
            return True
        now, left = self.clock(), seconds_left()
        if left >= self.settle_after.total_seconds():
            raise SettleTooShortError("SettleSeconds must exceed SendTimeoutSeconds: raise it, and deploy again")
        # Nobody settles this send while its sender may still be alive and waiting for the answer.
        look_at = now + timedelta(seconds=left)
        if left < LEAST_SECONDS or not self.batches.start_sending(batch, anchor=anchor, now=now, look_at=look_at):
            self.batches.look_again(batch, now + LOOK_AGAIN)
            return False
        sending = replace(
            batch,
            state=BatchState.SENDING,
            anchor=anchor.id if anchor else None,
            anchor_at=anchor.created_at if anchor else None,
            sending_at=moments.to_text(now),
        )
        return self._post(sending, breaker, timeout=left - MARGIN_SECONDS, until=look_at)

    def _drop(self, batch: Batch) -> None:
        logger.info("nothing left to send", action="batch-dropped", batch=batch.id)
        count("BatchesDropped", int(self.batches.move(batch, BatchState.DROPPED, {})))

    def _listing_failed(self, batch: Batch, error: ClaudeError) -> None:
        if isinstance(error, ClaudeRefusedError):
            self._refused.hold(batch, error, Call.LIST, hold_time(error))
            return
        count_trouble(error, Call.LIST)
        self.batches.look_again(batch, self.clock() + LOOK_AGAIN)

    def _post(self, batch: Batch, breaker: Breaker, *, timeout: float, until: datetime) -> bool:
        size = len(HEAD) + batch.size - 1 + len(TAIL)
        try:
            created = self.claude.create(lambda: self._body(batch, until), size=size, timeout=timeout)
        except ClaudeError as error:
            if self._not_created(batch, error):
                self.lane.failed(error, Call.CREATE, breaker)
                return True
            return False
        self._opened(batch, created)
        self.lane.succeeded(breaker)
        return True

    def _body(self, batch: Batch, until: datetime) -> Iterator[bytes]:
        """The segments' own bytes with commas for newlines: JSON text has newlines nowhere else.

        Its first step comes when Claude is connected: the last moment in which a paused function can notice that its
        time was over. Claude never sees the whole of such a body, so it takes nothing of it.
        """
        if self.clock() >= until:
            raise TooLateToSendError("the time of this function was over")
        yield HEAD
        remaining = batch.size
        for member in batch.members:
            for block in self.spool.blocks(lines_key(member.segment), start=member.start, end=member.end):
                remaining -= len(block)
                joined = block.replace(b"\n", b",")
                yield joined if remaining else joined[:-1]
        yield TAIL

    def _opened(self, batch: Batch, created: ClaudeBatch) -> None:
        note_opened(self.batches, batch, created, now=self.clock())

    def _not_created(self, batch: Batch, error: ClaudeError) -> bool:
        """Whether the failure may hold for other batches, too."""
        if isinstance(error, ClaudeRefusedError):
            return self._refused(batch, error) is Refusal.HOLD
        if isinstance(error, ClaudeUnreachableError):
            self._refused.hold(batch, error, Call.CREATE, LOOK_AGAIN)
            return True
        logger.warning("doubtful send", action="send-doubtful", batch=batch.id, error=str(error))
        count("DoubtfulSends")
        count_trouble(error, Call.CREATE)
        return isinstance(error, ClaudeUnclearError)

    @property
    def _refused(self) -> Refused:
        return Refused(batches=self.batches, spool=self.spool, clock=self.clock)
