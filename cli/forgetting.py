"""Forgetting one request: its content goes from every version of every object, its rows and its neighbours stay.

Look what is left, take it away, look again; only when nothing is left does the row say so. Whatever a crash or another
operator leaves behind is found by the next look, so that a repeat finishes the work and "forgotten" is never too early.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3

from cli.journey import Follow, Journey, StillOnItsWayError
from cli.traces import Trace, Traces, rejected_traces
from cli.versions import ChangedError, Version, Versions
from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.dynamo import Item
from lanekeeper.errors import LanekeeperError
from lanekeeper.identity import request_key
from lanekeeper.models import BatchState
from lanekeeper.requests_table import RequestsTable

QUIET = timedelta(minutes=15)  # the longest that a function of ours can run: who began before the end is dead by then
MOST_LOOKS = 10


class UnknownRequestError(LanekeeperError):
    """No row and no object has this name."""


class ContentRemainsError(LanekeeperError):
    """Others keep writing to the same objects; what was begun can be repeated at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remnant:
    """What is still to be taken away from one object."""

    trace: Trace
    size: int  # bytes of content in the version that readers get
    older: tuple[Version, ...]  # versions that nobody reads any more, and that hold the same

    @property
    def older_size(self) -> int:
        return sum(version.size or 0 for version in self.older)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as its operator names it, and its row."""

    id: str
    row: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """The one deed of `lanekeeper forget`."""

    requests: RequestsTable
    follow: Follow
    versions: Versions

    def find(self, workload: str, request_id: str, *, now: datetime) -> Request:
        """Raises UnknownRequestError where there is no row, StillOnItsWayError before it is answered."""
        row = self.requests.get(request_key(workload, request_id))
        if row is None or int(row["expires_at"]) < now.timestamp():
            raise UnknownRequestError("no request of that workload has this id, or it is older than 45 days")
        if "outcome" not in row:
            raise StillOnItsWayError("it has no answer yet: try again when it has")
        return Request(request_id, row)

    def look(self, request: Request, *, now: datetime) -> list[Remnant]:
        """What is left of a request. Raises StillOnItsWayError where one of its batches is not done."""
        journey = self.follow(request.row)
        _require_rest(request.row, journey, now)
        traces = Traces(request_id=request.id, row=request.row, journey=journey, versions=self.versions)
        return list(self._remnants(traces))

    def look_for_rejected(self, message_id: str) -> list[Remnant]:
        """What is left of a rejected message, by its MessageId."""
        return list(self._remnants(rejected_traces(message_id, self.versions)))

    def forget(self, request: Request, *, now: datetime) -> Request:
        """Takes everything away, then says so in its row, which is returned."""
        self.take_away(lambda: self.look(request, now=now))
        self.requests.note_forgotten(request.row["request_key"], now=now)
        return Request(request.id, self.requests.get(request.row["request_key"]) or request.row)

    def take_away(self, look: Callable[[], list[Remnant]]) -> None:
        """Until a look finds nothing more; raises ContentRemainsError where that does not come to an end."""
        for _ in range(MOST_LOOKS):
            with suppress(ChangedError):
                remnants = look()
                if not remnants:
                    return
                self._take(remnants)
        raise ContentRemainsError(
            "others keep writing to the same objects: repeat the command, it goes on where it was"
        )

    def _remnants(self, traces: Iterable[Trace]) -> Iterator[Remnant]:
        for trace in traces:
            current = trace.found.current
            if trace.forget is None:
                yield Remnant(trace=trace, size=current.size or 0 if current else 0, older=_older(trace))
                continue
            size = sum(len(line) for line, left in self._rewritten(trace) if line != left) if current else 0
            if size or _older(trace):
                yield Remnant(trace=trace, size=size, older=_older(trace))

    def _take(self, remnants: Iterable[Remnant]) -> None:
        for remnant in remnants:
            trace, current = remnant.trace, remnant.trace.found.current
            if trace.forget is None:
                self.versions.delete(trace.found.key, trace.found.versions)
                continue
            replaced = []
            if remnant.size and current:
                self.versions.replace(trace.found, current, (left for _, left in self._rewritten(trace)))
                replaced = [current]
            self.versions.delete(trace.found.key, [*replaced, *remnant.older])

    def _rewritten(self, trace: Trace) -> Iterator[tuple[bytes, bytes]]:
        """Each line of the current version, as it is and as it is to be."""
        if trace.forget is None or trace.found.current is None:
            return
        for line in self.versions.lines(trace.found, trace.found.current):
            yield line, trace.forget(line)


def forgetting_in(session: boto3.Session, outputs: Mapping[str, str], **place: Any) -> Forgetting:
    """The deed in one stack, by the stack's outputs; `place` says where AWS is, as boto3's clients take it."""
    dynamodb = session.resource("dynamodb", **place).meta.client
    versions = Versions(session.client("s3", **place), outputs["ContentBucketName"])
    return Forgetting(
        requests=RequestsTable(dynamodb, outputs["RequestsTableName"]),
        follow=Follow(batches=BatchesTable(dynamodb, outputs["BatchesTableName"]), versions=versions),
        versions=versions,
    )


def _older(trace: Trace) -> tuple[Version, ...]:
    current = trace.found.current
    return tuple(each for each in trace.found.versions if each is not current and each.size is not None)


def _require_rest(row: Item, journey: Journey, now: datetime) -> None:
    """A function that began before the end, and was slow, may still write content: it is waited for."""
    for batch_id, item in journey.batches.items():
        if item["state"] != BatchState.COLLECTED:
            raise StillOnItsWayError(f"its batch {batch_id} is not collected yet: try again when it is")
    ended = max(row["finished_at"], *(item.get("lease_until", "") for item in journey.batches.values()), "")
    rests_at = moments.from_text(ended) + QUIET
    if rests_at > now:
        raise StillOnItsWayError(f"it ended a moment ago: try again after {moments.to_text(rests_at)}")
