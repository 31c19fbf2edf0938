"""The requests table: one row per request, written at accept and at its end (and at each real-time attempt)."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lanekeeper import moments
from lanekeeper.dynamo import Item, change, get_many, put_if_absent, update
from lanekeeper.models import Decision, Outcome, Request
from lanekeeper.rescue import OVER, PENDING

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
    deadline: str
    is_final: bool = False  # ends the request whatever other attempt lives: its deadline has passed, and that is all


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

    def get_all(self, keys: Sequence[str]) -> dict[str, Item]:
        """The rows of these requests by their keys, as they stand now; missing ones are left out."""
        wanted = [{"request_key": key} for key in dict.fromkeys(keys)]
        found = get_many(self.dynamodb, self.name, wanted, sleep=time.sleep, consistent=True)
        return {row["request_key"]: row for row in found}

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

    def end_lease(self, key: str, *, attempt: int) -> bool:
        """What an attempt has paid, or may have, is booked, although another one ended the request."""
        return self._update(
            key,
            remove=["lease_until"],
            when="#attempt = :attempt AND attribute_exists(#outcome)",
            attempt=attempt,
        )

    def finish_many(self, endings: Iterable[Ending], *, now: datetime) -> list[bool]:
        """Writes terminal states where none stands; a failure only where no other attempt lives.

        Where one does, the failed attempt is taken out of the row, and the other has the last word.
        """
        return [self._finish(ending, now) or self._leave(ending, now) for ending in endings]

    def mark_rescue(self, key: str, *, segment: str, now: datetime) -> bool:
        """Asks for a real-time attempt beside the batch's; True as well where that stands already and has not ended."""
        return self._update(
            key,
            put={"rescue": PENDING, "rescued_at": moments.to_text(now)},
            when="attribute_not_exists(#outcome) AND (#rescue = :pending"
            " OR (#segment = :segment AND attribute_not_exists(#rescue)))",
            segment=segment,
            pending=PENDING,
        )

    def leave_to_rescue(self, key: str, *, segment: str) -> bool:
        """The batch attempt is over, the rescue lives; False where it does not."""
        return self._update(
            key,
            remove=["segment"],
            when="#segment = :segment AND #rescue = :pending AND attribute_not_exists(#outcome)",
            segment=segment,
            pending=PENDING,
        )

    def leave_to_batch(self, key: str) -> bool:
        """The rescue has failed, the batch attempt lives; False where it does not."""
        return self._update(
            key,
            put={"rescue": OVER},
            remove=["lease_until"],
            when="attribute_exists(#segment) AND #rescue = :pending AND attribute_not_exists(#outcome)",
            pending=PENDING,
        )

    def note_endangered(self, key: str, *, now: datetime) -> bool:
        """Says that the deadline will hardly be met; False where the request has its end."""
        return self._update(
            key,
            put={"endangered_at": moments.to_text(now)},
            when="attribute_exists(#request_key) AND attribute_not_exists(#outcome)",
        )

    def note_forgotten(self, key: str, *, now: datetime) -> bool:
        """Says that nothing of an ended request's content is left; False where it said so already."""
        return self._update(
            key,
            put={"forgotten_at": moments.to_text(now)},
            when="attribute_exists(#outcome) AND attribute_not_exists(#forgotten_at)",
        )

    def _finish(self, ending: Ending, now: datetime) -> bool:
        when, values = "attribute_exists(#request_key) AND attribute_not_exists(#outcome)", {}
        if ending.outcome is Outcome.FAILED and not ending.is_final:
            if ending.segment is None:
                when += " AND attribute_not_exists(#segment)"
            else:
                when += " AND #segment = :segment AND (attribute_not_exists(#rescue) OR #rescue <> :pending)"
                values = {"segment": ending.segment, "pending": PENDING}
        # An end from elsewhere leaves the lease of a rescue: what its worker pays is booked by it, or by who finds it.
        is_of_the_lease = ending.segment is None and not ending.is_final
        remove = ["lease_until"] if is_of_the_lease else []
        return self._update(ending.key, put=ending_fields(ending, now), remove=remove, when=when, **values)

    def _leave(self, ending: Ending, now: datetime) -> bool:
        """An end that could not be written: the other attempt has the last word, unless it ended between two looks."""
        if ending.outcome is not Outcome.FAILED or ending.is_final:
            return False
        left = (
            self.leave_to_batch(ending.key)
            if ending.segment is None
            else self.leave_to_rescue(ending.key, segment=ending.segment)
        )
        return not left and self._finish(ending, now)

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
    if request.deadline <= now:  # told at receive
        row["endangered_at"] = moments.to_text(now)
    return row if segment is None else row | {"segment": segment}


def ending_fields(ending: Ending, now: datetime) -> Item:
    """The terminal part of a request's row."""
    finished_at = moments.to_text(now)
    fields: Item = {
        "finished_at": finished_at,
        "outcome": ending.outcome.value,
        "outcome_reason": ending.reason,
        "answer_key": ending.answer_key,
        "answer_from": ending.answer_from,
        "answer_to": ending.answer_to,
        "cost_micro_usd": ending.cost_micro_usd,
    }
    return fields | ({"late": True} if ending.deadline < finished_at else {})
