"""The batches table: segments, batches, the locks of doubtful sends, and which Claude batch is whose."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lanekeeper import moments
from lanekeeper.batch_rows import SHARDS, batch_item, contents, expiry, segment_item, segment_of, shard_of
from lanekeeper.breaker import Breaker, breaker_fields, breaker_of
from lanekeeper.dynamo import Item, change, put_if_absent, query_all, transact, update
from lanekeeper.models import Batch, BatchState, ClaudeBatch, Lane, Segment, SegmentState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FOREIGN = "foreign"  # the owner of a Claude batch whose rows proved that it is nobody's of ours

_CLOSED = {BatchState.COLLECTED, BatchState.SPLIT, BatchState.DROPPED}
_TROUBLE = ["postponed", "troubled_since", "odd_downloads", "odd_since", "quarantine"]


@dataclass(frozen=True, slots=True)
class BatchesTable:
    """Conditional writes on segment and batch rows, each with a name. The index serves liveness only."""

    dynamodb: "DynamoDBClient"
    name: str

    # segments

    def commit_segment(self, segment: Segment, *, look_at: datetime) -> bool:
        """The commit point of an accept: the segment is READY. False where it was abandoned in our absence."""
        standing = self._put(segment_item(segment, look_at))
        return standing is None or standing["state"] != SegmentState.ABANDONED

    def abandon_segment(self, segment_id: str, *, now: datetime) -> bool:
        """Bars a segment that was never committed; False where it was committed after all."""
        standing = self._put(
            {"item_id": f"segment#{segment_id}", "state": SegmentState.ABANDONED.value, "expires_at": expiry(now)}
        )
        return standing is None or standing["state"] == SegmentState.ABANDONED

    def segment(self, segment_id: str) -> Segment | None:
        """A committed segment; None where there is none, or it was abandoned."""
        item = self._get(f"segment#{segment_id}")
        return None if item is None or item["state"] == SegmentState.ABANDONED else segment_of(item)

    def ready_segments(self, class_id: str) -> list[Segment]:
        """The segments of a class that wait for a batch, as far as the index knows."""
        items = self._open(shard_of("segment", class_id))
        return [segment_of(item) for item in items if item["class_id"] == class_id]

    def overdue_segments(self, now: datetime) -> Iterable[Item]:
        """The row of every segment that should have found a batch by now: its wake-up was lost."""
        for shard in range(SHARDS):
            yield from self._open(f"segment#{shard}", until=now)

    def open_segments(self) -> Iterable[Item]:
        """The row of every segment that waits for a batch, as far as the index knows."""
        for shard in range(SHARDS):
            yield from self._open(f"segment#{shard}")

    # batches

    def seal(self, batch: Batch, segments: Iterable[Segment]) -> bool:
        """Claims the segments for a new batch, all or none; False where another submitter was faster."""
        claims = [
            change(
                {"item_id": f"segment#{segment.id}"},
                put={"state": SegmentState.OWNED.value, "batch": batch.id},
                remove=["open_shard", "next_action_at"],
                when="#state = :ready",
                ready=SegmentState.READY.value,
            )
            for segment in segments
        ]
        return self._transact(self._new(batch_item(batch)), *({"Update": claim} for claim in claims))

    def split(self, parent: Batch, children: Iterable[Batch]) -> bool:
        """Replaces a batch that Claude refused by its parts and frees its count."""
        leave = self._move(parent, BatchState.SPLIT, {})
        return self._transact(
            {"Update": leave}, self._unlock(parent), *(self._new(batch_item(child)) for child in children)
        )

    def batch(self, batch_id: str) -> Item | None:
        """A batch's whole row; `batch_of` makes the record of it."""
        return self._get(f"batch#{batch_id}")

    def waiting(self) -> Iterable[Item]:
        """State, count, deadline and hold of every batch that is not done, as far as the index knows."""
        for shard in range(SHARDS):
            yield from self._open(f"batch#{shard}", only=("item_id", "state", "count", "deadline", "hold_remedy"))

    def open_batches(self) -> Iterable[Item]:
        """The row of every batch that is not done, as far as the index knows."""
        for shard in range(SHARDS):
            yield from self._open(f"batch#{shard}")

    def start_sending(self, batch: Batch, *, anchor: ClaudeBatch | None, now: datetime, look_at: datetime) -> bool:
        """Enters SENDING under the lock of the batch's count, so that no two doubtful batches have the same total.

        What is sent is written by the same transaction: somebody else may have trimmed the batch in another way.
        """
        fields = {
            "sending_at": moments.to_text(now),
            "anchor": anchor.id if anchor else None,
            "anchor_at": anchor.created_at if anchor else None,
            "next_action_at": moments.to_text(look_at),
            **contents(batch),
        }
        lock = change(_lock(batch), put={"batch": batch.id}, when="attribute_not_exists(#batch)")
        move = self._move(batch, BatchState.SENDING, fields, **_as_seen(batch))
        return self._transact({"Update": move}, {"Update": lock})

    def opened(self, batch: Batch, *, claude_id: str, created_at: str, now: datetime, adopted: bool = False) -> bool:
        """Claude has it: remember its id, and that this id is ours; False where either is taken.

        `adopted` where only the listing says so: then its rows may prove otherwise.
        """
        fields: Item = {"claude_id": claude_id, "created_at": created_at, "next_action_at": moments.to_text(now)}
        fields |= {"adopted": True} if adopted else {}
        owner = {"item_id": f"claude#{claude_id}", "batch": batch.id, "expires_at": expiry(now)}
        move = self._move(batch, BatchState.OPEN, fields, remove=["hold_reason", "hold_remedy"])
        return self._transact({"Update": move}, self._new(owner), self._unlock(batch))

    def held(self, batch: Batch, *, reason: str, remedy: str, until: datetime) -> bool:
        """Claude said not now: nothing was accepted, so the count is free again."""
        fields = {"hold_reason": reason, "hold_remedy": remedy, "next_action_at": moments.to_text(until)}
        unlock = [self._unlock(batch)] if batch.state is BatchState.SENDING else []
        return self._transact({"Update": self._move(batch, BatchState.HELD, fields)}, *unlock)

    def unsent(self, batch: Batch, *, now: datetime) -> bool:
        """The listing has settled it: Claude never took this create."""
        fields = {"next_action_at": moments.to_text(now)}
        return self._transact({"Update": self._move(batch, BatchState.SEALED, fields)}, self._unlock(batch))

    def refused(self, batch: Batch, fields: Mapping[str, Any]) -> bool:
        """Claude will never take its only request: the refusal is stored as its result and collected like any other."""
        return self._transact({"Update": self._move(batch, BatchState.STORED, fields)}, self._unlock(batch))

    def move(self, batch: Batch, to: BatchState, fields: Mapping[str, Any]) -> bool:
        """Any other step, conditional on the state the batch was seen in."""
        return update(self.dynamodb, self.name, self._move(batch, to, fields))

    def look_again(self, batch: Batch, at: datetime) -> bool:
        """Nothing to do now: come back then."""
        return self.move(batch, batch.state, {"next_action_at": moments.to_text(at)})

    def note_deadlines(self, batch: Batch, *, done: Mapping[str, str], due_at: str) -> bool:
        """How far the deadlines of its requests have been seen to; two lookers repeat each other at worst."""
        return self._update(
            batch,
            put={"deadlines_done": dict(done), "deadlines_due_at": due_at},
            when="attribute_exists(#open_shard)",
        )

    def note_segment_deadlines(self, segment: Segment, *, done: Mapping[str, str], due_at: str) -> bool:
        """The same for a segment that waits for a batch."""
        key, ready = {"item_id": f"segment#{segment.id}"}, SegmentState.READY.value
        put = {"deadlines_done": dict(done), "deadlines_due_at": due_at}
        return update(self.dynamodb, self.name, change(key, put=put, when="#state = :ready", ready=ready))

    def note_cancel(self, batch: Batch, *, now: datetime) -> bool:
        """Claude was told that nobody needs this batch's answers any more."""
        return self._update(batch, put={"cancel_asked_at": moments.to_text(now)}, when="attribute_exists(#open_shard)")

    def lease(self, batch: Batch, *, now: datetime, until: datetime) -> bool:
        """Takes the batch for one collector; False while another one holds it."""
        free = "#state = :state AND (attribute_not_exists(#lease_until) OR #lease_until < :now)"
        return self._lease(batch, until, when=free, state=batch.state.value, now=moments.to_text(now))

    def renew(self, batch: Batch, *, held_until: str, until: datetime) -> bool:
        """Prolongs our lease; False where it ran out and another collector took over."""
        return self._lease(batch, until, when="#lease_until = :mine", mine=held_until)

    def stored(self, batch: Batch, fields: Mapping[str, Any]) -> bool:
        """Its results lie in our bucket; whatever was odd about earlier downloads is over."""
        return update(self.dynamodb, self.name, self._move(batch, BatchState.STORED, fields, remove=_TROUBLE))

    def disown(self, batch: Batch, *, held_until: str, now: datetime) -> bool:
        """The adopted Claude batch is nobody's of ours: back to the doubt in which its send was, under the lock of its
        count; False while another batch is in doubt with that count, or where the lease is lost."""
        back = self._move(
            batch,
            BatchState.SENDING,
            {"next_action_at": moments.to_text(now)},
            remove=["claude_id", "created_at", "ended_at", "adopted", "release", "lease_until", *_TROUBLE],
            also=" AND #adopted = :yes AND #lease_until = :mine",
            yes=True,
            mine=held_until,
        )
        lock = change(_lock(batch), put={"batch": batch.id}, when="attribute_not_exists(#batch)")
        owner = change(
            {"item_id": f"claude#{batch.claude_id}"}, put={"batch": FOREIGN}, when="#batch = :mine", mine=batch.id
        )
        return self._transact({"Update": back}, {"Update": lock}, {"Update": owner})

    def allow_losses(self, batch: Batch, *, now: datetime) -> bool:
        """A person takes what can be had of its results; False where it is no longer waiting for them."""
        return self._update(
            batch,
            put={"release": True, "next_action_at": moments.to_text(now)},
            when="#state = :ended AND attribute_exists(#troubled_since)",
            ended=BatchState.ENDED.value,
        )

    def release(
        self, batch: Batch, *, held_until: str, look_at: datetime, notes: Mapping[str, Any] | None = None
    ) -> bool:
        """Gives the lease back, to be taken up again at the given time; `notes` are for whoever does."""
        return self._update(
            batch,
            put={"next_action_at": moments.to_text(look_at), **(notes or {})},
            remove=["lease_until"],
            when="#lease_until = :mine",
            mine=held_until,
        )

    def note_progress(self, batch: Batch, *, applied_to: int) -> bool:
        """How far, in bytes of the stored object, the effects have happened."""
        return self._update(
            batch, put={"applied_to": applied_to}, when="#state = :stored", stored=BatchState.STORED.value
        )

    def owner_of(self, claude_id: str) -> str | None:
        """Which of our batches a Claude batch is; None where it is not known as ours."""
        item = self._get(f"claude#{claude_id}")
        return None if item is None else str(item["batch"])

    # lanes

    def breaker(self, lane: Lane) -> Breaker:
        """A lane's breaker as its row says."""
        return breaker_of(self._get(f"lane#{lane.value}"))

    def change_breaker(self, lane: Lane, *, seen: int, to: Breaker) -> bool:
        """Writes a lane's row whole; False where it was written since the turn that was `seen`."""
        fields = breaker_fields(to)
        gone = [name for name in Breaker.__dataclass_fields__ if name not in fields]
        when = "#turn = :seen" if seen else "attribute_not_exists(#turn)"
        values = {"seen": seen} if seen else {}
        key = {"item_id": f"lane#{lane.value}"}
        return update(self.dynamodb, self.name, change(key, put=fields, remove=gone, when=when, **values))

    # shared

    def row(self, item_id: str) -> Item | None:
        """Any row, as it stands: what a person looks at."""
        return self._get(item_id)

    def _lease(self, batch: Batch, until: datetime, *, when: str, **values: Any) -> bool:
        fields = {"lease_until": moments.to_text(until), "next_action_at": moments.to_text(until)}
        return self._update(batch, put=fields, when=when, **values)

    def _update(self, batch: Batch, *, when: str, **arguments: Any) -> bool:
        return update(self.dynamodb, self.name, change({"item_id": f"batch#{batch.id}"}, when=when, **arguments))

    def _move(
        self,
        batch: Batch,
        to: BatchState,
        fields: Mapping[str, Any],
        *,
        remove: Iterable[str] = (),
        also: str = "",
        **values: Any,
    ) -> dict[str, Any]:
        """Conditional on the state, on the send, and on the Claude batch: an adoption can be taken back."""
        closing = ["open_shard", "next_action_at"] if to in _CLOSED else []
        same = {name: value for name in ("sending_at", "claude_id") if (value := getattr(batch, name))}
        return change(
            {"item_id": f"batch#{batch.id}"},
            put={"state": to.value, **fields},
            remove=[*remove, *closing],
            when="#state = :was" + "".join(f" AND #{name} = :{name}" for name in same) + also,
            was=batch.state.value,
            **same,
            **values,
        )

    def _unlock(self, batch: Batch) -> dict[str, Any]:
        """Frees the count; the lock's item stays, so that no function needs the right to delete."""
        mine = "attribute_not_exists(#batch) OR #batch = :mine"
        return {"Update": change(_lock(batch), remove=["batch"], when=mine, mine=batch.id)}

    def _new(self, item: Item) -> dict[str, Any]:
        return {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(item_id)"}}

    def _transact(self, *writes: dict[str, Any]) -> bool:
        return transact(self.dynamodb, self.name, writes)

    def _put(self, item: Item) -> Item | None:
        return put_if_absent(self.dynamodb, self.name, "item_id", item)

    def _get(self, item_id: str) -> Item | None:
        return self.dynamodb.get_item(TableName=self.name, Key={"item_id": item_id}, ConsistentRead=True).get("Item")

    def _open(self, shard: str, until: datetime | None = None, only: Sequence[str] = ()) -> Iterable[Item]:
        condition = "open_shard = :shard" + (" AND next_action_at <= :until" if until else "")
        values = {":shard": shard} | ({":until": moments.to_text(until)} if until else {})
        names = {f"#{name}": name for name in only}
        projection = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if only else {}
        return query_all(
            self.dynamodb,
            **projection,
            TableName=self.name,
            IndexName="open",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
        )


def _as_seen(batch: Batch) -> dict[str, Any]:
    """Only while no deadline in it was seen to since it was read: that may have taken requests out of it."""
    if batch.deadlines_done is None:
        return {"also": " AND attribute_not_exists(#deadlines_done)"}
    return {"also": " AND #deadlines_done = :done", "done": dict(batch.deadlines_done)}


def _lock(batch: Batch) -> dict[str, str]:
    return {"item_id": f"count#{batch.count}"}
