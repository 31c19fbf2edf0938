"""Answer: every message of one invocation at once, each call under a lease in its request's row.

A Messages call cannot be made idempotent: if its worker dies in flight, it may be paid again. So the lease is written
before the call, an answer is stored as soon as it is there, and a delivery that finds a dead worker's lease looks for
that stored answer before it pays, and notes a possible duplicate where there is none.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lanekeeper import moments
from lanekeeper.breaker import Breaker, Gate, back_in, gate, is_at_fault, times_alone
from lanekeeper.claude import Claude
from lanekeeper.errors import ClaudeError, ClaudeRefusedError, ClaudeUnclearError
from lanekeeper.lanes import LaneBreaker
from lanekeeper.lifecycle import Begin, begin
from lanekeeper.queues import Message, Queue, is_worn
from lanekeeper.realtime_messages import RealtimeRequest, is_large, read_message
from lanekeeper.refusals import Call, Move, evidence_delay, move, retry_delay
from lanekeeper.requests_table import RequestsTable
from lanekeeper.telemetry import count, count_trouble, logger, seconds

from .attempt import Attempt
from .finish import Finish
from .held import Held

WRITE_SECONDS = 15.0  # kept back from the function's time, for storing what the call answers
LEAST_CALL_SECONDS = 60.0  # a call begun with less could be cut off although Claude answers it
EVIDENCE_SECONDS = 4.0  # for each of two counts of tokens, out of what is kept back
SOON_SECONDS = 10  # until a delivery that failed on our side comes again
LEASE_MARGIN = timedelta(seconds=30)  # past the function's end, for clocks that differ

_room_for_large = BoundedSemaphore(3)  # requests of up to 32 MB at once in a function of 512 MB


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message in one invocation."""

    message: Message
    request: RealtimeRequest
    lease: timedelta
    seconds_left: Callable[[], float]
    breaker: Breaker  # the lane as the invocation found it, or as the one that tries has written it

    @property
    def is_probe(self) -> bool:
        return self.breaker.open_until is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The real-time invoker's one deed."""

    requests: RequestsTable
    lane: LaneBreaker
    claude: Claude
    queue: Queue
    dead_letter_queue: Queue
    finish: Finish
    held: Held
    clock: Callable[[], datetime]
    jitter: Callable[[], float]

    def __call__(self, messages: Sequence[Message], *, seconds_left: Callable[[], float]) -> list[str]:
        """Returns the ids of the messages that must come again."""
        breaker = self._look()
        if gate(breaker, self.clock()) is Gate.OPEN:
            return self.held(messages)
        lease = timedelta(seconds=seconds_left()) + LEASE_MARGIN
        self.queue.delay_many(messages, math.ceil(lease.total_seconds()))  # a dead worker's messages come back soon
        with ThreadPoolExecutor(max_workers=len(messages)) as pool:
            done = pool.map(lambda message: self._one(message, lease, seconds_left, breaker), messages)
        return [message.id for message, is_done in zip(messages, done, strict=True) if not is_done]

    def _look(self) -> Breaker:
        try:
            return self.lane.look()
        except (ClientError, BotoCoreError) as error:  # urgent requests do not wait for what only spares calls
            logger.warning("lane unread", action="lane-unread", error=type(error).__name__)
            return Breaker()

    def _one(self, message: Message, lease: timedelta, seconds_left: Callable[[], float], breaker: Breaker) -> bool:
        try:
            with _room_for_large if is_large(message.body) else nullcontext():
                request = read_message(message.body, self.finish.spool)
                return self._deliver(Delivery(message, request, lease, seconds_left, breaker))
        except Exception as error:  # noqa: BLE001 - one message's boundary; its text may quote the message
            logger.warning("delivery failed", action="realtime-failed", error=type(error).__name__)
            with suppress(ClientError, BotoCoreError):
                self.queue.delay(message, SOON_SECONDS)
            return False

    def _deliver(self, delivery: Delivery) -> bool:
        row, now = self.requests.get(delivery.request.key), self.clock()
        state = begin(row, now=now)
        if row is None or state is Begin.UNKNOWN:
            return self._dead_letter(delivery.message, "no-row")
        match state:
            case Begin.DONE:  # one whose content was deleted has nobody's id any more to tell of
                return "forgotten_at" in row or self.finish.announce(delivery.request, row)
            case Begin.BOOK:
                return self.finish.booked(delivery.request, row)
            case Begin.ELSEWHERE:
                return True
            case Begin.BUSY:
                lease_left = moments.from_text(row["lease_until"]) - now
                return self._come_back(delivery.message, math.ceil(lease_left.total_seconds()) + 1)
        return self._answer(delivery, row, state, now)

    def _answer(self, delivery: Delivery, row: Mapping[str, Any], state: Begin, now: datetime) -> bool:
        """Nobody is at it: what a dead worker has stored is taken first, and only then called anew."""
        if "lease_until" in row and self.finish.recover(delivery.request, row):
            return True
        if self.finish.is_unwanted(delivery.request, row):
            return self.finish.deadline_passed(delivery.request, row)
        if state is Begin.GIVE_UP:
            self._dead_letter(delivery.message, "no-answer")  # first: an ended request is never looked at again
            return self.finish.give_up(delivery.request, row)
        return self._attempt(delivery, row, now)

    def _attempt(self, delivery: Delivery, row: Mapping[str, Any], now: datetime) -> bool:
        attempt = Attempt.next_of(row, now)
        timeout = delivery.seconds_left() - WRITE_SECONDS
        put = attempt.fields() | {"lease_until": moments.to_text(now + delivery.lease)}
        if timeout < LEAST_CALL_SECONDS:  # it would run out of our time, not of Claude's, and perhaps be billed
            return self._come_back(delivery.message, SOON_SECONDS)
        if delivery.is_probe:
            probe = self.lane.take_probe(now + delivery.lease)
            if probe is None:
                return self._come_back(delivery.message, back_in(self.jitter()))
            delivery = replace(delivery, breaker=probe)
        if not self.requests.begin_attempt(delivery.request.key, seen=row, put=put):
            self._says_nothing(delivery)
            return False
        return self._call(delivery, attempt, timeout, row)

    def _call(self, delivery: Delivery, attempt: Attempt, timeout: float, row: Mapping[str, Any]) -> bool:
        try:
            answer = self.claude.answer(delivery.request.body, timeout=timeout)
            done = self.finish.answered(delivery.request, attempt, answer)
        except ClaudeRefusedError as error:
            return self._refused(delivery, attempt, error, row)
        except ClaudeError as error:
            return self._unanswered(delivery, attempt, error)
        self.lane.succeeded(delivery.breaker)  # after the answer is safe
        return done

    def _refused(self, delivery: Delivery, attempt: Attempt, error: ClaudeRefusedError, row: Mapping[str, Any]) -> bool:
        match move(error, Call.MESSAGES):
            case Move.EVIDENCE:
                return self._unexplained(delivery, attempt, error, row)
            case Move.FAIL:
                return self._fail(delivery, attempt, error)
            case _:
                return self._unanswered(delivery, attempt, error)

    def _unexplained(
        self, delivery: Delivery, attempt: Attempt, error: ClaudeRefusedError, row: Mapping[str, Any]
    ) -> bool:
        """A spend limit that a user has set reads like a bad request. What is no request's fault fails none."""
        if self._is_bad(delivery.request):
            return self._fail(delivery, attempt, error)
        breaker = self.lane.failed(error, Call.MESSAGES, delivery.breaker, unexplained=True)
        alone = times_alone(row, breaker)
        if is_at_fault(alone):
            return self.finish.refused(delivery.request, attempt, error)
        news = "refused_turn" not in row or alone > row.get("refused_alone", 0)
        note = {"refused_turn": breaker.turn, "refused_alone": alone}
        wait = evidence_delay(news=news, jitter=self.jitter())
        return self._later(delivery, attempt, error, wait, lost=0, note=note)

    def _is_bad(self, request: RealtimeRequest) -> bool:
        """Whether Claude calls the prompt bad even where nothing is paid for, and not any prompt whatever."""
        params = json.loads(request.body)
        if self.claude.takes_prompt(params, timeout=EVIDENCE_SECONDS) is not False:
            return False
        any_prompt = {"model": request.model, "messages": [{"role": "user", "content": "Hello."}]}
        return self.claude.takes_prompt(any_prompt, timeout=EVIDENCE_SECONDS) is True

    def _fail(self, delivery: Delivery, attempt: Attempt, error: ClaudeRefusedError) -> bool:
        self._says_nothing(delivery)
        return self.finish.refused(delivery.request, attempt, error)

    def _unanswered(self, delivery: Delivery, attempt: Attempt, error: ClaudeError) -> bool:
        lost = 0
        if move(error, Call.MESSAGES) is Move.LATER_PERHAPS_BILLED:
            self.finish.possible_duplicate(delivery.request, attempt)
            lost = int(isinstance(error, ClaudeUnclearError) and (error.timed_out or error.unreadable))
        wait = retry_delay(error, receives=delivery.message.receives, jitter=self.jitter())
        done = self._later(delivery, attempt, error, wait, lost=lost)
        self.lane.failed(error, Call.MESSAGES, delivery.breaker)
        return done

    def _later(
        self,
        delivery: Delivery,
        attempt: Attempt,
        error: ClaudeError,
        wait: int,
        *,
        lost: int,
        note: Mapping[str, Any] | None = None,
    ) -> bool:
        """Back to the queue, where waiting costs nothing; `lost` is 1 where the request itself may be the cause."""
        key = delivery.request.key
        logger.warning("claude said not now", action="realtime-later", error=str(error), request=key)
        count("RealtimeRetries")
        seconds("RetriedRequestSeconds", self.finish.waited(attempt))  # SQS's own age leaves out what came three times
        count_trouble(error, Call.MESSAGES)
        lost_leases = attempt.lost_before + lost
        self.requests.release_attempt(key, attempt=attempt.number, lost_leases=lost_leases, note=note)
        self.finish.endangered(delivery.request, attempt, until=self.clock() + timedelta(seconds=wait))
        return self._come_back(delivery.message, wait)

    def _says_nothing(self, delivery: Delivery) -> None:
        """Of the lane, that is; if this was to be the call that tries, another one may."""
        if delivery.is_probe:
            self.lane.give_back(delivery.breaker)

    def _come_back(self, message: Message, visible_in: int) -> bool:
        if is_worn(message, self.clock()):
            self.queue.renew(message, visible_in)
            return True
        self.queue.delay(message, visible_in)
        return False

    def _dead_letter(self, message: Message, reason: str) -> bool:
        """Explicitly, since the queue's own receive limit is high: an outage must not empty the queue in here."""
        logger.error("dead letter", action="realtime-dead-letter", reason=reason, message_id=message.id)
        self.dead_letter_queue.send(json.loads(message.body))
        return True
