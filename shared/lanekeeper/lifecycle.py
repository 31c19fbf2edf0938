"""What to do next with a lost create, a result row, a real-time attempt: decisions only, no deeds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lanekeeper import moments
from lanekeeper.models import ClaudeBatch, Lane
from lanekeeper.rescue import is_being_rescued
from lanekeeper.results import LOST

MAX_ROUNDS = 3  # of re-buffering: then a passing error has not passed
MAX_LOST_LEASES = 3  # workers that died or ran out of time over the same request: then the request is the cause

# --- a create whose answer was lost ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Adopt:
    """This Claude batch is the one we sent."""

    batch: ClaudeBatch


class Settlement(StrEnum):
    WAIT = "wait"  # it may still show up in the listing
    SEND_AGAIN = "send-again"  # it never arrived


def settle(
    candidates: Iterable[ClaudeBatch],
    *,
    conclusive: bool,
    sending_at: datetime,
    now: datetime,
    settle_after: timedelta,
) -> Adopt | Settlement:
    """Decides by the unknown batches of our total that came after the anchor.

    One that has ended is a candidate only if its custom_ids are ours, so it is the one. Of several that still run
    nobody can say which, so nothing is sent. A listing that is not `conclusive` shows another workspace than the one
    that we sent to: what it lacks is no sign, and of what it shows only custom_ids prove anything.
    """
    found = list(candidates)
    ours = [batch for batch in found if batch.ended] or (found if conclusive else [])
    if len(ours) == 1:
        return Adopt(ours[0])
    if found or not conclusive:
        return Settlement.WAIT
    return Settlement.SEND_AGAIN if now - sending_at >= settle_after else Settlement.WAIT


# --- a result row ---------------------------------------------------------------------------------------------------

_FINAL_ERRORS = {"invalid_request_error", "not_found_error", "request_too_large"}


class RowVerdict(StrEnum):
    SUCCEEDED = "succeeded"  # billed, terminal, whatever its stop_reason
    FAILED = "failed"  # the request itself is at fault, or the rounds are used up
    AGAIN = "again"  # a passing error, expired or canceled: unbilled, goes round again


def judge_row(result: Mapping[str, Any], *, round_: int) -> tuple[RowVerdict, str]:
    """A row's verdict and reason. A type that we do not know raises KeyError: it is never taken for a success."""
    kind = result["type"]
    if kind == "succeeded":
        return RowVerdict.SUCCEEDED, str(result["message"].get("stop_reason"))
    if kind == LOST:  # perhaps billed: it never goes round again
        return RowVerdict.FAILED, "result-lost"
    reason = {"errored": error_type(result), "expired": "expired", "canceled": "canceled"}[kind]
    if reason in _FINAL_ERRORS:
        return RowVerdict.FAILED, reason
    return (
        (RowVerdict.AGAIN, reason)
        if round_ < MAX_ROUNDS
        else (RowVerdict.FAILED, f"{reason}-after-{MAX_ROUNDS}-rounds")
    )


def error_type(result: Mapping[str, Any]) -> str:
    """The type of an errored row's doubly nested error; `unknown` where it has none."""
    outer = result.get("error")
    inner = outer.get("error") if isinstance(outer, Mapping) else None
    return str(inner.get("type", "unknown")) if isinstance(inner, Mapping) else "unknown"


# --- a real-time attempt --------------------------------------------------------------------------------------------


class Begin(StrEnum):
    """What a delivery to the real-time lane meets."""

    ANSWER = "answer"  # nobody works on it
    RECOVER = "recover"  # its last worker died: perhaps paid, so look for the answer before paying again
    BUSY = "busy"  # somebody works on it now
    DONE = "done"  # it has its answer
    BOOK = "book"  # it has its end from elsewhere, and what a worker that died may have paid is not booked
    GIVE_UP = "give-up"  # it has cost enough workers their lives or their time
    ELSEWHERE = "elsewhere"  # its rescue has failed, and its batch goes on with it
    UNKNOWN = "unknown"  # no such row: not accepted by us


def begin(row: Mapping[str, Any] | None, *, now: datetime) -> Begin:
    """Reads a request's row at the start of a delivery."""
    if row is None:
        return Begin.UNKNOWN
    if "outcome" in row and "lease_until" not in row:
        return Begin.DONE
    if "lease_until" in row and moments.from_text(row["lease_until"]) > now:
        return Begin.BUSY
    if "outcome" in row:
        return Begin.BOOK
    if row["lane"] == Lane.BATCH and not is_being_rescued(row):
        return Begin.ELSEWHERE
    if lost_leases(row) >= MAX_LOST_LEASES:
        return Begin.GIVE_UP
    return Begin.RECOVER if "lease_until" in row else Begin.ANSWER


def lost_leases(row: Mapping[str, Any]) -> int:
    """Attempts that died or ran out of time without an answer; the last one's lease may still stand."""
    return int(row.get("lost_leases", 0)) + ("lease_until" in row)
