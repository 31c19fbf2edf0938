"""An attempt: one lease on a request, as its row tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lanekeeper import moments
from lanekeeper.lifecycle import lost_leases


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One lease on a request."""

    number: int
    started_at: datetime
    accepted_at: str
    deadline: str
    lane: str  # of its row: the first decision, also of what is rescued from a batch
    lost_before: int  # attempts before it that ended without an answer
    is_rescue: bool  # its batch would be too late
    is_told: bool  # that its deadline will hardly be met

    @classmethod
    def next_of(cls, row: Mapping[str, Any], now: datetime) -> "Attempt":
        return cls(number=int(row["attempt"]) + 1, started_at=now, lost_before=lost_leases(row), **cls._of_request(row))

    @classmethod
    def last_of(cls, row: Mapping[str, Any]) -> "Attempt":
        return cls(
            number=int(row["attempt"]),
            started_at=moments.from_text(row["attempt_at"]),
            lost_before=int(row.get("lost_leases", 0)),
            **cls._of_request(row),
        )

    @staticmethod
    def _of_request(row: Mapping[str, Any]) -> dict[str, Any]:
        """A rescue has waited since it was asked for: the hours in its batch are not this lane's."""
        return {
            "accepted_at": row.get("rescued_at", row["accepted_at"]),
            "deadline": row["deadline"],
            "lane": row["lane"],
            "is_rescue": "rescue" in row,
            "is_told": "endangered_at" in row,
        }

    def fields(self) -> dict[str, Any]:
        """What the row says of it."""
        return {
            "attempt": self.number,
            "attempt_at": moments.to_text(self.started_at),
            "lost_leases": self.lost_before,
        }
