"""A Message Batch: what it was asked, how far it gets, and what each of its rows becomes."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from local.emulator.downloads import LineFault, spoiled_line
from local.emulator.ids import base58
from local.emulator.markers import Marker
from local.emulator.outcomes import RowType
from local.emulator.plan import Plan, Usage, message_json

LIFETIME = timedelta(hours=24)
RESULTS_KEPT = timedelta(days=29)
# How long a cancelled batch takes to wind down.
CANCEL_TAKES = timedelta(seconds=30)

# The position of a row whose turn never comes.
NEVER = math.inf


@dataclass(slots=True)
class Row:
    """One request of a batch. It is checked on arrival, and shows nothing of that until the batch has ended."""

    custom_id: str
    plan: Plan | None
    error: dict[str, Any] | None  # the error document
    position: float  # when its turn comes, from 0 (at once) to 1 (at the batch's planned end)
    marker: Marker | None = None
    type: RowType | None = None
    usage: Usage | None = None
    downloads: int = 0

    def line_fault(self) -> LineFault | None:
        """What its marker does to its line in this download."""
        self.downloads += 1
        if self.marker is None or (self.marker.times and self.downloads > self.marker.times):
            return None
        return self.marker.line


@dataclass(slots=True, kw_only=True)
class Batch:
    """A batch and its rows; times are emulated."""

    id: str
    created_at: datetime
    planned_end: datetime
    rows: list[Row]
    listed_from: datetime  # before that it is in no listing
    found_from: datetime  # before that it is not found under its id
    hidden_once_ended: timedelta = timedelta(0)  # for so long after its end it is not found either
    cancel_initiated_at: datetime | None = None
    ended_at: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def expires_at(self) -> datetime:
        return self.created_at + LIFETIME

    @property
    def archived_at(self) -> datetime:
        """From then on the batch is still listed, and its results are gone."""
        return self.created_at + RESULTS_KEPT

    @property
    def due(self) -> datetime:
        """When it ends: as planned, on expiry, or soon after it was cancelled."""
        ends = [self.planned_end, self.expires_at]
        if self.cancel_initiated_at:
            ends.append(self.cancel_initiated_at + CANCEL_TAKES)
        return min(ends)

    @property
    def status(self) -> str:
        if self.ended_at:
            return "ended"
        return "canceling" if self.cancel_initiated_at else "in_progress"

    @property
    def reach(self) -> float:
        """How far it got before it was stopped: rows at a later position were never begun."""
        stopped = min(self.expires_at, self.cancel_initiated_at or self.expires_at)
        return (stopped - self.created_at) / max(self.planned_end - self.created_at, timedelta.resolution)

    def is_found(self, now: datetime) -> bool:
        return now >= self.found_from and not (self.ended_at and now < self.ended_at + self.hidden_once_ended)

    @property
    def type_of_unreached(self) -> RowType:
        return "canceled" if self.cancel_initiated_at else "expired"


def row_line(batch: Batch, row: Row) -> bytes:
    """One line of a download of the results. The message's id is the same in every download."""
    document = {"custom_id": row.custom_id, "result": _result_json(batch, row)}
    line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
    fault = row.line_fault()
    return spoiled_line(line, fault) if fault else line


def _result_json(batch: Batch, row: Row) -> dict[str, Any]:
    if row.type == "succeeded" and row.plan and row.usage:
        message_id = "msg_01" + base58(sha256(f"{batch.id}/{row.custom_id}".encode()).digest())
        return {"type": "succeeded", "message": message_json(message_id, row.plan, row.usage)}
    if row.type == "errored":
        return {"type": "errored", "error": row.error}
    return {"type": row.type}
