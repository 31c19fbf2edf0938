"""A message that can never be accepted: its original is kept, its reason told, and it never comes again."""

from dataclasses import dataclass
from datetime import datetime

from lanekeeper import moments
from lanekeeper.errors import RejectedError
from lanekeeper.events import CompletionBus, Event
from lanekeeper.queues import Message, Queue
from lanekeeper.spool import Spool
from lanekeeper.telemetry import count, logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Original to S3, notice to the rejected queue, event on the bus."""

    spool: Spool
    queue: Queue
    bus: CompletionBus

    def __call__(self, message: Message, error: RejectedError, *, now: datetime) -> None:
        original = f"rejected/{moments.day_of(message.sent_at)}/{message.id}.txt"
        notice = {
            "event_id": message.id,
            "code": error.code,
            "sentence": error.sentence,
            "original": {"bucket": self.spool.bucket, "key": original},
            "sent_at": moments.to_text(message.sent_at),
            "rejected_at": moments.to_text(now),
        }
        self.spool.put(original, message.body.encode(errors="surrogatepass"))
        self.queue.send(notice)
        self.bus.send([Event("RequestRejected", notice)])
        logger.warning("request rejected", action="request-rejected", code=error.code, message_id=message.id)
        count("RejectedRequests")
