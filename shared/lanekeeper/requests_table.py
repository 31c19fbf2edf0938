"""The requests table: one row per request, written at accept and at its end (and at each real-time attempt)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lanekeeper import moments
from lanekeeper.dynamo import Item, change, put_if_absent, update
from lanekeeper.models import Decision, Outcome, Request

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEEP = timedelta(days=45)  # longer than any queue (14 days) plus Claude's results (29 days): a redrive finds its row


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The terminal state of one request: why, where its answer lies, what it cost (None: unknown)."""

    key: str
    segment: str | None  # the attempt in the batch lane that ends here; None for one in real time
    outcome: Outcome
    reason: str
    answer_key: str
    answer_from: int
    answer_to: int
    cost_micro_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class RequestsTable:
    """Conditional writes on request rows, each with a name."""

    dynamodb: "DynamoDBClient"
    name: str

    def accept_many(self, rows: Iterable[Item]) -> list[Item | None]:
        """Puts rows where none stands; for each, None if it is new, else the row that stands there."""
        return [put_if_absent(self.dynamodb, self.name, "request_key", row) for row in rows]

    def get(self, key: str) -> Item | None:
        return self.dynamodb.get_item(TableName=self.name, Key={"request_key": key}, ConsistentRead=True).get("Item")

    def move(self, key: str, *, from_segment: str, to_segment: str) -> bool:
        """Gives an unanswered request a new home; False where it has moved or ended meanwhile."""
        return self._update(
            key,
            put={"segment": to_segment},
            when="#segment = :from AND attribute_not_exists(#outcome)",
            **{"from": from_segment},
        )

    def begin_attempt(self, key: str, *, seen: Mapping[str, Any], put: Mapping[str, Any]) -> bool:
        """Starts a real-time attempt under a lease; False where another one has begun, or the request has ended."""
        return self._update(
            key,
            put=put,
            when="#attempt = :attempt AND attribute_not_exists(#outcome)",
            attempt=seen["attempt"],
        )

    def release_attempt(
        self, key: str, *, attempt: int, lost_leases: int, note: Mapping[str, Any] | None = None
    ) -> bool:
        """Ends a real-time attempt that gave no answer; `lost_leases` is how many ended without one by now.

        `note` is what the next attempt should know of it.
        """
        return self._update(
            key,
            put={"lost_leases": lost_leases, **(note or {})},
            remove=["lease_until"],
            when="#attempt = :attempt AND attribute_not_exists(#outcome)",
            attempt=attempt,
        )

    def finish_many(self, endings: Iterable[Ending], *, now: datetime) -> list[bool]:
        """Writes terminal states where none stands; a failure only while its own attempt is the live one."""
        return [self._finish(ending, now) for ending in endings]

    def note_forgotten(self, key: str, *, now: datetime) -> bool:
        """Says that nothing of an ended request's content is left; False where it said so already."""
        return self._update(
            key,
            put={"forgotten_at": moments.to_text(now)},
            when="attribute_exists(#outcome) AND attribute_not_exists(#forgotten_at)",
        )

    def _finish(self, ending: Ending, now: datetime) -> bool:
        failed_in_segment = ending.outcome is Outcome.FAILED and ending.segment is not None
        return self._update(
            ending.key,
            put=ending_fields(ending) | {"finished_at": moments.to_text(now)},
            remove=["lease_until"],
            when="attribute_exists(#request_key) AND attribute_not_exists(#outcome)"
            + (" AND #segment = :segment" if failed_in_segment else ""),
            **({"segment": ending.segment} if failed_in_segment else {}),
        )

    def _update(self, key: str, *, when: str, **arguments: Any) -> bool:
        return update(self.dynamodb, self.name, change({"request_key": key}, when=when, **arguments))


def new_row(request: Request, decision: Decision, *, segment: str | None, now: datetime) -> Item:
    """A request's first row; `segment` is its home in the batch lane."""
    row: Item = {
        "request_key": request.key,
        "workload": request.workload,
        "content_hash": request.content_hash,
        "model": request.model,
        "lane": decision.lane.value,
        "reason": decision.reason,
        "sent_at": moments.to_text(request.sent_at),
        "deadline": moments.to_text(request.deadline),
        "accepted_at": moments.to_text(now),
        "attempt": 0,
        "expires_at": int((now + KEEP).timestamp()),
    }
    return row if segment is None else row | {"segment": segment}


def ending_fields(ending: Ending) -> Item:
    """The terminal part of a request's row."""
    return {
        "outcome": ending.outcome.value,
        "outcome_reason": ending.reason,
        "answer_key": ending.answer_key,
        "answer_from": ending.answer_from,
        "answer_to": ending.answer_to,
        "cost_micro_usd": ending.cost_micro_usd,
    }
