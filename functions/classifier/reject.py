"""Messages that can never be accepted: their originals are kept, their reasons told, and they never come again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lanekeeper import moments
from lanekeeper.errors import RejectedError
from lanekeeper.events import CompletionBus, Event
from lanekeeper.queues import Message, Queue
from lanekeeper.spool import Spool
from lanekeeper.telemetry import count, logger


@dataclass(frozen=True, slots=True)
class Rejected:
    """One message, and why."""

    message: Message
    error: RejectedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Original and notice to S3, notice to the rejected queue, event on the bus."""

    spool: Spool
    queue: Queue
    bus: CompletionBus

    def keep(self, rejected: Rejected, *, now: datetime) -> dict[str, Any]:
        """Keeps the original and, beside it, the notice: whoever sent the message can look it up by its MessageId."""
        message = rejected.message
        place = f"rejected/{message.id}"
        notice = {
            "event_id": message.id,
            "code": rejected.error.code,
            "sentence": rejected.error.sentence,
            "original": {"bucket": self.spool.bucket, "key": f"{place}.txt"},
            "sent_at": moments.to_text(message.sent_at),
            "rejected_at": moments.to_text(now),
        }
        self.spool.put(f"{place}.txt", message.body.encode(errors="surrogatepass"))
        self.spool.put(f"{place}.json", json.dumps(notice).encode())
        return notice

    def tell(self, notices: Sequence[dict[str, Any]]) -> Iterable[str]:
        """Tells of messages that were kept; returns the ids of those that must come again."""
        taken = self.queue.send_many((notice, None) for notice in notices)
        self.bus.send(Event("RequestRejected", notice) for notice in notices)
        for notice in notices:
            logger.warning(
                "request rejected", action="request-rejected", code=notice["code"], message_id=notice["event_id"]
            )
        count("RejectedRequests", len(notices))
        return [notice["event_id"] for notice, is_taken in zip(notices, taken, strict=True) if not is_taken]
