"""A healthy stack has no gap, and each kind of damage is named by the right id, and nothing else is."""

import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import boto3
import pytest

from cli.forgetting import forgetting_in
from functions.auditor.app import _auditor
from functions.auditor.tell import MOST_LINES
from lanekeeper import clock, connections, dynamo
from lanekeeper.audit import Kind, Report
from lanekeeper.identity import request_key
from lanekeeper.settings import AuditorSettings, load
from tests import stack
from tests.flow.test_forget import OUTPUTS
from tests.system import Killed, System, params, refusable
from tests.watch import Watch

HOUR = 3600.0
PIPELINE = "content-pipeline"


def audit(system: System, *, seconds: float = 900.0) -> Report:
    settings = load(AuditorSettings, stack.environment("AuditorFunction", system.ids, system.parameters))
    return _auditor(settings, lambda: seconds)()


def gaps(system: System) -> list[tuple[Kind, str]]:
    report = audit(system)
    assert not report.unfinished
    return [(gap.kind, gap.id) for gap in report.gaps]


def key_of(request_id: str) -> str:
    return request_key(PIPELINE, request_id)


def busy(system: System) -> None:
    """Both lanes, with retries, a possible duplicate, an invalid request, a further round and a batch that was cut."""
    system.fault(route="create", fault="status", status=413)
    for number in range(5):
        system.ask(params=params(f"Number {number}."))
    system.ask(params=refusable())
    system.fault(route="batch_rows", outcome="expired", count=2)
    system.fault(route="messages", fault="status", status=529)
    for number in range(3):
        system.ask(priority="high", params=params(f"Now {number}."))
    system.send("no request")
    system.fault(route="messages", fault="drop_after_accept")
    system.run()
    system.ask(priority="high", params=refusable())  # apart: the faults strike whichever call comes first
    for _ in range(4):
        system.make_visible("RealtimeQueue")
        system.run_until_answered()
        system.tick(in_seconds=61)
    system.run()


@pytest.fixture
def done(system: System) -> System:
    """One request of each lane, answered an hour ago."""
    system.ask(id="patient")
    system.ask(id="urgent", priority="high")
    system.run_until_answered()
    system.pass_time(HOUR)
    return system


@pytest.fixture
def under_way(system: System) -> System:
    """Two requests in a batch that Claude works on, since an hour."""
    system.ask(id="first")
    system.ask(id="second")
    system.run()
    system.pass_time(HOUR)
    return system


def test_a_stack_that_has_seen_everything_has_no_gap(system: System) -> None:
    busy(system)
    system.pass_time(HOUR)
    report = audit(system)

    kinds = {row["kind"] for row in system.items("LedgerTable")}
    assert kinds == {"answer", "possible_duplicate"}
    assert (report.gaps, report.notes, report.unfinished) == ([], [], "")
    assert report.looked_at["requests"] == len(system.items("RequestsTable"))
    assert {(day.ledger_micro_usd == day.stored_micro_usd) for day in report.sums} == {True}


def test_what_is_under_way_is_no_gap(system: System) -> None:
    system.ask()
    system.ask(priority="high")
    assert gaps(system) == []
    system.deliver("RequestQueue")
    assert gaps(system) == []
    system.pass_time(HOUR)
    assert gaps(system) == []
    system.run()
    assert gaps(system) == []
    system.let_batches_end()
    system.tick()
    assert gaps(system) == []


def test_an_audit_writes_nothing(done: System) -> None:
    def everything() -> object:
        return [done.items(table) for table in ("RequestsTable", "BatchesTable", "LedgerTable")], done.objects("")

    before = everything()
    audit(done)
    assert everything() == before


# damage by hand


def alter(system: System, table: str, key: dict[str, str], **values: Any) -> None:
    """Overwrites attributes of a row; None takes one away."""
    row = system.table(table).get_item(Key=key).get("Item", key) | values
    system.table(table).put_item(Item={name: value for name, value in row.items() if value is not None})


def delete(system: System, table: str, **key: str) -> None:
    system.table(table).delete_item(Key=key)


def alter_request(system: System, name: str, **values: Any) -> None:
    alter(system, "RequestsTable", {"request_key": key_of(name)}, **values)


def batch_of(system: System) -> dict[str, Any]:
    (batch,) = system.batches()
    return batch


def name_of(batch: dict[str, Any]) -> str:
    return str(batch["item_id"]).removeprefix("batch#")


def alter_batch(system: System, **values: Any) -> None:
    alter(system, "BatchesTable", {"item_id": batch_of(system)["item_id"]}, **values)


def segment_of(system: System) -> str:
    (segment,) = [item for item in system.items("BatchesTable") if item["item_id"].startswith("segment#")]
    return str(segment["item_id"]).removeprefix("segment#")


def booking(system: System, lane: str) -> dict[str, Any]:
    (row,) = [row for row in system.items("LedgerTable") if row["lane"] == lane]
    return row


def alter_booking(system: System, lane: str, **values: Any) -> None:
    row = booking(system, lane)
    alter(system, "LedgerTable", {name: row[name] for name in ("workload_day", "entry")}, **values)


def drop(system: System, key: str) -> None:
    boto3.client("s3").delete_object(Bucket=system.ids["ContentBucket"], Key=key)


def unended(system: System, name: str) -> None:
    fields = ("outcome", "outcome_reason", "answer_key", "answer_from", "answer_to", "cost_micro_usd", "finished_at")
    alter_request(system, name, **dict.fromkeys(fields))


Found = list[tuple[Kind, str]]


def an_end_that_is_gone(system: System) -> Found:
    unended(system, "patient")
    return [(Kind.CLOSED_UNANSWERED, key_of("patient"))]


def an_answer_of_a_batch_that_is_gone(system: System) -> Found:
    drop(system, str((system.row("patient") or {})["answer_key"]))
    return [(Kind.ANSWERS_MISSING, booking(system, "batch")["entry"]), (Kind.ANSWER_MISSING, key_of("patient"))]


def an_answer_in_real_time_that_is_gone(system: System) -> Found:
    drop(system, str((system.row("urgent") or {})["answer_key"]))
    return [(Kind.ANSWERS_MISSING, booking(system, "realtime")["entry"]), (Kind.ANSWER_MISSING, key_of("urgent"))]


def an_answer_cut_short(system: System) -> Found:
    alter_request(system, "patient", answer_to=(system.row("patient") or {})["answer_to"] - 1)
    return [(Kind.ANSWER_NOT_OWN, key_of("patient"))]


def an_answer_past_the_end(system: System) -> Found:
    alter_request(system, "urgent", answer_from=100_000, answer_to=100_100)
    return [(Kind.ANSWER_MISSING, key_of("urgent"))]


def anothers_answer(system: System) -> Found:
    other = system.row("urgent") or {}
    alter_request(system, "patient", **{name: other[name] for name in ("answer_key", "answer_from", "answer_to")})
    return [(Kind.ANSWER_NOT_OWN, key_of("patient"))]


def a_booking_that_is_gone(lane: str) -> Callable[[System], Found]:
    def damage(system: System) -> Found:
        row = booking(system, lane)
        delete(system, "LedgerTable", workload_day=row["workload_day"], entry=row["entry"])
        return [(Kind.LEDGER_MISSING, row["entry"])]

    return damage


def a_cost_that_differs(lane: str) -> Callable[[System], Found]:
    def damage(system: System) -> Found:
        alter_booking(system, lane, cost_micro_usd=booking(system, lane)["cost_micro_usd"] + Decimal("0.5"))
        return [(Kind.LEDGER_DIFFERS, booking(system, lane)["entry"])]

    return damage


def tokens_that_differ(system: System) -> Found:
    row = booking(system, "realtime")
    alter_booking(system, "realtime", tokens=row["tokens"] | {"output": row["tokens"]["output"] + 1})
    return [(Kind.LEDGER_DIFFERS, row["entry"])]


def a_cost_from_another_price_list(system: System) -> Found:
    alter_booking(system, "batch", cost_micro_usd=Decimal(1), price_version="another")
    return [(Kind.LEDGER_DIFFERS, booking(system, "batch")["entry"])]


def a_booking_of_nothing(system: System) -> Found:
    row = booking(system, "realtime")
    entry = f"realtime#{key_of('urgent')}#9"
    system.table("LedgerTable").put_item(Item=row | {"entry": entry})
    return [(Kind.ANSWERS_MISSING, entry)]


def a_booking_of_a_model_that_did_not_answer(system: System) -> Found:
    row = booking(system, "batch")
    entry = row["entry"] + "-other"
    system.table("LedgerTable").put_item(Item=row | {"entry": entry})
    return [(Kind.ANSWERS_MISSING, entry)]


def an_owner_astray(system: System) -> Found:
    claude_id = batch_of(system)["claude_id"]
    alter(system, "BatchesTable", {"item_id": f"claude#{claude_id}"}, batch="another")
    return [(Kind.OWNER_ASTRAY, claude_id)]


def an_owner_that_is_gone(system: System) -> Found:
    delete(system, "BatchesTable", item_id=f"claude#{batch_of(system)['claude_id']}")
    return [(Kind.OWNER_MISSING, name_of(batch_of(system)))]


def a_strangers_batch(system: System) -> Found:
    made = system.emulator.world.create_batch({"requests": [{"custom_id": "theirs", "params": params()}]})
    system.pass_time(HOUR)
    return [(Kind.CLAUDE_BATCH_UNOWNED, made.id)]


def a_lock_without_a_send(system: System) -> Found:
    alter(system, "BatchesTable", {"item_id": "count#7"}, batch=name_of(batch_of(system)))
    return [(Kind.LOCK_HELD, "count#7")]


def an_unreadable_batch(system: System) -> Found:
    alter_batch(system, members=None)
    return [(Kind.UNREADABLE, batch_of(system)["item_id"])]


def an_unreadable_request(system: System) -> Found:
    alter(system, "RequestsTable", {"request_key": key_of("odd")}, lane="batch")
    return [(Kind.UNREADABLE, key_of("odd"))]


AFTER: list[Callable[[System], Found]] = [
    an_end_that_is_gone,
    an_answer_of_a_batch_that_is_gone,
    an_answer_in_real_time_that_is_gone,
    an_answer_cut_short,
    an_answer_past_the_end,
    anothers_answer,
    a_booking_that_is_gone("batch"),
    a_booking_that_is_gone("realtime"),
    a_cost_that_differs("batch"),
    a_cost_that_differs("realtime"),
    tokens_that_differ,
    a_cost_from_another_price_list,
    a_booking_of_nothing,
    a_booking_of_a_model_that_did_not_answer,
    an_owner_astray,
    an_owner_that_is_gone,
    a_strangers_batch,
    a_lock_without_a_send,
    an_unreadable_batch,
    an_unreadable_request,
]


def both(kind: Kind) -> Found:
    return [(kind, key_of("first")), (kind, key_of("second"))]


def a_segment_that_is_gone(system: System) -> Found:
    delete(system, "BatchesTable", item_id=f"segment#{segment_of(system)}")
    return both(Kind.NOT_COMMITTED)


def a_segment_that_was_abandoned(system: System) -> Found:
    alter(system, "BatchesTable", {"item_id": f"segment#{segment_of(system)}"}, state="ABANDONED")
    return both(Kind.NOT_COMMITTED)


def a_batch_that_is_gone(system: System) -> Found:
    batch = batch_of(system)
    delete(system, "BatchesTable", item_id=batch["item_id"])
    return [(Kind.SEGMENT_WITHOUT_BATCH, segment_of(system)), (Kind.OWNER_ASTRAY, batch["claude_id"])]


def a_batch_that_does_not_hold_its_segment(system: System) -> Found:
    alter_batch(system, members=[])
    return [(Kind.SEGMENT_NOT_LISTED, segment_of(system))]


def a_batch_that_lacks_one_request(system: System) -> Found:
    (member,) = batch_of(system)["members"]
    alter_batch(system, members=[member | {"first": 1}])
    return [(Kind.NO_HOME, key_of("first"))]


def a_batch_that_holds_requests_twice(system: System) -> Found:
    (member,) = batch_of(system)["members"]
    alter_batch(system, members=[member, member | {"first": 1}])
    return [(Kind.CLAIMED_TWICE, segment_of(system))]


def a_second_batch_of_the_same_segment(system: System) -> Found:
    second = batch_of(system) | {"item_id": "batch#01M0000000000000000000ANEW", "state": "SEALED"}
    system.table("BatchesTable").put_item(Item={name: each for name, each in second.items() if name != "claude_id"})
    return [(Kind.CLAIMED_TWICE, segment_of(system))]


def a_batch_closed_too_early(system: System) -> Found:
    alter_batch(system, state="COLLECTED")
    return both(Kind.CLOSED_UNANSWERED)


def a_batch_dropped_too_early(system: System) -> Found:
    alter_batch(system, state="DROPPED")
    return both(Kind.CLOSED_UNANSWERED)


def a_batch_cut_into_nothing(system: System) -> Found:
    alter_batch(system, state="SPLIT")
    return both(Kind.CLOSED_UNANSWERED)


def a_request_that_forgot_its_segment(system: System) -> Found:
    alter_request(system, "first", segment=None)
    return [(Kind.NO_HOME, key_of("first")), (Kind.TWO_PLACES, key_of("first"))]


def a_request_that_is_gone(system: System) -> Found:
    delete(system, "RequestsTable", request_key=key_of("second"))
    return [(Kind.NO_ROW, key_of("second"))]


def a_request_in_two_segments(system: System) -> Found:
    s3, bucket, home = boto3.client("s3"), system.ids["ContentBucket"], segment_of(system)
    for ending in (".jsonl", ".index.jsonl"):
        source = {"Bucket": bucket, "Key": f"segments/{home}{ending}"}
        s3.copy(source, bucket, f"segments/OTHER{ending}")
    row = system.table("BatchesTable").get_item(Key={"item_id": f"segment#{home}"})["Item"]
    system.table("BatchesTable").put_item(Item=row | {"item_id": "segment#OTHER", "state": "READY", "batch": "-"})
    return both(Kind.TWO_PLACES)


def an_index_that_is_gone(system: System) -> Found:
    drop(system, f"segments/{segment_of(system)}.index.jsonl")
    return [(Kind.SEGMENT_LOST, segment_of(system))]


def lines_that_are_gone(system: System) -> Found:
    drop(system, f"segments/{segment_of(system)}.jsonl")
    return [(Kind.SEGMENT_LOST, segment_of(system))]


def a_batch_that_claude_lost(system: System) -> Found:
    system.emulator.world._batches.clear()
    return [(Kind.NOT_LISTED, name_of(batch_of(system)))]


def a_batch_that_claude_never_ended(system: System) -> Found:
    system.pass_time(26 * HOUR)
    return [(Kind.OVERDUE, name_of(batch_of(system)))]


BEFORE: list[Callable[[System], Found]] = [
    a_segment_that_is_gone,
    a_segment_that_was_abandoned,
    a_batch_that_is_gone,
    a_batch_that_does_not_hold_its_segment,
    a_batch_that_lacks_one_request,
    a_batch_that_holds_requests_twice,
    a_second_batch_of_the_same_segment,
    a_batch_closed_too_early,
    a_batch_dropped_too_early,
    a_batch_cut_into_nothing,
    a_request_that_forgot_its_segment,
    a_request_that_is_gone,
    a_request_in_two_segments,
    an_index_that_is_gone,
    lines_that_are_gone,
    a_batch_that_claude_lost,
    a_batch_that_claude_never_ended,
]


@pytest.mark.parametrize("damage", AFTER)
def test_damage_to_what_is_done_is_named(done: System, damage: Callable[[System], Found]) -> None:
    assert gaps(done) == []
    assert sorted(damage(done)) == sorted(gaps(done))


@pytest.mark.parametrize("damage", BEFORE)
def test_damage_to_what_is_under_way_is_named(under_way: System, damage: Callable[[System], Found]) -> None:
    assert gaps(under_way) == []
    assert sorted(damage(under_way)) == sorted(gaps(under_way))


# what looks like damage, and is none


def test_a_request_whose_content_was_deleted_has_no_gap(done: System) -> None:
    system = done
    deed = forgetting_in(boto3.Session(), {output: system.ids[name] for output, name in OUTPUTS.items()})
    for name in ("patient", "urgent"):
        deed.forget(deed.find(PIPELINE, name, now=clock.now()), now=clock.now())
    assert gaps(system) == []
    alter_request(system, "patient", forgotten_at=None)  # as where the deletion was cut off before its last write
    assert gaps(system) == []


def test_a_batch_known_as_somebody_elses_is_noted(done: System) -> None:
    ((_, claude_id),) = a_strangers_batch(done)
    alter(done, "BatchesTable", {"item_id": f"claude#{claude_id}"}, batch="foreign")
    report = audit(done)
    assert (report.gaps, [note.claude_id for note in report.notes]) == ([], [claude_id])


def test_a_strangers_batch_is_in_flight_for_ten_minutes(done: System) -> None:
    done.emulator.world.create_batch({"requests": [{"custom_id": "theirs", "params": params()}]})
    assert gaps(done) == []


def test_a_send_in_doubt_is_noted_and_no_gap(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept")
    system.ask()
    system.run()
    system.pass_time(HOUR)
    (made,) = system.emulator.world.list_batches().batches
    report = audit(system)
    assert (report.gaps, [note.claude_id for note in report.notes]) == ([], [made.id])
    alter_batch(system, count=2)
    assert (Kind.CLAUDE_BATCH_UNOWNED, made.id) in gaps(system)


def test_a_batch_from_before_the_send_is_not_in_doubt(system: System) -> None:
    before = system.emulator.world.create_batch({"requests": [{"custom_id": "theirs", "params": params()}]})
    system.fault(route="create", fault="status", status=500)
    system.ask()
    system.run()
    system.pass_time(HOUR)
    assert [batch["state"] for batch in system.batches()] == ["SENDING"]
    assert gaps(system) == [(Kind.CLAUDE_BATCH_UNOWNED, before.id)]


def urgent_on_its_way(system: System) -> None:
    system.ask(id="urgent", priority="high")
    system.deliver("RequestQueue")
    system.pass_time(HOUR)


def test_an_urgent_request_that_no_queue_holds_is_lost(system: System) -> None:
    urgent_on_its_way(system)
    assert gaps(system) == []
    boto3.client("sqs").purge_queue(QueueUrl=system.ids["RealtimeQueue"])
    assert gaps(system) == [(Kind.REALTIME_LOST, key_of("urgent"))]


@pytest.mark.parametrize(
    "queue", ["RequestQueue", "RequestDeadLetterQueue", "RealtimeQueue", "RealtimeDeadLetterQueue"]
)
def test_an_urgent_request_may_wait_on_any_queue_that_holds_a_message(system: System, queue: str) -> None:
    urgent_on_its_way(system)
    boto3.client("sqs").purge_queue(QueueUrl=system.ids["RealtimeQueue"])
    boto3.client("sqs").send_message(QueueUrl=system.ids[queue], MessageBody="perhaps it")
    assert gaps(system) == []


def test_an_urgent_request_that_has_outlived_its_queue_is_named(system: System) -> None:
    urgent_on_its_way(system)
    system.pass_time(10 * 24 * HOUR)
    assert gaps(system) == [(Kind.REALTIME_OLD, key_of("urgent"))]


def test_a_rescue_is_a_home(under_way: System) -> None:
    alter_batch(under_way, state="DROPPED")
    alter_request(under_way, "first", segment=None, rescue="pending")
    alter_request(under_way, "second", segment=None, rescue="over")
    assert gaps(under_way) == [(Kind.NO_HOME, key_of("second"))]


def test_a_batch_without_the_requests_that_were_rescued_is_whole(under_way: System) -> None:
    (member,) = batch_of(under_way)["members"]
    alter_batch(under_way, members=[member | {"first": 1}])
    alter_request(under_way, "first", segment=None, rescue="pending")
    assert gaps(under_way) == []


def test_a_request_without_a_committed_segment_has_an_hour(system: System) -> None:
    system.ask(id="first")
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.pass_time(HOUR - 60)
    assert gaps(system) == []
    system.pass_time(120)
    assert gaps(system) == [(Kind.NOT_COMMITTED, key_of("first"))]


def test_what_goes_round_again_belongs_to_its_collector_until_it_is_committed(system: System) -> None:
    system.ask(id="first")
    system.fault(route="batch_rows", outcome="expired")
    system.run()
    system.let_batches_end()
    system.tick()
    system.crash(dynamo.client(), "dynamodb.PutItem")
    with pytest.raises(Killed):
        system.run()
    assert "-r1-" in (system.row("first") or {})["segment"]
    system.pass_time(3 * HOUR)
    assert gaps(system) == []
    alter_batch(system, state="COLLECTED")
    assert gaps(system) == [(Kind.NOT_COMMITTED, key_of("first"))]


def test_an_answer_that_is_stored_and_not_yet_booked_is_in_flight(system: System) -> None:
    system.ask(id="urgent", priority="high")
    system.deliver("RequestQueue")
    system.crash(dynamo.client(), "dynamodb.PutItem")
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    assert system.objects("results/")
    assert not system.items("LedgerTable")
    system.pass_time(HOUR)
    assert gaps(system) == []


@pytest.mark.parametrize("kind", ["batch#", "claude#", "segment#"])
def test_rows_that_may_vanish_at_any_moment_prove_nothing(done: System, kind: str) -> None:
    done.pass_time(46 * 24 * HOUR)
    for item in done.items("BatchesTable"):
        if item["item_id"].startswith(kind):
            delete(done, "BatchesTable", item_id=item["item_id"])
    assert gaps(done) == []


def test_an_owner_row_that_outlives_its_batch_proves_nothing(done: System) -> None:
    """It was written later, so it expires later."""
    done.pass_time(40 * 24 * HOUR)
    for item in done.items("BatchesTable"):
        if not item["item_id"].startswith("claude#"):
            alter(done, "BatchesTable", {"item_id": item["item_id"]}, expires_at=1)
    assert gaps(done) == []


def test_a_row_that_says_that_its_content_was_deleted_is_believed(done: System) -> None:
    an_answer_cut_short(done)
    alter_request(done, "patient", forgotten_at="2026-11-25T00:00:00.000Z")
    assert gaps(done) == []


def test_what_moves_on_while_it_is_read_is_looked_at_again(system: System) -> None:
    """The batch is sealed between the reading of the batches and that of the segments."""
    system.ask(id="first")
    system.deliver("RequestQueue")
    system.pass_time(HOUR)
    client = dynamo.client()
    system.meanwhile(client, "dynamodb.Scan", lambda: system.meanwhile(client, "dynamodb.Scan", system.run))
    assert gaps(system) == []
    assert batch_of(system)["state"] == "OPEN"


# the verdict


def test_an_audit_without_time_is_no_verdict(done: System) -> None:
    an_end_that_is_gone(done)
    report = audit(done, seconds=60)
    assert (report.gaps, report.is_clean) == ([], False)
    assert "out of time" in report.unfinished


def test_what_was_found_before_the_time_was_over_is_told(done: System) -> None:
    a_lock_without_a_send(done)
    an_answer_of_a_batch_that_is_gone(done)
    settings = load(AuditorSettings, stack.environment("AuditorFunction", done.ids, done.parameters))
    left = iter([900.0] * 7)
    report = _auditor(settings, lambda: next(left, 100.0))()
    assert report.unfinished
    assert report.gaps


@pytest.mark.parametrize("seconds", [900.0, 60.0])
def test_the_function_counts_what_it_completed(
    done: System, capsys: pytest.CaptureFixture[str], seconds: float
) -> None:
    watch = Watch(done, capsys)
    done.invoke("AuditorFunction", {}, seconds=seconds)
    counted = {sample.metric.name: sample.value for sample in watch.samples}
    assert counted == ({"AuditGaps": 0, "AuditsCompleted": 1} if seconds > 100 else {"AuditsUnfinished": 1})


def test_a_listing_that_claude_refuses_is_no_verdict(done: System, capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch(done, capsys)
    done.fault(route="list", fault="status", status=500)
    assert done.invoke("AuditorFunction", {}, seconds=900)["completed"] is False
    assert {sample.metric.name for sample in watch.samples} == {"AuditsUnfinished"}


def test_each_gap_has_its_line_and_many_have_twenty(done: System, log_lines: io.StringIO) -> None:
    for number in range(30):
        alter(done, "BatchesTable", {"item_id": f"count#{number}"}, batch="nobody")
    answer = done.invoke("AuditorFunction", {}, seconds=900)
    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    told = [line for line in lines if line.get("action") == "audit-gap"]
    assert answer["gaps"] == {"count-lock-held": 30}
    assert len(told) == MOST_LINES
    assert {line["kind"] for line in told} == {"count-lock-held"}
    assert [line["gaps"] for line in lines if line.get("action") == "audit-over"] == [30]
