"""The records that travel: requests, segments, batches. Plain data, no behaviour beyond names derived from fields."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from lanekeeper.identity import params_hash, request_key


class Stage(StrEnum):
    """Where a stack runs. In development every request goes real time, so that nobody waits for a batch."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class Lane(StrEnum):
    """The two ways to an answer."""

    BATCH = "batch"  # half the price, minutes to hours
    REALTIME = "realtime"  # full price, seconds


class Priority(StrEnum):
    """What a producer can ask for; high always means real time."""

    NORMAL = "normal"
    HIGH = "high"


class Outcome(StrEnum):
    """The terminal states. A request without outcome is still ours to answer."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One accepted Claude request. Its names are worked out once: the params may be 32 MB."""

    id: str  # the producer's own, unique in its workload; never leaves S3, SQS and events
    workload: str
    params: Mapping[str, Any]  # the Messages API's parameters, as the producer sent them
    priority: Priority
    sent_at: datetime  # by SQS's clock
    deadline: datetime  # when the answer is wanted at the latest
    metadata: Mapping[str, Any]  # handed back with the answer, never looked into

    @cached_property
    def key(self) -> str:
        return request_key(self.workload, self.id)

    @cached_property
    def content_hash(self) -> str:
        return params_hash(self.params)

    @property
    def model(self) -> str:
        return str(self.params["model"])

    @cached_property
    def body(self) -> bytes:
        """The params as they go to Claude: compact, in the producer's own order."""
        return json.dumps(self.params, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Decision:
    """The lane of one request, and the name of the rule that chose it."""

    lane: Lane
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a segment's index: who asked for the request at this sequence number, and where its bytes lie."""

    id: str
    workload: str
    key: str
    content_hash: str
    model: str
    deadline: str
    metadata: Mapping[str, Any]
    round: int  # 0 for a first attempt; each re-buffering adds one
    start: int  # of the line in the segment's object, in bytes
    end: int  # one past its newline


class SegmentState(StrEnum):
    """A segment is a pile of ready-to-send requests of one class, written by one classifier run."""

    READY = "READY"  # waits for a batch
    OWNED = "OWNED"  # belongs to a batch, for good
    ABANDONED = "ABANDONED"  # its classifier died before the commit; its requests live elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment's row. Its requests lie in S3."""

    id: str
    class_id: str
    workload: str
    state: SegmentState
    count: int
    size: int  # bytes of the lines, newlines included
    deadline: str  # the earliest of its requests
    created_at: str
    batch: str | None = None  # its owner
    deadlines_done: Mapping[str, str] | None = None  # how far each step of rescue.py has come
    deadlines_due_at: str | None = None  # when the next step is due; None until somebody has looked


class BatchState(StrEnum):
    """The life of a batch; see docs/flow.md for the picture."""

    SEALED = "SEALED"  # its segments are claimed, nothing was sent
    HELD = "HELD"  # Claude said not now: a reason and a time stand in the row
    SENDING = "SENDING"  # a create is under way, or its answer was lost
    OPEN = "OPEN"  # Claude has it
    ENDED = "ENDED"  # Claude is done with it
    STORED = "STORED"  # its results lie whole in our bucket
    COLLECTED = "COLLECTED"  # every effect has happened
    SPLIT = "SPLIT"  # replaced by its two halves
    DROPPED = "DROPPED"  # every request of it found another end before it was sent


@dataclass(frozen=True, slots=True)
class Member:
    """A run of requests inside one segment: sequence numbers `first` up to, not including, `last`, and their bytes."""

    segment: str
    first: int
    last: int
    start: int  # of the run in the segment's object
    end: int  # one past its last newline

    @property
    def count(self) -> int:
        return self.last - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch's row, without the fields that only one step reads."""

    id: str
    class_id: str
    workload: str
    state: BatchState
    members: tuple[Member, ...]
    count: int
    size: int  # bytes of all lines
    deadline: str
    sealed_at: str
    next_action_at: str
    claude_id: str | None = None  # None for a single request that Claude refused
    anchor: str | None = None  # the newest Claude batch before our create: the listing is read back to here
    anchor_at: str | None = None  # the anchor's created_at, by Claude's clock
    sending_at: str | None = None
    created_at: str | None = None  # Claude's clock
    ended_at: str | None = None  # Claude's clock
    lease_until: str | None = None
    hold_reason: str | None = None
    hold_remedy: str | None = None  # of a HELD batch: whether a person has to end it
    deadlines_done: Mapping[str, str] | None = None  # how far each step of rescue.py has come
    deadlines_due_at: str | None = None  # when the next step is due; None until somebody has looked
    cancel_asked_at: str | None = None  # nobody needs its answers any more, and Claude was told
    quarantine: Mapping[str, Any] | None = None  # of an ENDED batch whose downloads are, for good, not its own rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeBatch:
    """A batch as Claude reports it. All counts but `processing` stay 0 until it has ended."""

    id: str
    ended: bool
    created_at: str
    ended_at: str | None
    results_path: str | None  # path and query of the results' address, None until ended
    counts: Mapping[str, int]  # processing, succeeded, errored, canceled, expired

    @property
    def total(self) -> int:
        return sum(self.counts.values())
