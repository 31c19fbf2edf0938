"""What a producer can meet, as precise classes. Their texts name no request: what they are about stands in fields."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lanekeeper.errors import LanekeeperError, RejectedError

if TYPE_CHECKING:
    from lanekeeper.client.requests import NotSent, Ticket

__all__ = [
    "ContentGoneError",
    "FailedError",
    "InvalidWorkloadError",
    "NotSentError",
    "RejectedError",
    "TimedOutError",
    "UnknownStackError",
]


class UnknownStackError(LanekeeperError):
    """There is no such stack, or it is none of Lanekeeper's; the message says what to change."""


class NotSentError(LanekeeperError):
    """Some requests did not get onto the queue. Those that did have tickets: do not send them again."""

    def __init__(self, tickets: Sequence["Ticket"], not_sent: Sequence["NotSent"]) -> None:
        first = f": {not_sent[0].code}: {not_sent[0].sentence}" if not_sent else ""
        super().__init__(f"{len(not_sent)} of {len(tickets) + len(not_sent)} requests were not sent{first}")
        self.tickets = tuple(tickets)
        self.not_sent = tuple(not_sent)


class FailedError(LanekeeperError):
    """The request has ended without an answer. `reason` is Claude's error type, or ours; `error` is Claude's own."""

    def __init__(self, reason: str, error: object = None) -> None:
        super().__init__(f"the request failed: {reason}")
        self.reason = reason
        self.error = error  # it may quote the request, so it stands in no text


class ContentGoneError(LanekeeperError):
    """The answer was given once and is no longer kept: deleted on request, or older than the stack keeps content."""

    def __init__(self, forgotten_at: datetime | None) -> None:
        why = "its retention has passed" if forgotten_at is None else f"deleted on request at {forgotten_at:%F %T}Z"
        super().__init__(f"the answer is no longer kept: {why}")
        self.forgotten_at = forgotten_at


class TimedOutError(LanekeeperError, TimeoutError):
    """The time to wait is up. Nothing is lost: wait for the `pending` tickets again, or fetch them later."""

    def __init__(self, pending: Sequence["Ticket"]) -> None:
        super().__init__(f"{len(pending)} requests are still on their way; their answers can be fetched later")
        self.pending = tuple(pending)


class InvalidWorkloadError(LanekeeperError, ValueError):
    """No workload can have this name: it has 1 to 40 of a-z, 0-9 and -, and does not start with -."""
