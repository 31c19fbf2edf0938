"""How far a request is: its row, typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from lanekeeper import moments
from lanekeeper.models import Lane, Outcome


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer's line lies in the content bucket: its bytes from `start` up to, not including, `end`."""

    key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An accepted request. While it is on its way, what belongs to its end is None."""

    key: str  # of its row; the row holds only this hash of workload and id
    workload: str
    content_hash: str
    model: str
    lane: Lane
    lane_reason: str  # the rule that chose the lane
    sent_at: datetime
    deadline: datetime
    outcome: Outcome | None = None
    reason: str | None = None  # Claude's stop_reason, or why it failed
    cost_micro_usd: Decimal | None = None  # None, too, where no price is known
    finished_at: datetime | None = None
    place: Place | None = None
    forgotten_at: datetime | None = None  # when its content was deleted on request

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """Reads a row of RequestsTable."""
        return cls(
            key=row["request_key"],
            workload=row["workload"],
            content_hash=row["content_hash"],
            model=row["model"],
            lane=Lane(row["lane"]),
            lane_reason=row["reason"],
            sent_at=moments.from_text(row["sent_at"]),
            deadline=moments.from_text(row["deadline"]),
            forgotten_at=_moment(row, "forgotten_at"),
            **(_end(row) if "outcome" in row else {}),
        )


def _end(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "outcome": Outcome(row["outcome"]),
        "reason": row["outcome_reason"],
        "cost_micro_usd": row.get("cost_micro_usd"),
        "finished_at": _moment(row, "finished_at"),
        "place": _place(row),
    }


def _place(row: Mapping[str, Any]) -> Place | None:
    if row.get("answer_key") is None:
        return None
    return Place(row["answer_key"], int(row["answer_from"]), int(row["answer_to"]))


def _moment(row: Mapping[str, Any], name: str) -> datetime | None:
    return moments.from_text(row[name]) if row.get(name) else None
