"""What to do next with a batch, a create that failed, a result row, a real-time attempt: decisions only, no deeds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lanekeeper import moments
from lanekeeper.errors import ClaudeError, ClaudeRefusedError, ClaudeUnclearError
from lanekeeper.models import ClaudeBatch
from lanekeeper.results import LOST

MAX_ROUNDS = 3  # of re-buffering: then a passing error has not passed
MAX_LOST_LEASES = 3  # workers that died or ran out of time over the same request: then the request is the cause

# --- a create that Claude refused -----------------------------------------------------------------------------------

HOLD_DEFAULT = timedelta(seconds=60)
HOLD_MOST = timedelta(hours=1)  # a limit may be raised before Claude thinks it will
HOLD_FOR_A_PERSON = timedelta(seconds=300)  # spend limits, credentials: nothing changes by the second

_SPEND_CODES = {
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "ramp_limit_exceeded",
    "organization_on_hold",
}
_NOT_THE_REQUEST = {401, 402, 403, 409, 429}


class Refusal(StrEnum):
    """What a definite no means for the work behind it."""

    HOLD = "hold"  # nothing is wrong with the requests: wait, perhaps for a person
    SPLIT = "split"  # too large, or one request spoils the rest
    FINAL = "final"  # this one request will never be accepted


def judge_refusal(error: ClaudeRefusedError, *, count: int, others_accepted: bool | None = None) -> Refusal:
    """Sorts a refused create of `count` requests, or a refused Messages call (count 1).

    A user-set spend limit comes as a 400 without a code, so an unexplained 400 is taken for the requests' fault only
    where Claude accepted the other half of what was sent: `others_accepted`, None for a batch that was never cut. A
    create looks at custom_ids alone, which are ours, so a batch of one is held, too.
    """
    if error.error_code in _SPEND_CODES or error.status in _NOT_THE_REQUEST:
        return Refusal.HOLD
    if error.status == 404 and count > 1:
        return Refusal.HOLD
    if others_accepted is False and error.status != 413:
        return Refusal.HOLD
    if count == 1 and others_accepted is None and error.status == 400:
        return Refusal.HOLD
    return Refusal.SPLIT if count > 1 else Refusal.FINAL


def hold_time(error: ClaudeRefusedError) -> timedelta:
    """How long to leave it: as Claude says, or until a person can have done something."""
    if error.retry_after is not None:
        return min(timedelta(seconds=error.retry_after), HOLD_MOST)
    return HOLD_FOR_A_PERSON if error.error_code or error.status != 429 else HOLD_DEFAULT


class Remedy(StrEnum):
    """What ends the trouble that a failed call speaks of."""

    PERSON = "person"  # a spend limit, a key: nothing moves until somebody acts
    PATIENCE = "patience"  # a rate limit, overload: it passes by itself
    NONE = "none"  # it says nothing about the calls to come


_FOR_A_PERSON = {400, 401, 402, 403}  # 400: how a spend limit that a user has set is told
_FOR_PATIENCE = {429, 529}


def remedy(error: ClaudeError) -> Remedy:
    """Sorts a call that is to be made again, so that the right people learn of it."""
    status = getattr(error, "status", None)
    if isinstance(error, ClaudeRefusedError) and (status in _FOR_A_PERSON or error.error_code in _SPEND_CODES):
        return Remedy.PERSON
    return Remedy.PATIENCE if status in _FOR_PATIENCE else Remedy.NONE


# --- a create whose answer was lost ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Adopt:
    """This Claude batch is the one we sent."""

    batch: ClaudeBatch


class Settlement(StrEnum):
    WAIT = "wait"  # it may still show up in the listing
    SEND_AGAIN = "send-again"  # it never arrived


def settle(
    candidates: Iterable[ClaudeBatch], *, sending_at: datetime, now: datetime, settle_after: timedelta
) -> Adopt | Settlement:
    """Decides by the unknown batches of our total that came after the anchor.

    One that has ended is a candidate only if its custom_ids are ours, so it is the one. Of several that still run
    nobody can say which, so nothing is sent.
    """
    found = list(candidates)
    ours = [batch for batch in found if batch.ended] or found
    if len(ours) == 1:
        return Adopt(ours[0])
    if found:
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
    GIVE_UP = "give-up"  # it has cost enough workers their lives or their time
    UNKNOWN = "unknown"  # no such row: not accepted by us


def begin(row: Mapping[str, Any] | None, *, now: datetime) -> Begin:
    """Reads a request's row at the start of a delivery."""
    if row is None:
        return Begin.UNKNOWN
    if "outcome" in row:
        return Begin.DONE
    if "lease_until" in row and moments.from_text(row["lease_until"]) > now:
        return Begin.BUSY
    if lost_leases(row) >= MAX_LOST_LEASES:
        return Begin.GIVE_UP
    return Begin.RECOVER if "lease_until" in row else Begin.ANSWER


def lost_leases(row: Mapping[str, Any]) -> int:
    """Attempts that died or ran out of time without an answer; the last one's lease may still stand."""
    return int(row.get("lost_leases", 0)) + ("lease_until" in row)


def perhaps_billed(error: ClaudeUnclearError) -> bool:
    """Whether a Messages call without an answer may have been executed: no answer at all, or a gateway's guess."""
    return error.status is None or error.status in _LOST_BEHIND_A_GATEWAY


_LOST_BEHIND_A_GATEWAY = {408, 499, 502, 504, *range(520, 528)}


RETRY_BASE_SECONDS = 5
RETRY_CAP_SECONDS = 300


def retry_delay(error: ClaudeError, *, receives: int, jitter: float) -> int:
    """Seconds until a message is tried again: as Claude says or doubling per delivery, plus up to half of it at random.

    `jitter` is a number from 0 to 1. https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter
    """
    if isinstance(error, ClaudeRefusedError) and error.retry_after is None and error.status != 429:
        base = HOLD_FOR_A_PERSON.total_seconds()
    else:
        base = min(RETRY_BASE_SECONDS * 2 ** min(receives - 1, 10), RETRY_CAP_SECONDS)
        base = max(base, getattr(error, "retry_after", None) or 0)
    return min(round(base * (1 + jitter / 2)), 43_200 // 2)
