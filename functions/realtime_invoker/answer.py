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
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lanekeeper import moments
from lanekeeper.claude import Claude
from lanekeeper.errors import ClaudeError, ClaudeRefusedError, ClaudeUnclearError, ClaudeUnreachableError
from lanekeeper.lifecycle import (
    Begin,
    Refusal,
    begin,
    judge_refusal,
    perhaps_billed,
    retry_delay,
)
from lanekeeper.queues import Message, Queue
from lanekeeper.realtime_messages import RealtimeRequest, is_large, read_message
from lanekeeper.requests_table import RequestsTable
from lanekeeper.telemetry import count, count_trouble, logger, seconds

from .attempt import Attempt
from .finish import Finish

WRITE_SECONDS = 15.0  # kept back from the function's time, for storing what the call answers
LEAST_CALL_SECONDS = 60.0  # a call begun with less could be cut off although Claude answers it
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The real-time invoker's one deed."""

    requests: RequestsTable
    claude: Claude
    queue: Queue
    dead_letter_queue: Queue
    finish: Finish
    clock: Callable[[], datetime]
    jitter: Callable[[], float]

    def __call__(self, messages: Sequence[Message], *, seconds_left: Callable[[], float]) -> list[str]:
        """Returns the ids of the messages that must come again."""
        lease = timedelta(seconds=seconds_left()) + LEASE_MARGIN
        self.queue.delay_many(messages, math.ceil(lease.total_seconds()))  # a dead worker's messages come back soon
        with ThreadPoolExecutor(max_workers=len(messages)) as pool:
            done = pool.map(lambda message: self._one(message, lease, seconds_left), messages)
        return [message.id for message, is_done in zip(messages, done, strict=True) if not is_done]

    def _one(self, message: Message, lease: timedelta, seconds_left: Callable[[], float]) -> bool:
        try:
            with _room_for_large if is_large(message.body) else nullcontext():
                request = read_message(message.body, self.finish.spool)
                return self._deliver(Delivery(message, request, lease, seconds_left))
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
        if state is Begin.DONE:  # one whose content was deleted has nobody's id any more to tell of
            return "forgotten_at" in row or self.finish.announce(delivery.request, row)
        if state is Begin.ELSEWHERE:
            return True
        if state is Begin.BUSY:
            lease_left = moments.from_text(row["lease_until"]) - now
            return self._come_back(delivery.message, math.ceil(lease_left.total_seconds()) + 1)
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
        if not self.requests.begin_attempt(delivery.request.key, seen=row, put=put):
            return False
        return self._call(delivery, attempt, timeout)

    def _call(self, delivery: Delivery, attempt: Attempt, timeout: float) -> bool:
        try:
            answer = self.claude.answer(delivery.request.body, timeout=timeout)
        except ClaudeUnclearError as error:
            if perhaps_billed(error):
                self.finish.possible_duplicate(delivery.request, attempt)
            return self._try_later(delivery, attempt, error, lost=int(error.timed_out))
        except ClaudeRefusedError as error:
            if judge_refusal(error, count=1, others_accepted=True) is not Refusal.FINAL:
                return self._try_later(delivery, attempt, error)
            return self.finish.refused(delivery.request, attempt, error)
        except ClaudeUnreachableError as error:
            return self._try_later(delivery, attempt, error)
        return self.finish.answered(delivery.request, attempt, answer)

    def _try_later(self, delivery: Delivery, attempt: Attempt, error: ClaudeError, *, lost: int = 0) -> bool:
        """Back to the queue, where waiting costs nothing; `lost` is 1 for an attempt that ran out of its time."""
        key, message = delivery.request.key, delivery.message
        logger.warning("claude said not now", action="realtime-later", error=str(error), request=key)
        count("RealtimeRetries")
        seconds("RetriedRequestSeconds", self.finish.waited(attempt))  # SQS's own age leaves out what came three times
        count_trouble(error)
        self.requests.release_attempt(key, attempt=attempt.number, lost_leases=attempt.lost_before + lost)
        wait = retry_delay(error, receives=message.receives, jitter=self.jitter())
        self.finish.endangered(delivery.request, attempt, until=self.clock() + timedelta(seconds=wait))
        return self._come_back(message, wait)

    def _come_back(self, message: Message, visible_in: int) -> bool:
        self.queue.delay(message, visible_in)
        return False

    def _dead_letter(self, message: Message, reason: str) -> bool:
        """Explicitly, since the queue's own receive limit is high: an outage must not empty the queue in here."""
        logger.error("dead letter", action="realtime-dead-letter", reason=reason, message_id=message.id)
        self.dead_letter_queue.send(json.loads(message.body))
        return True
