"""Held: while the real-time lane is held, messages go back as they are; only deadlines that come near are told of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper.breaker import back_in
from lanekeeper.queues import Message, Queue, is_worn
from lanekeeper.realtime_messages import deadline_of, read_message
from lanekeeper.requests_table import RequestsTable
from lanekeeper.rescue import is_over
from lanekeeper.telemetry import logger

from .attempt import Attempt
from .finish import Finish, is_near


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """No call is made, and no row or object read, but for those whose deadline passes before they come again."""

    requests: RequestsTable
    queue: Queue
    finish: Finish
    clock: Callable[[], datetime]
    jitter: Callable[[], float]

    def __call__(self, messages: Sequence[Message]) -> list[str]:
        """Returns the ids of the messages that must come again; worn ones go on as fresh copies."""
        back = [(message, back_in(self.jitter())) for message in messages]
        worn = [(message, wait) for message, wait in back if is_worn(message, self.clock())]
        waiting = [each for each in back if each not in worn]
        if waiting:
            self.queue.delay_each(waiting)
        for message, wait in back:
            self._tell(message, self.clock() + timedelta(seconds=wait))
        for message, wait in worn:
            self.queue.renew(message, wait)
        return [message.id for message, _ in waiting]

    def _tell(self, message: Message, until: datetime) -> None:
        deadline = deadline_of(message.body)
        if deadline is None or not is_near(deadline, until):
            return
        try:
            request = read_message(message.body, self.finish.spool)
            row = self.requests.get(request.key)
            if row is not None and not is_over(row):
                self.finish.endangered(request, Attempt.next_of(row, self.clock()), until=until)
        except Exception as error:  # noqa: BLE001 - one message's boundary; its text may quote the message
            logger.warning("deadline untold", action="deadline-untold", error=type(error).__name__)
