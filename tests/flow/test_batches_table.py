"""Every write to the batches table holds only from the state it was decided from; what comes late changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lanekeeper import dynamo, moments
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.batching import seal
from lanekeeper.breaker import Breaker
from lanekeeper.models import Batch, BatchState, ClaudeBatch, Lane, Member, Segment, SegmentState
from tests import stack

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
STORED = {"stored": {}, "bills": {}, "tally": {}, "ended_at": moments.to_text(NOW)}


@pytest.fixture
def table(aws: None) -> BatchesTable:
    return BatchesTable(dynamo.client(), stack.deploy_table(boto3, "BatchesTable"))


def segment(name: str, class_id: str = "articles.24h") -> Segment:
    text = moments.to_text(NOW)
    return Segment(
        id=name,
        class_id=class_id,
        workload="articles",
        state=SegmentState.READY,
        count=1,
        size=100,
        deadline=text,
        created_at=text,
    )


def sealed(table: BatchesTable, name: str) -> Batch:
    """A batch of one request, in a segment of its own."""
    member = segment(f"segment-of-{name}")
    assert table.commit_segment(member, look_at=NOW)
    assert table.seal(seal(name, [member], NOW), [member])
    return seen(table, name)


def sending(table: BatchesTable, name: str) -> Batch:
    batch = sealed(table, name)
    assert table.start_sending(batch, anchor=None, now=NOW, look_at=NOW)
    return seen(table, name)


def ended(table: BatchesTable, name: str) -> Batch:
    assert table.move(sealed(table, name), BatchState.ENDED, {})
    return seen(table, name)


def seen(table: BatchesTable, name: str) -> Batch:
    return batch_of(table.batch(name) or {})


# --- segments -------------------------------------------------------------------------------------------------------


def test_a_segment_that_was_barred_is_not_committed_and_is_nobodys(table: BatchesTable) -> None:
    assert table.abandon_segment("S", now=NOW)
    assert table.abandon_segment("S", now=NOW)
    assert not table.commit_segment(segment("S"), look_at=NOW)
    assert table.segment("S") is None


def test_a_segment_that_was_committed_is_not_barred(table: BatchesTable) -> None:
    assert table.commit_segment(segment("S"), look_at=NOW)
    assert not table.abandon_segment("S", now=NOW)
    assert table.segment("S") == segment("S")


def test_a_segment_has_one_owner_for_good(table: BatchesTable) -> None:
    batch = sealed(table, "first")
    member = segment("segment-of-first")
    assert not table.seal(seal("second", [member], NOW), [member])
    assert table.commit_segment(member, look_at=NOW)  # a collector's repeat

    assert table.batch("second") is None
    assert table.segment(member.id) == replace(member, state=SegmentState.OWNED, batch=batch.id)
    assert table.ready_segments(member.class_id) == []


def test_the_segments_of_two_classes_in_one_shard_stay_apart(table: BatchesTable) -> None:
    classes = [f"articles-{number}.24h" for number in range(8)]  # more than there are shards
    for class_id in classes:
        table.commit_segment(segment(class_id, class_id), look_at=NOW)

    assert [[one.id for one in table.ready_segments(class_id)] for class_id in classes] == [[name] for name in classes]


def test_a_segment_is_overdue_only_once_its_time_has_come(table: BatchesTable) -> None:
    table.commit_segment(segment("S"), look_at=LATER)

    assert list(table.overdue_segments(NOW)) == []
    assert [one["item_id"] for one in table.overdue_segments(LATER)] == ["segment#S"]


# --- the steps of a send --------------------------------------------------------------------------------------------

Step = Callable[[BatchesTable, Batch], bool]


def opened(table: BatchesTable, batch: Batch) -> bool:
    return table.opened(batch, claude_id=f"claude-{batch.id}", created_at=moments.to_text(NOW), now=NOW)


def split(table: BatchesTable, batch: Batch) -> bool:
    return table.split(batch, [replace(batch, id=batch.id + half, state=BatchState.SEALED) for half in "ab"])


ENDS_OF_A_SEND = [
    pytest.param(opened, id="opened"),
    pytest.param(lambda table, batch: table.held(batch, reason="HTTP 429", remedy="patience", until=NOW), id="held"),
    pytest.param(lambda table, batch: table.unsent(batch, now=NOW), id="unsent"),
    pytest.param(lambda table, batch: table.refused(batch, STORED), id="refused"),
    pytest.param(split, id="split"),
]


@pytest.mark.parametrize("step", ENDS_OF_A_SEND)
def test_a_send_that_was_settled_meanwhile_is_not_ended_again(table: BatchesTable, step: Step) -> None:
    batch = sending(table, "batch")
    assert table.unsent(batch, now=NOW)
    before = table.batch("batch")

    assert not step(table, batch)
    assert table.batch("batch") == before


@pytest.mark.parametrize("step", ENDS_OF_A_SEND)
def test_who_slept_through_a_second_send_does_not_end_it(table: BatchesTable, step: Step) -> None:
    first = sending(table, "batch")
    assert table.unsent(first, now=NOW)
    assert table.start_sending(seen(table, "batch"), anchor=None, now=LATER, look_at=LATER)
    before = table.batch("batch")

    assert not step(table, first)
    assert table.batch("batch") == before


@pytest.mark.parametrize("step", ENDS_OF_A_SEND)
def test_the_end_of_a_doubt_lets_the_next_batch_of_that_size_be_sent(table: BatchesTable, step: Step) -> None:
    doubtful, other = sending(table, "doubtful"), sealed(table, "other")
    assert not table.start_sending(other, anchor=None, now=NOW, look_at=NOW)
    assert step(table, doubtful)
    assert table.start_sending(other, anchor=None, now=NOW, look_at=NOW)


@pytest.mark.parametrize("step", ENDS_OF_A_SEND)
def test_nobody_frees_the_count_that_another_batch_holds(table: BatchesTable, step: Step) -> None:
    sending(table, "doubtful")
    impostor = sealed(table, "impostor")
    step(table, impostor)

    assert not table.start_sending(sealed(table, "third"), anchor=None, now=NOW, look_at=NOW)


def test_a_batch_that_was_never_sent_can_be_held_beside_a_doubtful_one_of_its_size(table: BatchesTable) -> None:
    sending(table, "doubtful")

    assert table.held(sealed(table, "other"), reason="HTTP 401", remedy="person", until=NOW)


def test_one_claude_batch_is_never_two_of_ours(table: BatchesTable) -> None:
    first = sending(table, "first")
    assert table.opened(first, claude_id="theirs", created_at=moments.to_text(NOW), now=NOW)
    second = sending(table, "second")
    assert not table.opened(second, claude_id="theirs", created_at=moments.to_text(NOW), now=NOW)

    assert table.owner_of("theirs") == "first"
    assert seen(table, "second").state is BatchState.SENDING


def adopted(table: BatchesTable, batch_id: str, claude_id: str = "theirs", *, by_listing: bool = True) -> Batch:
    """An ended batch that the listing has settled, or create itself, under a collector's lease."""
    assert table.opened(
        sending(table, batch_id), claude_id=claude_id, created_at=moments.to_text(NOW), now=NOW, adopted=by_listing
    )
    assert table.move(seen(table, batch_id), BatchState.ENDED, {"ended_at": moments.to_text(NOW)})
    assert table.lease(seen(table, batch_id), now=NOW, until=LATER)
    return seen(table, batch_id)


def test_a_disowned_batch_is_in_doubt_again_and_its_claude_batch_nobodys(table: BatchesTable) -> None:
    batch = adopted(table, "batch")
    assert table.disown(batch, held_until=moments.to_text(LATER), now=NOW)

    again = seen(table, "batch")
    assert (again.state, again.sending_at, again.claude_id) == (BatchState.SENDING, batch.sending_at, None)
    assert table.owner_of("theirs") == "foreign"
    assert not table.start_sending(sealed(table, "other"), anchor=None, now=NOW, look_at=NOW)
    assert not table.opened(again, claude_id="theirs", created_at=moments.to_text(NOW), now=NOW)


def test_nobody_is_disowned_without_the_lease_the_lock_and_the_adoption(table: BatchesTable) -> None:
    batch = adopted(table, "batch")
    assert not table.disown(batch, held_until=moments.to_text(NOW), now=NOW)
    sending(table, "doubtful")
    assert not table.disown(batch, held_until=moments.to_text(LATER), now=NOW)
    assert table.unsent(seen(table, "doubtful"), now=NOW)
    own = adopted(table, "own", "ours", by_listing=False)
    assert not table.disown(own, held_until=moments.to_text(LATER), now=NOW)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(lambda table, batch: table.stored(batch, STORED), id="stored"),
        pytest.param(lambda table, batch: table.move(batch, BatchState.ENDED, {}), id="look again"),
    ],
)
def test_who_slept_through_an_adoption_that_was_taken_back_changes_nothing(table: BatchesTable, step: Step) -> None:
    batch = adopted(table, "batch")
    assert table.disown(batch, held_until=moments.to_text(LATER), now=NOW)
    again = seen(table, "batch")
    assert table.opened(again, claude_id="ours", created_at=moments.to_text(NOW), now=NOW, adopted=True)
    assert table.move(seen(table, "batch"), BatchState.ENDED, {"ended_at": moments.to_text(NOW)})
    before = table.batch("batch")

    assert not step(table, batch)
    assert table.batch("batch") == before


def test_only_a_batch_whose_collection_has_met_trouble_is_released(table: BatchesTable) -> None:
    batch = ended(table, "batch")
    assert not table.allow_losses(batch, now=NOW)
    assert table.lease(batch, now=NOW, until=LATER)
    notes = {"troubled_since": moments.to_text(NOW)}
    assert table.release(batch, held_until=moments.to_text(LATER), look_at=LATER, notes=notes)
    assert table.allow_losses(batch, now=NOW)
    assert table.stored(batch, STORED)
    assert not table.allow_losses(batch, now=NOW)


@pytest.mark.parametrize("done", [BatchState.COLLECTED, BatchState.DROPPED])
def test_a_batch_that_is_done_is_no_longer_looked_at(table: BatchesTable, done: BatchState) -> None:
    batch = ended(table, "batch")
    assert [item["item_id"] for item in table.open_batches()] == ["batch#batch"]
    assert table.move(batch, done, {})
    assert list(table.open_batches()) == []


# --- the lease of a collector ---------------------------------------------------------------------------------------


def text(moment: datetime) -> str:
    return moments.to_text(moment)


def test_a_batch_has_one_collector_until_its_lease_is_over(table: BatchesTable) -> None:
    batch = ended(table, "batch")
    assert table.lease(batch, now=NOW, until=LATER)
    assert not table.lease(batch, now=NOW, until=LATER)
    assert table.lease(batch, now=LATER + timedelta(seconds=1), until=LATER + timedelta(minutes=2))


def test_a_lease_is_not_taken_on_a_state_that_has_passed(table: BatchesTable) -> None:
    batch = ended(table, "batch")
    assert table.move(batch, BatchState.STORED, STORED)

    assert not table.lease(batch, now=NOW, until=LATER)


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(lambda table, batch, mine: table.renew(batch, held_until=mine, until=LATER), id="renew"),
        pytest.param(lambda table, batch, mine: table.release(batch, held_until=mine, look_at=LATER), id="release"),
    ],
)
def test_a_lease_that_another_has_taken_over_is_no_longer_ours(
    table: BatchesTable, deed: Callable[[BatchesTable, Batch, str], bool]
) -> None:
    batch = ended(table, "batch")
    assert table.lease(batch, now=NOW - timedelta(minutes=5), until=NOW - timedelta(minutes=1))
    assert table.lease(batch, now=NOW, until=LATER + timedelta(minutes=1))
    before = table.batch("batch")

    assert not deed(table, batch, text(NOW - timedelta(minutes=1)))
    assert table.batch("batch") == before
    assert deed(table, batch, text(LATER + timedelta(minutes=1)))


@pytest.mark.parametrize(
    ("state", "noted"),
    [pytest.param(BatchState.STORED, True, id="stored"), pytest.param(BatchState.COLLECTED, False, id="collected")],
)
def test_progress_is_noted_only_while_effects_are_under_way(
    table: BatchesTable, state: BatchState, noted: bool
) -> None:
    batch = ended(table, "batch")
    fields: dict[str, Any] = STORED
    assert table.move(batch, state, fields)

    assert table.note_progress(batch, applied_to=10) is noted


# --- a transaction that failed --------------------------------------------------------------------------------------


def fail(table: BatchesTable, *reasons: str) -> None:
    """Lets DynamoDB cancel every transaction for these reasons."""
    error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": [{"Code": r} for r in reasons]}
    answer = (SimpleNamespace(status_code=400), error)
    table.dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", lambda **_: answer)


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "TransactionConflict"])
def test_who_is_slower_has_lost(table: BatchesTable, reason: str) -> None:
    batch = sealed(table, "batch")
    fail(table, "None", reason)

    assert not table.start_sending(batch, anchor=None, now=NOW, look_at=NOW)


def test_a_throttled_write_is_an_error_and_no_loss(table: BatchesTable) -> None:
    batch = sealed(table, "batch")
    fail(table, "ConditionalCheckFailed", "ThrottlingError")

    with pytest.raises(ClientError):
        table.start_sending(batch, anchor=None, now=NOW, look_at=NOW)


def test_what_is_sent_is_written_with_the_decision_to_send_it(table: BatchesTable) -> None:
    batch = sealed(table, "batch")
    trimmed = replace(batch, members=(Member("segment", 1, 3, 10, 30),), count=2, size=20)
    anchor = ClaudeBatch(
        id="newest", ended=False, created_at="2026-11-23T08:00:00Z", ended_at=None, results_path=None, counts={}
    )
    assert table.start_sending(trimmed, anchor=anchor, now=NOW, look_at=NOW)

    sent = seen(table, "batch")
    assert (sent.members, sent.count, sent.size) == (trimmed.members, 2, 20)
    assert (sent.anchor, sent.anchor_at) == ("newest", "2026-11-23T08:00:00Z")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, {"rescue": "first"}, id="the-first"),
        pytest.param({"rescue": "first"}, {"rescue": "second"}, id="a-further-one"),
    ],
)
def test_who_looked_before_a_deadline_was_seen_to_does_not_send(
    table: BatchesTable, before: dict[str, str] | None, after: dict[str, str]
) -> None:
    """What was rescued meanwhile would be sent all the same: it was not trimmed."""
    batch = sealed(table, "batch")
    if before:
        assert table.note_deadlines(batch, done=before, due_at=moments.to_text(NOW))
    looked = seen(table, "batch")
    assert table.note_deadlines(looked, done=after, due_at=moments.to_text(NOW))

    assert not table.start_sending(looked, anchor=None, now=NOW, look_at=NOW)
    assert table.start_sending(seen(table, "batch"), anchor=None, now=NOW, look_at=NOW)


# --- the breaker of a lane ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen_turn", [0, 1])
def test_a_lane_is_written_only_on_the_turn_that_was_seen(table: BatchesTable, seen_turn: int) -> None:
    for turn in range(seen_turn + 1):
        assert table.change_breaker(Lane.BATCH, seen=turn, to=Breaker(turn=turn + 1, failures=1))

    assert not table.change_breaker(Lane.BATCH, seen=seen_turn, to=Breaker(turn=seen_turn + 1, failures=2))
    assert table.breaker(Lane.BATCH).failures == 1
