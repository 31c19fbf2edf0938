"""What can go wrong, as precise classes. No message carries content, keys or producers' ids."""

from typing import Any


class LanekeeperError(Exception):
    """The root of every error that Lanekeeper raises itself."""


class RejectedError(LanekeeperError):
    """A request that can never be accepted as it is: `code` is stable, the sentence says what to change."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


class RegistryError(LanekeeperError):
    """workloads.yaml says something that cannot be followed; the message names the workload and the remedy."""


class SegmentAbandonedError(LanekeeperError):
    """Another classifier has re-homed this segment's requests while we were paused: its messages must come again."""


class ClaudeError(LanekeeperError):
    """A call to the Claude API that gave no result."""


class ClaudeRefusedError(ClaudeError):
    """Claude answered, and the answer is no: a definite 4xx. Nothing was executed, nothing is billed.

    `body` is Claude's own error object. It may quote the request, so it goes to S3 and never into a message.
    """

    def __init__(
        self, status: int, error_type: str, *, error_code: str | None, retry_after: float | None, body: Any = None
    ) -> None:
        super().__init__(f"HTTP {status} {error_type}" + (f" ({error_code})" if error_code else ""))
        self.status = status
        self.error_type = error_type
        self.error_code = error_code
        self.retry_after = retry_after
        self.body = body


class ClaudeUnreachableError(ClaudeError):
    """No connection was made: the call was never sent."""


class ClaudeUnclearError(ClaudeError):
    """No answer, a broken one, or a 5xx: the call may or may not have taken effect at Claude's side."""

    def __init__(
        self,
        what: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        timed_out: bool = False,
        unreadable: bool = False,
    ) -> None:
        super().__init__(what)
        self.status = status  # None where no answer came at all
        self.retry_after = retry_after
        self.timed_out = timed_out  # by our own patience: the request may simply be slow
        self.unreadable = unreadable  # something came, and it is not what the API answers


class IncompleteResultsError(LanekeeperError):
    """A row of a download cannot be read or has come before, or rows are without a request of the batch's."""


class ForeignResultsError(LanekeeperError):
    """A row with a custom_id that the batch does not hold."""
