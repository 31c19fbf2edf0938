"""How a request can end: with an answer, which may be Claude's refusal, or rejected before anybody was asked."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from lanekeeper.client.errors import ContentGoneError, FailedError, RejectedError
from lanekeeper.client.status import Status
from lanekeeper.models import Lane, Outcome


@dataclass(frozen=True)
class Answer:
    """One request's end. `message` raises where there is none, so that no failure is taken for an answer."""

    workload: str
    id: str
    status: Status
    line: bytes | None = field(repr=False)  # as it is stored, newline included; None where it is no longer kept

    @property
    def outcome(self) -> Outcome:
        """Succeeded or failed."""
        return Outcome(str(self.status.outcome))

    @property
    def reason(self) -> str:
        """Claude's stop_reason, or why it failed."""
        return str(self.status.reason)

    @property
    def lane(self) -> Lane:
        return self.status.lane

    @property
    def cost_micro_usd(self) -> Decimal | None:
        """What was billed, in micro-dollars; None where no price is known."""
        return self.status.cost_micro_usd

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The stored line, parsed: id, workload, metadata, result. Raises ContentGoneError."""
        if self.line is None:
            raise ContentGoneError(self.status.forgotten_at)
        document: Mapping[str, Any] = json.loads(self.line)
        return document

    @property
    def metadata(self) -> Mapping[str, Any]:
        """As it was sent. Raises ContentGoneError."""
        metadata: Mapping[str, Any] = self.document["metadata"]
        return metadata

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Claude's own error where the request failed by one. Raises ContentGoneError."""
        error: Mapping[str, Any] | None = self.document["result"].get("error")
        return error

    @property
    def message(self) -> Mapping[str, Any]:
        """Claude's message, as the Messages API gives it. Raises FailedError or ContentGoneError."""
        if self.outcome is Outcome.FAILED:
            raise FailedError(self.reason, None if self.line is None else self.error)
        message: Mapping[str, Any] = self.document["result"]["message"]
        return message

    @property
    def text(self) -> str:
        """The message's text blocks, one after the other. Raises FailedError or ContentGoneError."""
        return "".join(_texts(self.message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A message that could not be followed: `code` is stable, the sentence says what to change."""

    workload: str
    id: str
    message_id: str
    code: str
    sentence: str
    rejected_at: datetime

    @property
    def message(self) -> Mapping[str, Any]:
        """Raises RejectedError: there is none."""
        raise RejectedError(self.code, self.sentence)

    @property
    def text(self) -> str:
        """Raises RejectedError: there is none."""
        raise RejectedError(self.code, self.sentence)


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    for block in message["content"]:
        if block.get("type") == "text":
            yield block["text"]
