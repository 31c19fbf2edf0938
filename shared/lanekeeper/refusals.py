"""What we do with each error in which a call to Claude can end: one table. docs/reliability.md shows it."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from lanekeeper.errors import ClaudeError, ClaudeRefusedError, ClaudeUnclearError, ClaudeUnreachableError


class Call(StrEnum):
    """The calls that we make. A count of tokens only gathers evidence: whatever it answers is an answer."""

    CREATE = "create"
    RETRIEVE = "retrieve"
    LIST = "list"
    RESULTS = "results"
    CANCEL = "cancel"
    MESSAGES = "messages"


class Kind(StrEnum):
    """Every error, told apart by HTTP status and error code alone, never by a sentence."""

    BAD_REQUEST = "400"
    ON_HOLD = "400 organization_on_hold"
    AUTHENTICATION = "401"
    BILLING = "402"
    PERMISSION = "403"
    NOT_FOUND = "404"
    REQUEST_TIMED_OUT = "408"
    CONFLICT = "409"
    TOO_LARGE = "413"
    UNPROCESSABLE = "422"
    RATE_LIMIT = "429"
    RATE_LIMIT_WITH_TIME = "429 with retry-after"
    ENFORCED_LIMIT = "429 enforced_spend_limit_reached"
    CONTRACT_LIMIT = "429 contract_spend_limit_reached"
    RAMP_LIMIT = "429 ramp_limit_exceeded"
    CLIENT_GONE = "499"
    ANOTHER_4XX = "another 4xx"
    FAILED = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMED_OUT = "504"
    PROXY = "520 to 527"
    OVERLOADED = "529"
    ANOTHER_5XX = "another 5xx"
    UNREACHABLE = "no connection"
    TIMED_OUT = "no answer in time"
    DROPPED = "connection dropped"
    UNREADABLE = "an answer that is none"


class Move(StrEnum):
    """What becomes of the work behind the call."""

    # create
    HELD = "held with patience"
    HELD_FOR_A_PERSON = "held for a person"
    SPLIT = "split"  # one request that is alone fails
    SPLIT_ON_EVIDENCE = "split on evidence"  # a half further only where Claude took the other half, else held
    DOUBTFUL = "doubtful: settled"  # by the listing: adopted, or sent again once it cannot have arrived
    # retrieve, list, results, cancel
    AGAIN = "again at the next tick"
    AGAIN_FOR_A_PERSON = "again, held for a person"
    WAITED_OUT = "waited out"  # 404 on what we created means neither "gone" nor "send again"
    # messages
    LATER = "later"
    LATER_FOR_A_PERSON = "later, lane held for a person"
    LATER_PERHAPS_BILLED = "later, a possible duplicate"
    EVIDENCE = "asked for evidence"  # a user-set spend limit, or a bad request?
    FAIL = "fails"


def _row(create: Move, messages: Move, *, read: Move = Move.AGAIN, listed: Move | None = None) -> Mapping[Call, Move]:
    reads = dict.fromkeys((Call.RETRIEVE, Call.RESULTS, Call.CANCEL), read)
    return {Call.CREATE: create, **reads, Call.LIST: listed or read, Call.MESSAGES: messages}


_PERSON = _row(Move.HELD_FOR_A_PERSON, Move.LATER_FOR_A_PERSON, read=Move.AGAIN_FOR_A_PERSON)
_NOT_NOW = _row(Move.HELD, Move.LATER)
_FAILED = _row(Move.DOUBTFUL, Move.LATER)  # Claude itself says that it answered nothing; a create may be taken yet
_IN_DOUBT = _row(Move.DOUBTFUL, Move.LATER_PERHAPS_BILLED)
_AT_FAULT = _row(Move.SPLIT, Move.FAIL)

MOVES: Mapping[Kind, Mapping[Call, Move]] = {
    Kind.BAD_REQUEST: _row(Move.SPLIT_ON_EVIDENCE, Move.EVIDENCE, read=Move.AGAIN_FOR_A_PERSON),
    Kind.ON_HOLD: _PERSON,
    Kind.AUTHENTICATION: _PERSON,
    Kind.BILLING: _PERSON,
    Kind.PERMISSION: _PERSON,
    Kind.NOT_FOUND: _row(Move.HELD_FOR_A_PERSON, Move.EVIDENCE, read=Move.WAITED_OUT, listed=Move.AGAIN),
    Kind.REQUEST_TIMED_OUT: _IN_DOUBT,
    Kind.CONFLICT: _NOT_NOW,
    Kind.TOO_LARGE: _AT_FAULT,
    Kind.UNPROCESSABLE: _AT_FAULT,
    Kind.RATE_LIMIT: _NOT_NOW,
    Kind.RATE_LIMIT_WITH_TIME: _NOT_NOW,
    Kind.ENFORCED_LIMIT: _PERSON,
    Kind.CONTRACT_LIMIT: _PERSON,
    Kind.RAMP_LIMIT: _PERSON,
    Kind.CLIENT_GONE: _IN_DOUBT,
    Kind.ANOTHER_4XX: _row(Move.SPLIT_ON_EVIDENCE, Move.EVIDENCE),
    Kind.FAILED: _FAILED,
    Kind.BAD_GATEWAY: _IN_DOUBT,
    Kind.UNAVAILABLE: _FAILED,
    Kind.GATEWAY_TIMED_OUT: _IN_DOUBT,
    Kind.PROXY: _IN_DOUBT,
    Kind.OVERLOADED: _FAILED,
    Kind.ANOTHER_5XX: _FAILED,
    Kind.UNREACHABLE: _NOT_NOW,
    Kind.TIMED_OUT: _IN_DOUBT,
    Kind.DROPPED: _IN_DOUBT,
    Kind.UNREADABLE: _IN_DOUBT,
}

_BY_CODE = {
    "organization_on_hold": Kind.ON_HOLD,
    "enforced_spend_limit_reached": Kind.ENFORCED_LIMIT,
    "contract_spend_limit_reached": Kind.CONTRACT_LIMIT,
    "ramp_limit_exceeded": Kind.RAMP_LIMIT,
}
_BY_STATUS = {int(kind): kind for kind in Kind if kind.isdecimal()} | dict.fromkeys(range(520, 528), Kind.PROXY)


def kind_of(error: ClaudeError) -> Kind:
    """Which row of the table an error is in. An error code of ours decides whatever status it comes with."""
    if isinstance(error, ClaudeUnreachableError):
        return Kind.UNREACHABLE
    if isinstance(error, ClaudeRefusedError):
        kind = _BY_CODE.get(error.error_code or "") or _BY_STATUS.get(error.status, Kind.ANOTHER_4XX)
        timed = kind is Kind.RATE_LIMIT and error.retry_after is not None
        return Kind.RATE_LIMIT_WITH_TIME if timed else kind
    if not isinstance(error, ClaudeUnclearError) or error.unreadable:
        return Kind.UNREADABLE
    if error.status is None:
        return Kind.TIMED_OUT if error.timed_out else Kind.DROPPED
    return _BY_STATUS.get(error.status, Kind.ANOTHER_5XX)


def move(error: ClaudeError, call: Call) -> Move:
    """What we do with this error of this call."""
    return MOVES[kind_of(error)][call]


# --- what ends the trouble ------------------------------------------------------------------------------------------


class Remedy(StrEnum):
    """What ends the trouble that a failed call speaks of."""

    PERSON = "person"  # a spend limit, a key: nothing moves until somebody acts
    PATIENCE = "patience"  # a rate limit, overload: it passes by itself
    NONE = "none"  # it says nothing about the calls to come


_FOR_A_PERSON = {
    Move.HELD_FOR_A_PERSON,
    Move.SPLIT_ON_EVIDENCE,
    Move.AGAIN_FOR_A_PERSON,
    Move.LATER_FOR_A_PERSON,
    Move.EVIDENCE,
}
_FOR_PATIENCE = {Kind.RATE_LIMIT, Kind.RATE_LIMIT_WITH_TIME, Kind.OVERLOADED}


def remedy(error: ClaudeError, call: Call) -> Remedy:
    """Sorts a call that is to be made again, so that the right people learn of it."""
    if move(error, call) in _FOR_A_PERSON:
        return Remedy.PERSON
    return Remedy.PATIENCE if kind_of(error) in _FOR_PATIENCE else Remedy.NONE


def holds_the_lane(error: ClaudeError) -> bool:
    """Whether this error alone says that no other call will fare better until a person has acted."""
    return MOVES[kind_of(error)] is _PERSON


# --- a create that Claude refused -----------------------------------------------------------------------------------

HOLD_DEFAULT = timedelta(seconds=60)
HOLD_MOST = timedelta(hours=1)  # a limit may be raised before Claude thinks it will
HOLD_FOR_A_PERSON = timedelta(seconds=300)  # spend limits, credentials: nothing changes by the second


class Refusal(StrEnum):
    """What a refused create means for the batch."""

    HOLD = "hold"  # nothing is wrong with the requests: wait, perhaps for a person
    SPLIT = "split"  # too large, or one request spoils the rest
    FINAL = "final"  # this one request will never be accepted


def judge_refusal(error: ClaudeRefusedError, *, count: int, others_accepted: bool | None = None) -> Refusal:
    """Sorts a refused create of `count` requests.

    A user-set spend limit comes as a 400 without a code, so what is unexplained is taken for the requests' fault only
    where Claude accepted the other half of what was sent: `others_accepted`, None for a batch that was never cut. A
    create looks at custom_ids alone, which are ours, so a batch of one is held, too.
    """
    made = move(error, Call.CREATE)
    if made not in (Move.SPLIT, Move.SPLIT_ON_EVIDENCE):
        return Refusal.HOLD
    if others_accepted is False and kind_of(error) is not Kind.TOO_LARGE:
        return Refusal.HOLD
    if count == 1 and others_accepted is None and made is Move.SPLIT_ON_EVIDENCE:
        return Refusal.HOLD
    return Refusal.SPLIT if count > 1 else Refusal.FINAL


def hold_time(error: ClaudeRefusedError) -> timedelta:
    """How long to leave it: as Claude says, or until a person can have done something."""
    if error.retry_after is not None:
        return min(timedelta(seconds=error.retry_after), HOLD_MOST)
    return HOLD_FOR_A_PERSON if error.error_code or error.status != 429 else HOLD_DEFAULT


# --- a message that got no answer -----------------------------------------------------------------------------------

RETRY_BASE_SECONDS = 5
RETRY_CAP_SECONDS = 300
EVIDENCE_SECONDS = 30  # the first look again at a refusal that nobody could explain: others may have fared better
TIMES_ALONE = 2


def retry_delay(error: ClaudeError, *, receives: int, jitter: float) -> int:
    """Seconds until a message is tried again: as Claude says or doubling per delivery, plus up to half of it at random.

    `jitter` is a number from 0 to 1. https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter
    """
    doubled = min(RETRY_BASE_SECONDS * 2 ** min(receives - 1, 10), RETRY_CAP_SECONDS)
    base = RETRY_CAP_SECONDS if remedy(error, Call.MESSAGES) is Remedy.PERSON else doubled
    wanted = float(getattr(error, "retry_after", None) or 0)
    return round(max(base, min(wanted, HOLD_MOST.total_seconds())) * (1 + jitter / 2))


def evidence_delay(*, news: bool, jitter: float) -> int:
    """Seconds until an unexplained refusal is looked at again: soon where we learned something, else in minutes."""
    return round(EVIDENCE_SECONDS * (1 + jitter)) if news else round(RETRY_CAP_SECONDS * (1 + jitter / 2))
