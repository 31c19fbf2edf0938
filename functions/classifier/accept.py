"""Accept: read, decide, record, hand over to a lane.

The order of writes is the protocol. Batch lane: request rows, segment in S3, segment row READY (the commit point),
wake-up. Real time: request row, RealtimeQueue. A message is acknowledged only when all of its writes are done, so
whatever a crash leaves behind is completed by the message's redelivery.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lanekeeper import moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.classify import class_of, is_given_up, is_late, time_left
from lanekeeper.dynamo import Item
from lanekeeper.errors import LanekeeperError, RejectedError, SegmentAbandonedError
from lanekeeper.events import CompletionBus, deadline_endangered, request_completed
from lanekeeper.identity import ulid
from lanekeeper.models import Lane, Request, SegmentState
from lanekeeper.policy import Notify, Registry
from lanekeeper.queues import Message, Queue
from lanekeeper.realtime_messages import write_message
from lanekeeper.rejections import RejectionCode
from lanekeeper.requests_table import RequestsTable, new_row
from lanekeeper.segments import first_look, is_rebuffered, new_segment, segment_row
from lanekeeper.spool import Spool
from lanekeeper.telemetry import count

from .give_up import GiveUp
from .read import Read
from .reject import Reject, Rejected
from .run import Arrival, Run, messages_of

WRITER_LIFETIME = timedelta(seconds=60)  # the classifier's timeout: who has not committed by then never will


class StillMovingError(LanekeeperError):
    """Another classifier may be at work on this request: its message waits until that is clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The classifier's one deed."""

    read: Read
    give_up: GiveUp
    reject: Reject
    registry: Registry
    window: timedelta
    margin: timedelta  # before a deadline: when a rescue begins
    requests: RequestsTable
    batches: BatchesTable
    spool: Spool
    realtime_queue: Queue
    batch_queue: Queue
    bus: CompletionBus
    entropy: Callable[[int], bytes]

    def __call__(self, messages: Sequence[Message], *, now: datetime, seconds_left: Callable[[], float]) -> list[str]:
        """Accepts what can be accepted; returns the ids of the messages that must come again."""
        run = Run()
        for pack in self.read.packs(messages, run, now=now, seconds_left=seconds_left):
            self._accept(pack, run, now)
        self._reject(run, now)
        return sorted(run.failed)

    def _accept(self, arrivals: Sequence[Arrival], run: Run, now: datetime) -> None:
        urgent: list[Arrival] = []
        late: list[Arrival] = []
        for arrival in arrivals:
            if arrival.decision.lane is Lane.REALTIME:
                (late if self._is_given_up(arrival, now) else urgent).append(arrival)
        urgent += self.give_up(late, run, now=now)
        self._tell_late(arrivals, run, now)
        with run.boundary(messages_of(urgent)):
            self._to_realtime(urgent, run, now)
        waiting = [arrival for arrival in arrivals if arrival.decision.lane is Lane.BATCH]
        for class_id, group in self._by_class(waiting, now).items():
            with run.boundary(messages_of(group)):
                self._to_batch(class_id, group, run, now)

    def _tell_late(self, arrivals: Sequence[Arrival], run: Run, now: datetime) -> None:
        """A deadline that had passed when the message was received is reported at once, each time that it comes."""
        late = [each for each in arrivals if is_late(each.request, now) and not self._is_given_up(each, now)]
        count("DeadlinesEndangered", len(late))
        with run.boundary(messages_of(late)):
            self.bus.send(
                deadline_endangered(
                    key=arrival.request.key,
                    request_id=arrival.request.id,
                    workload=arrival.request.workload,
                    deadline=moments.to_text(arrival.request.deadline),
                    lane=arrival.decision.lane,
                )
                for arrival in late
                if self.registry[arrival.request.workload].notify is not Notify.NONE
            )

    def _is_given_up(self, arrival: Arrival, now: datetime) -> bool:
        return is_given_up(arrival.request, self.registry[arrival.request.workload], now=now)

    def _reject(self, run: Run, now: datetime) -> None:
        notices = []
        for rejected in run.rejected:
            with run.boundary([rejected.message]):
                notices.append(self.reject.keep(rejected, now=now))
        with run.boundary([rejected.message for rejected in run.rejected]):
            run.failed.update(self.reject.tell(notices))

    def _by_class(self, arrivals: Sequence[Arrival], now: datetime) -> dict[str, list[Arrival]]:
        groups: dict[str, list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            groups[class_of(arrival.request.workload, time_left(arrival.request, now))].append(arrival)
        return groups

    # real time

    def _to_realtime(self, arrivals: Sequence[Arrival], run: Run, now: datetime) -> None:
        rows = [new_row(arrival.request, arrival.decision, segment=None, now=now) for arrival in arrivals]
        urgent, in_batch_lane = [], []
        for arrival, row in zip(arrivals, self.requests.accept_many(rows), strict=True):
            with run.boundary(arrival.messages):
                if row is None or (row["lane"] == Lane.REALTIME and self._is_unanswered(arrival, row, run)):
                    urgent.append(arrival)
                elif row["lane"] == Lane.BATCH:  # it came before, and could wait then: the first decision stands
                    in_batch_lane.append(arrival)
        self._send_realtime(urgent, run)
        for class_id, group in self._by_class(in_batch_lane, now).items():
            self._to_batch(class_id, group, run, now)

    def _send_realtime(self, arrivals: Sequence[Arrival], run: Run) -> None:
        bodies = [(write_message(arrival.request, self.spool), arrival.request.workload) for arrival in arrivals]
        for arrival, taken in zip(arrivals, self.realtime_queue.send_many(bodies), strict=True):
            if not taken:
                run.failed.update(message.id for message in arrival.messages)
        count("RealtimeLaneRequests", len(arrivals))

    # batch

    def _to_batch(self, class_id: str, arrivals: Sequence[Arrival], run: Run, now: datetime) -> None:
        segment = ulid(now, self.entropy(10))
        rows = [new_row(arrival.request, arrival.decision, segment=segment, now=now) for arrival in arrivals]
        found: list[tuple[Arrival, str]] = []  # who belongs into this segment, and where its row points by now
        for arrival, row in zip(arrivals, self.requests.accept_many(rows), strict=True):
            with run.boundary(arrival.messages):
                if row is None or self._joins(arrival, row, segment, run, now):
                    found.append((arrival, segment if row is None else row["segment"]))
        joining = [arrival for arrival, home in found if self._moves_in(arrival, home, segment, run)]
        if joining:
            with run.boundary(messages_of(joining)):
                self._commit(segment, class_id, [arrival.request for arrival in joining], now)

    def _commit(self, segment: str, class_id: str, requests: Sequence[Request], now: datetime) -> None:
        lines, entries = new_segment(segment, requests)
        self.spool.write_segment(segment, lines, entries)
        row = segment_row(segment, class_id, entries, now)
        look_at = first_look(entries, now, window=self.window, margin=self.margin)
        if not self.batches.commit_segment(row, look_at=look_at):
            raise SegmentAbandonedError("the requests of this segment were re-homed while it was written")
        self._wake(class_id, segment)
        count("BatchLaneRequests", len(requests))

    def _wake(self, class_id: str, segment: str) -> None:
        delay = round(self.window.total_seconds())
        self.batch_queue.send({"class_id": class_id, "segment": segment}, delay_seconds=delay)

    # requests that came before

    def _joins(self, arrival: Arrival, row: Item, segment: str, run: Run, now: datetime) -> bool:
        """Whether a request that has a row already belongs into this new segment."""
        if not self._is_unanswered(arrival, row, run):
            return False
        if row.get("segment") == segment:  # our own write, answered twice
            return True
        if row["lane"] == Lane.REALTIME:
            self._send_again(arrival)
            return False
        return self._lost_its_home(row, now)

    def _is_unanswered(self, arrival: Arrival, row: Item, run: Run) -> bool:
        """Sorts out conflicts, which are rejected, and answered requests, whose event is sent again."""
        if row["content_hash"] != arrival.request.content_hash:
            run.rejected.extend(Rejected(message, _conflict()) for message in arrival.messages)
            return False
        if "outcome" in row:
            self._tell_again(arrival, row)
            return False
        return True

    def _tell_again(self, arrival: Arrival, row: Item) -> None:
        if self.registry[arrival.request.workload].notify is not Notify.NONE:
            self.bus.send([request_completed(row, request_id=arrival.request.id, bucket=self.spool.bucket)])

    def _send_again(self, arrival: Arrival) -> None:
        self.realtime_queue.send(write_message(arrival.request, self.spool), group=arrival.request.workload)

    def _lost_its_home(self, row: Item, now: datetime) -> bool:
        """Whether a request points at a segment that was never committed, and never will be; wakes one that was."""
        home = row["segment"]
        if is_rebuffered(home):
            return False
        standing = self.batches.segment(home)
        if standing is None and self._abandon(home, row, now):
            return True
        standing = standing or self.batches.segment(home)
        if standing is not None and standing.state is SegmentState.READY:
            self._wake(standing.class_id, home)
        return False

    def _moves_in(self, arrival: Arrival, home: str, segment: str, run: Run) -> bool:
        """Whether the request points at this segment now. What fails here fails for the whole segment: a request that
        points at it after all would be lost if it were committed without its line."""
        key = arrival.request.key
        if home == segment or self.requests.move(key, from_segment=home, to_segment=segment):
            return True
        row = self.requests.get(key)
        if row is not None and row.get("segment") == segment:  # our own write, answered twice
            return True
        run.failed.update(message.id for message in arrival.messages)  # it has moved or ended between two looks
        return False

    def _abandon(self, home: str, row: Item, now: datetime) -> bool:
        """Bars a segment whose writer must be dead; one that may still live is left its time."""
        if now - moments.from_text(row["accepted_at"]) < WRITER_LIFETIME:
            raise StillMovingError("the segment may still be under way")
        return self.batches.abandon_segment(home, now=now)


def _conflict() -> RejectedError:
    return RejectedError(
        RejectionCode.CONFLICT, "another request was sent under this id: give each request an id of its own"
    )
