"""One event's bookkeeping: which messages must come again, and which are turned away."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from lanekeeper.models import Decision, Request
from lanekeeper.queues import Message
from lanekeeper.telemetry import logger

from .reject import Rejected


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request, and every message of this event that brings it."""

    request: Request
    decision: Decision
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Run:
    """What becomes of the messages of one event; those in neither list are done."""

    failed: set[str] = field(default_factory=set)  # message ids
    rejected: list[Rejected] = field(default_factory=list)

    @contextmanager
    def boundary(self, messages: Sequence[Message]) -> Iterator[None]:
        """What fails in here fails for these messages alone; they come again."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - one record's boundary: whatever it is, it hurts no neighbour
            logger.warning("accept failed", action="accept-failed", error=type(error).__name__, messages=len(messages))
            self.failed.update(message.id for message in messages)


def messages_of(arrivals: Sequence[Arrival]) -> list[Message]:
    return [message for arrival in arrivals for message in arrival.messages]
