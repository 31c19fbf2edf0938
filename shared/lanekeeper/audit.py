"""Gap accounting: what a gap is, and what the tables say of batches, as the checks need it.

Every accepted request is in one place, every Claude batch is somebody's, and the ledger is what the stored answers
used. Whatever contradicts that is a gap: named by request keys, rows and batches, never by producers' ids.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from lanekeeper import moments
from lanekeeper.identity import ULID_LENGTH
from lanekeeper.models import Member

GRACE = timedelta(minutes=10)  # what is younger is in flight
CLOSED = frozenset({"COLLECTED", "SPLIT", "DROPPED"})  # states in which a batch is nobody's home any more
FOREIGN = "foreign"  # the owner of a Claude batch whose rows proved that it is none of ours
LISTED_FOR = timedelta(days=30)  # how far back Claude's listing is read
CLAUDE_KEEPS = timedelta(days=29)
FADING = timedelta(days=14)  # of an owner row's 45 days: its batch was sealed before it, so it expires before it


class Kind(StrEnum):
    """What can be wrong; the value is how it is printed."""

    NO_HOME = "request-without-home"  # unanswered, and nothing that lives holds it
    NOT_COMMITTED = "segment-not-committed"  # its segment never came to be
    CLOSED_UNANSWERED = "batch-closed-unanswered"  # its batch is done, and it has neither an end nor another home
    NO_ROW = "request-without-row"  # a live segment holds it, the requests table does not
    TWO_PLACES = "request-in-two-places"  # two live segments hold it: it would be paid twice
    REALTIME_LOST = "realtime-request-lost"  # it waits in real time, and no queue holds a message
    REALTIME_OLD = "realtime-request-too-old"  # its message has outlived its queue
    ANSWER_MISSING = "answer-missing"  # no such object or range
    ANSWER_NOT_OWN = "answer-not-its-own"  # the place that its row names holds another's answer, or none
    SEGMENT_WITHOUT_BATCH = "segment-without-batch"  # owned by a batch that does not exist
    SEGMENT_NOT_LISTED = "segment-not-listed"  # owned by a batch that does not hold it
    SEGMENT_LOST = "segment-content-missing"  # it lives, and its lines or its index are not in the bucket
    CLAIMED_TWICE = "segment-claimed-twice"  # the same requests stand in two batches, or twice in one
    CLAUDE_BATCH_UNOWNED = "claude-batch-unowned"  # Claude has it, and nobody here knows it
    OWNER_ASTRAY = "owner-row-astray"  # says that a Claude batch belongs to a batch which does not know it
    OWNER_MISSING = "owner-row-missing"  # a batch has a Claude batch that is not known as ours
    NOT_LISTED = "batch-not-listed"  # an open batch that Claude's listing does not show
    OVERDUE = "batch-overdue"  # not ended although Claude's 24 hours are over
    LOCK_HELD = "count-lock-held"  # the lock of a send that nobody is making
    LEDGER_MISSING = "ledger-row-missing"  # a stored answer that was never booked
    ANSWERS_MISSING = "stored-answer-missing"  # a booking whose answers are not stored
    LEDGER_DIFFERS = "ledger-differs"  # tokens or cost are not those of the stored answers
    UNREADABLE = "row-unreadable"


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """One contradiction."""

    kind: Kind
    id: str  # of the request (its key), segment, batch, lock or ledger entry that is wrong
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is named, but no gap: a Claude batch in doubt, or one that is known as somebody else's."""

    claude_id: str
    created_at: str
    words: str


@dataclass(slots=True)
class Report:
    """What an audit found, and how much of everything it looked at."""

    with_claude: bool
    since: datetime
    gaps: list[Gap] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)
    sums: list["DaySum"] = field(default_factory=list)
    unfinished: str = ""  # why a part was not looked at; such an audit proves nothing

    @property
    def is_clean(self) -> bool:
        return not self.gaps and not self.unfinished

    def by_kind(self) -> dict[Kind, list[Gap]]:
        """The gaps of each kind that has some, in the order of the kinds."""
        return {kind: found for kind in Kind if (found := [gap for gap in self.gaps if gap.kind is kind])}


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySum:
    """What one workload's day cost by the ledger, and by the stored answers. None: unknown."""

    workload: str
    day: str
    ledger_micro_usd: Decimal | None
    stored_micro_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSeen:
    """One of our batches that is open, or was a short time ago."""

    id: str
    workload: str
    state: str
    count: int
    members: tuple[Member, ...]
    sealed_at: datetime
    seen_at: datetime  # the latest moment that its row tells of
    claude_id: str | None
    created_at: str | None  # by Claude's clock
    ended_at: str | None
    anchor: str | None
    bills: Mapping[str, Mapping[str, Any]]  # by model, as counted when its results were stored

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED

    @property
    def root(self) -> str:
        """The batch that claimed its segments: itself, or what it was cut from."""
        return self.id[:ULID_LENGTH]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "BatchSeen":
        """Raises KeyError, ValueError or TypeError for a row that cannot be read."""
        moments_told = [item[name] for name in ("sealed_at", "ended_at", "lease_until") if item.get(name)]
        return cls(
            id=str(item["item_id"]).removeprefix("batch#"),
            workload=item["workload"],
            state=str(item["state"]),
            count=int(item["count"]),
            members=tuple(
                Member(each["segment"], *(int(each[name]) for name in ("first", "last", "start", "end")))
                for each in item["members"]
            ),
            sealed_at=moments.from_text(item["sealed_at"]),
            seen_at=moments.from_text(max(moments_told)),
            claude_id=item.get("claude_id"),
            created_at=item.get("created_at"),
            ended_at=item.get("ended_at"),
            anchor=item.get("anchor"),
            bills=item.get("bills", {}),
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """A run of a segment's requests that stands in a batch."""

    batch: BatchSeen
    member: Member


@dataclass(slots=True)
class Snapshot:
    """The batches table without its segments. Of batches that closed before the audit's time only the state is kept."""

    since: datetime
    now: datetime
    states: dict[str, str] = field(default_factory=dict)
    claude_ids: dict[str, str] = field(default_factory=dict)  # batch to Claude's id
    batches: dict[str, BatchSeen] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)  # Claude's id to batch
    old: set[str] = field(default_factory=set)  # Claude's ids whose batch may have expired before them
    locks: dict[str, str] = field(default_factory=dict)  # count#N to the batch that holds it
    claims: dict[str, list[Claim]] = field(default_factory=dict)  # by segment
    unreadable: list[Gap] = field(default_factory=list)

    def add(self, item: Mapping[str, Any]) -> None:
        """Takes one row; one that cannot be read is a gap, and its neighbours are not disturbed."""
        name = str(item["item_id"])
        if is_expired(item, self.now):
            return
        try:
            kind, _, rest = name.partition("#")
            self._add(kind, rest, item)
        except (KeyError, ValueError, TypeError) as error:
            self.unreadable.append(Gap(Kind.UNREADABLE, name, type(error).__name__))

    def leaves(self, batch_id: str) -> Iterator[str]:
        """What became of a batch: itself, or the parts that it was cut into."""
        if self.states.get(batch_id) == "SPLIT":
            yield from self.leaves(f"{batch_id}a")
            yield from self.leaves(f"{batch_id}b")
        elif batch_id in self.states:
            yield batch_id

    def is_over(self, batch_id: str) -> bool:
        """Whether nothing that a batch became can still answer anything."""
        return all(self.states[leaf] in CLOSED for leaf in self.leaves(batch_id))

    def _add(self, kind: str, name: str, item: Mapping[str, Any]) -> None:
        if kind == "claude":
            self.owners[name] = str(item["batch"])
            if is_expired(item, self.now + FADING):
                self.old.add(name)
        elif kind == "count" and "batch" in item:
            self.locks[f"count#{name}"] = str(item["batch"])
        elif kind == "batch":
            self._add_batch(name, item)

    def _add_batch(self, name: str, item: Mapping[str, Any]) -> None:
        self.states[name] = str(item["state"])
        if "claude_id" in item:
            self.claude_ids[name] = str(item["claude_id"])
        batch = BatchSeen.of(item)
        is_half = len(name) > ULID_LENGTH  # its sibling may still be open, and the two are judged together
        if not batch.is_closed or batch.seen_at >= self.since or is_half:
            self.batches[name] = batch
            if batch.state != "SPLIT":
                for member in batch.members:
                    self.claims.setdefault(member.segment, []).append(Claim(batch, member))


def is_expired(item: Mapping[str, Any], now: datetime) -> bool:
    """Whether DynamoDB may delete a row at any moment, in any order: it proves nothing any more."""
    return "expires_at" in item and int(item["expires_at"]) <= now.timestamp()


def total(costs: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; unknown as soon as one part is."""
    known = list(costs)
    return None if None in known else sum((cost for cost in known if cost is not None), Decimal(0))
