"""Deadlines inside the batch lane: rescued, reported or ended in time, from every state; one answer in any order of
arrival, and every payment on the ledger."""

import json
from decimal import Decimal
from typing import Any

import pytest

from lanekeeper import connections, dynamo
from lanekeeper.queues import Queue
from lanekeeper.requests_table import RequestsTable
from tests.system import Killed, System, refusable

SOON, LATER = 100, 120  # minutes; latencies that batch, and in one batch
MARGIN = 15 * 60
NEAR = SOON * 60 - MARGIN + 1  # seconds until the sooner is rescued


@pytest.fixture(autouse=True)
def slow_batches(system: System) -> None:
    """Claude takes longer than any deadline here."""
    system.emulator.world.batch_minutes = (600, 600)


def opened(system: System, *, count: int = 1, **fields: Any) -> list[str]:
    """Requests in one batch at Claude, with some time to wait."""
    asked = waiting(system, count=count, **fields)
    system.run()
    assert [batch["state"] for batch in system.batches()] == ["OPEN"]
    return asked


def waiting(system: System, *, count: int = 1, **fields: Any) -> list[str]:
    return [system.ask(max_latency_minutes=SOON, **fields) for _ in range(count)]


def collected(system: System) -> None:
    """Claude ends its batches, and everything is collected."""
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.run()


def ledger(system: System) -> list[tuple[str, Decimal]]:
    return sorted((item["kind"], item["cost_micro_usd"]) for item in system.items("LedgerTable"))


def paid(system: System) -> Decimal:
    return sum((cost for _, cost in ledger(system)), Decimal(0))


def told(heard: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    entries = [entry for call in heard for entry in call["Entries"] if entry["DetailType"] == kind]
    return [json.loads(entry["Detail"]) for entry in entries]


def row(system: System, request_id: str) -> dict[str, Any]:
    return system.row(request_id) or {}


# --- rescue ----------------------------------------------------------------------------------------------------------


def test_a_request_whose_batch_is_too_slow_is_answered_in_real_time_before_its_deadline(system: System) -> None:
    (asked,) = opened(system)
    system.tick(in_seconds=NEAR)
    assert row(system, asked)["rescue"] == "pending"
    system.run()

    assert (row(system, asked)["outcome"], "late" in row(system, asked)) == ("succeeded", False)
    assert system.answer(row(system, asked))["batch"] is None
    assert [kind for kind, _ in ledger(system)] == ["rescue"]
    assert paid(system) == system.billed()


def test_a_rescues_event_says_the_same_when_it_is_told_again(system: System) -> None:
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    (asked,) = opened(system)
    system.tick(in_seconds=NEAR)
    system.run()
    system.ask(id=asked, max_latency_minutes=SOON)
    system.run()

    first, again = told(heard, "RequestCompleted")
    assert first == again
    assert first["lane"] == row(system, asked)["lane"]


def test_before_its_time_nothing_is_rescued(system: System) -> None:
    (asked,) = opened(system)
    system.tick(in_seconds=NEAR - 60)

    assert "rescue" not in row(system, asked)
    assert system.waiting("RealtimeQueue") == []


def test_the_batchs_answer_that_comes_after_the_rescues_changes_nothing_and_is_on_the_ledger(system: System) -> None:
    first, _ = opened(system, count=2)
    system.emulator.world.faults.clear()
    system.tick(in_seconds=NEAR)
    system.run()
    before = row(system, first)
    collected(system)

    assert row(system, first) == before
    assert paid(system) == system.billed()


def test_a_rescue_that_comes_after_the_batchs_answer_is_not_paid(system: System) -> None:
    (asked,) = opened(system)
    system.tick(in_seconds=NEAR)
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.deliver("CollectQueue")
    before = row(system, asked)
    system.run()

    assert (before["outcome"], row(system, asked)) == ("succeeded", before)
    assert (system.executed(), [kind for kind, _ in ledger(system)]) == (1, ["answer"])


def test_a_rescue_is_sent_once_however_often_the_clock_ticks(system: System) -> None:
    opened(system)
    system.tick(in_seconds=NEAR)
    system.tick(in_seconds=60)
    system.tick()

    assert len(system.waiting("RealtimeQueue")) == 1


@pytest.mark.parametrize(
    ("service", "call"),
    [
        pytest.param("dynamodb", "dynamodb.UpdateItem", id="before-the-mark"),
        pytest.param("sqs", "sqs.SendMessageBatch", id="between-mark-and-send"),
    ],
)
def test_a_tick_that_dies_in_a_rescue_is_repeated_by_the_next(system: System, service: str, call: str) -> None:
    (asked,) = opened(system)
    system.crash(dynamo.client() if service == "dynamodb" else connections.sqs(), call)
    with pytest.raises(Killed):
        system.tick(in_seconds=NEAR)
    system.tick()
    system.run()

    assert row(system, asked)["outcome"] == "succeeded"
    assert system.executed() == 1


def test_a_rescue_between_whose_mark_and_message_its_batch_was_trimmed_is_still_sent(system: System) -> None:
    """The mark has no segment any more: what was asked for is sent all the same."""
    system.fault(route="create", fault="status", status=429, count=None)
    (asked,) = waiting(system)
    system.run()
    system.crash(connections.sqs(), "sqs.SendMessageBatch")
    with pytest.raises(Killed):
        system.tick(in_seconds=NEAR)
    table = RequestsTable(dynamo.client(), system.ids["RequestsTable"])
    assert table.leave_to_rescue(row(system, asked)["request_key"], segment=row(system, asked)["segment"])
    system.tick(in_seconds=60)
    system.run()

    assert row(system, asked)["outcome"] == "succeeded"


def test_a_rescue_that_a_dead_tick_did_not_send_is_not_lost_when_its_segment_is_sealed(system: System) -> None:
    """Its home must not be closed before another tick has looked at it."""
    asked = []
    for _ in range(2):  # a segment each
        asked += waiting(system)
        system.deliver("RequestQueue")
    system.crash(connections.sqs(), "sqs.SendMessageBatch", at=2)
    with pytest.raises(Killed):
        system.tick(in_seconds=NEAR)
    system.deliver("BatchQueue")
    system.tick(in_seconds=60)
    system.run()

    assert [row(system, each).get("outcome") for each in asked] == ["succeeded", "succeeded"]


@pytest.mark.parametrize("outcome", ["expired", "invalid_request"])
def test_a_rescue_that_a_dead_tick_did_not_send_is_not_lost_when_its_batch_is_collected(
    system: System, outcome: str
) -> None:
    system.fault(route="batch_rows", outcome=outcome)
    (asked,) = opened(system)
    system.emulator.world.clock.advance(12 * 3600)
    system.tick(in_seconds=NEAR - 60)
    system.crash(connections.sqs(), "sqs.SendMessageBatch")
    with pytest.raises(Killed):
        system.tick(in_seconds=60)
    system.deliver("CollectQueue")
    assert row(system, asked).get("outcome") is None
    system.tick(in_seconds=60)
    system.run()

    assert row(system, asked)["outcome"] == "succeeded"
    assert [batch["state"] for batch in system.batches()] == ["COLLECTED"]


def test_a_rescue_that_the_queue_does_not_take_is_sent_by_the_next_tick(system: System) -> None:
    opened(system)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Queue, "send_many", lambda _, bodies: [False for _ in bodies])
        system.tick(in_seconds=NEAR)
    assert system.waiting("RealtimeQueue") == []
    system.tick(in_seconds=60)

    assert len(system.waiting("RealtimeQueue")) == 1


def test_only_those_whose_deadline_is_near_are_rescued(system: System) -> None:
    near, far = system.ask(max_latency_minutes=SOON), system.ask(max_latency_minutes=LATER)
    system.run()
    system.tick(in_seconds=NEAR)

    rescues = {asked: row(system, asked).get("rescue") for asked in (near, far)}
    assert rescues == {near: "pending", far: None}


def test_a_flood_of_rescues_is_paced_and_none_is_left_out(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.poller.tick.RESCUES_PER_TICK", 2)
    asked = opened(system, count=5)
    system.tick(in_seconds=NEAR)
    paced = sum("rescue" in row(system, each) for each in asked)
    system.tick(in_seconds=1)
    system.tick(in_seconds=1)
    system.run()

    assert paced == 2
    assert {row(system, each)["outcome"] for each in asked} == {"succeeded"}


def test_a_flood_of_rescues_keeps_nobody_from_being_told(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.poller.tick.RESCUES_PER_TICK", 1)
    asked = opened(system, count=3)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.tick(in_seconds=SOON * 60 - 6 * 60)

    assert sum("rescue" in row(system, each) for each in asked) == 1
    assert {event["id"] for event in told(heard, "DeadlineEndangered")} == set(asked)


# --- what was not sent yet -------------------------------------------------------------------------------------------


def test_a_held_batch_whose_requests_were_all_rescued_is_never_sent(system: System) -> None:
    system.fault(route="create", fault="status", status=429, count=None)
    asked = waiting(system, count=2)
    system.run()
    system.tick(in_seconds=NEAR)
    system.run()
    system.emulator.world.faults.clear()
    system.tick(in_seconds=120)

    assert {row(system, each)["outcome"] for each in asked} == {"succeeded"}
    assert [batch["state"] for batch in system.batches()] == ["DROPPED"]
    assert (system.executed(), paid(system)) == (2, system.billed())


def test_a_held_batch_is_sent_without_those_that_were_rescued(system: System) -> None:
    system.fault(route="create", fault="status", status=429, count=None)
    asked = [system.ask(max_latency_minutes=latency) for latency in (LATER, SOON, LATER)]
    system.run()
    system.tick(in_seconds=NEAR)
    system.emulator.world.faults.clear()
    system.tick(in_seconds=120)
    system.run()
    collected(system)

    (batch,) = system.batches()
    assert (batch["state"], batch["count"]) == ("COLLECTED", 2)
    assert {row(system, each)["outcome"] for each in asked} == {"succeeded"}
    assert (system.executed(), paid(system)) == (3, system.billed())


def test_what_is_trimmed_while_it_is_rescued_is_left_to_its_rescue(system: System) -> None:
    """No batch attempt is left that a rescue which fails could leave it to."""
    system.fault(route="create", fault="status", status=429, count=None)
    near = system.ask(max_latency_minutes=SOON)
    system.ask(max_latency_minutes=LATER)
    system.run()
    system.tick(in_seconds=NEAR)
    system.emulator.world.faults.clear()
    system.tick(in_seconds=120)
    assert ("segment" in row(system, near), row(system, near)["rescue"]) == (False, "pending")
    system.fault(route="messages", fault="status", status=413)
    system.deliver("RealtimeQueue")

    assert row(system, near)["outcome"] == "failed"


def test_two_that_trim_one_batch_differently_send_what_the_row_says(system: System) -> None:
    """Between the listing and the transaction another request is rescued: the sender's own view is what counts."""
    system.fault(route="create", fault="status", status=429, count=None)
    first = system.ask(max_latency_minutes=SOON)
    system.ask(max_latency_minutes=SOON + 2)
    system.run()
    system.tick(in_seconds=NEAR)
    system.emulator.world.faults.clear()
    system.meanwhile(dynamo.client(), "dynamodb.TransactWriteItems", lambda: system.tick(in_seconds=120))
    system.tick(in_seconds=90)
    system.run()
    collected(system)

    (batch,) = system.batches()
    assert batch["state"] in ("COLLECTED", "DROPPED")
    assert row(system, first)["outcome"] == "succeeded"
    assert paid(system) == system.billed()


def test_a_segment_that_no_submitter_looked_at_is_rescued_and_then_dropped(system: System) -> None:
    (asked,) = waiting(system)
    system.deliver("RequestQueue")
    system.tick(in_seconds=NEAR)
    system.deliver("RealtimeQueue")
    assert row(system, asked)["outcome"] == "succeeded"
    system.run()

    assert [batch["state"] for batch in system.batches()] == ["DROPPED"]
    assert (system.executed(), paid(system)) == (1, system.billed())


def test_a_request_is_rescued_while_its_send_is_in_doubt(system: System) -> None:
    system.fault(route="create", fault="drop")
    (asked,) = waiting(system)
    system.run()
    assert [batch["state"] for batch in system.batches()] == ["SENDING"]
    system.tick(in_seconds=NEAR)  # SETTLE is over as well: it never arrived
    system.run()
    system.tick(in_seconds=60)

    assert row(system, asked)["outcome"] == "succeeded"
    assert [batch["state"] for batch in system.batches()] == ["DROPPED"]
    assert system.executed() == 1


def test_a_batch_that_nobody_needs_any_more_is_canceled(system: System) -> None:
    asked = opened(system, count=2)
    system.tick(in_seconds=NEAR)
    system.run()
    system.tick(in_seconds=SOON * 60)
    system.emulator.world.clock.advance(3600)
    system.tick(in_seconds=60)
    system.run()

    assert [batch["state"] for batch in system.batches()] == ["COLLECTED"]
    assert {row(system, each)["outcome"] for each in asked} == {"succeeded"}
    assert paid(system) == system.billed()
    assert len([item for item in system.items("BatchesTable") if item["item_id"].startswith("segment#")]) == 1


def test_a_batch_is_not_canceled_while_one_request_needs_it(system: System) -> None:
    system.ask(max_latency_minutes=SOON)
    system.ask(max_latency_minutes=LATER)
    system.run()
    system.tick(in_seconds=NEAR)
    system.run()
    system.tick(in_seconds=600)

    (batch,) = system.batches()
    assert "cancel_asked_at" not in batch


def test_a_batch_is_not_canceled_while_a_rescue_is_under_way(system: System) -> None:
    opened(system, count=2)
    system.tick(in_seconds=NEAR)
    system.tick(in_seconds=MARGIN)  # nothing is left to be done about deadlines
    (batch,) = system.batches()
    assert "cancel_asked_at" not in batch
    system.run()
    system.tick(in_seconds=301)

    (batch,) = system.batches()
    assert "cancel_asked_at" in batch


# --- attempts --------------------------------------------------------------------------------------------------------


def test_a_row_that_is_to_go_round_again_is_left_to_its_rescue(system: System) -> None:
    (asked,) = opened(system)
    system.fault(route="batch_rows", outcome="expired")
    system.tick(in_seconds=NEAR)
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.deliver("CollectQueue")
    assert "segment" not in row(system, asked)
    system.run()

    assert row(system, asked)["outcome"] == "succeeded"
    assert len(system.batches()) == 1
    assert (system.executed(), paid(system)) == (1, system.billed())


def test_a_rescue_that_is_refused_leaves_the_request_to_its_batch(system: System) -> None:
    (asked,) = opened(system)
    system.fault(route="messages", fault="status", status=413)
    system.tick(in_seconds=NEAR)
    system.run()
    assert (row(system, asked)["rescue"], "outcome" in row(system, asked)) == ("over", False)
    system.pass_time(MARGIN)
    collected(system)

    assert (row(system, asked)["outcome"], row(system, asked)["late"]) == ("succeeded", True)


def test_a_request_that_neither_way_answers_fails_when_the_last_has_failed(system: System) -> None:
    (asked,) = opened(system, params=refusable())
    system.tick(in_seconds=NEAR)
    system.run()
    assert row(system, asked)["rescue"] == "over"
    collected(system)

    assert (row(system, asked)["outcome"], row(system, asked)["outcome_reason"]) == ("failed", "invalid_request_error")


def test_a_batchs_refusal_does_not_end_a_request_that_is_being_rescued(system: System) -> None:
    (asked,) = opened(system, params=refusable())
    system.tick(in_seconds=NEAR)
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.deliver("CollectQueue")
    assert "outcome" not in row(system, asked)
    system.run()

    assert row(system, asked)["outcome"] == "failed"  # by the rescue, which was the last


def test_a_message_for_a_rescue_that_has_failed_is_not_called_again(system: System) -> None:
    (asked,) = opened(system)
    system.fault(route="messages", fault="status", status=413)
    system.tick(in_seconds=NEAR)
    record = system.record("RealtimeQueue")
    system.invoke("RealtimeInvokerFunction", {"Records": [record]})
    system.invoke("RealtimeInvokerFunction", {"Records": [record]})

    assert row(system, asked)["rescue"] == "over"
    assert system.executed() == 0


@pytest.mark.parametrize(
    ("service", "call", "booked"),
    [
        pytest.param("s3", "s3.PutObject", "possible_duplicate", id="its-answer-unseen"),
        pytest.param("dynamodb", "dynamodb.PutItem", "rescue", id="its-answer-stored"),
    ],
)
def test_a_rescue_whose_worker_died_is_on_the_ledger_although_the_batch_answered_first(
    system: System, service: str, call: str, booked: str
) -> None:
    (asked,) = opened(system)
    system.tick(in_seconds=NEAR)
    system.crash(connections.s3() if service == "s3" else dynamo.client(), call)
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.deliver("CollectQueue")
    before = row(system, asked)
    system.pass_time(600)
    system.make_visible("RealtimeQueue")
    system.run()

    assert system.executed() == 2
    assert [item["kind"] for item in sorted(system.items("LedgerTable"), key=lambda item: item["kind"])] == sorted(
        ["answer", booked]
    )
    assert row(system, asked) == {name: value for name, value in before.items() if name != "lease_until"}


def test_a_collector_that_died_over_a_further_round_follows_the_index_that_it_wrote(system: System) -> None:
    """Rescued between the crash and the repeat: who travels was decided by the first."""
    first, second = opened(system, count=2)
    system.fault(route="batch_rows", outcome="expired", count=2)
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.crash(dynamo.client(), "dynamodb.PutItem", at=1)
    with pytest.raises(Killed):
        system.deliver("CollectQueue")
    system.tick(in_seconds=NEAR)
    system.deliver("RealtimeQueue")
    system.tick(in_seconds=600)
    system.run()
    system.tick(in_seconds=600)
    system.run()
    collected(system)

    assert {row(system, each)["outcome"] for each in (first, second)} == {"succeeded"}
    assert paid(system) == system.billed()


def expired(system: System, *minutes: int) -> list[str]:
    """Requests whose batch has ended without an answer to them, and waits for its collector."""
    asked = [system.ask(max_latency_minutes=each) for each in minutes]
    system.run()
    system.fault(route="batch_rows", outcome="expired", count=len(minutes))
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    return asked


def test_a_repeat_moves_whom_the_standing_index_names_though_it_is_rescued_by_now(system: System) -> None:
    near, far = expired(system, SOON, LATER)
    system.crash(connections.s3(), "s3.PutObject", at=2)  # the index stands, the lines do not
    with pytest.raises(Killed):
        system.deliver("CollectQueue")
    system.tick(in_seconds=NEAR)
    assert row(system, near)["rescue"] == "pending"
    system.deliver("CollectQueue")

    assert ["-r1-" in row(system, each).get("segment", "") for each in (near, far)] == [True, True]


def test_of_two_collectors_the_first_index_decides_who_goes_round_again(system: System) -> None:
    """The other one overtakes ours, leaves one to its rescue, and dies with its index written and no line."""
    expired(system, SOON, LATER)
    event = {"Records": [system.record("CollectQueue")]}

    def overtaken() -> None:
        system.tick(in_seconds=NEAR)
        system.crash(connections.s3(), "s3.PutObject", at=2)
        with pytest.raises(Killed):
            system.invoke("CollectorFunction", event)

    system.meanwhile(connections.s3(), "s3.PutObject", overtaken)
    system.invoke("CollectorFunction", event)

    (again,) = [item for item in system.items("BatchesTable") if item["item_id"].partition("-r1-")[1]]
    assert again["count"] == 1


# --- reports, and the other ways of a workload -----------------------------------------------------------------------


def test_a_deadline_that_will_be_missed_is_told_of_five_minutes_before_it_passes(system: System) -> None:
    system.set_workload("poller", "content-pipeline", on_late="wait")
    (asked,) = opened(system)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.tick(in_seconds=(SOON - 6) * 60)
    system.tick(in_seconds=60)

    (event,) = told(heard, "DeadlineEndangered")
    key = row(system, asked)["request_key"]
    assert (event["event_id"], event["id"], event["lane"]) == (f"{key}:deadline", asked, "batch")
    assert row(system, asked)["endangered_at"] < row(system, asked)["deadline"]
    assert "rescue" not in row(system, asked)


def test_a_request_that_was_answered_in_time_is_not_told_of(system: System) -> None:
    opened(system)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.tick(in_seconds=NEAR)
    system.run()
    system.tick(in_seconds=MARGIN)

    assert told(heard, "DeadlineEndangered") == []


def test_where_no_late_answer_is_wanted_the_request_ends_at_its_deadline(system: System) -> None:
    for function in ("poller", "collector"):
        system.set_workload(function, "content-pipeline", on_late="fail")
    (asked,) = opened(system)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.tick(in_seconds=SOON * 60 - 30)
    assert "outcome" not in row(system, asked)
    system.tick(in_seconds=60)
    before = row(system, asked)
    collected(system)

    assert (before["outcome"], before["outcome_reason"]) == ("failed", "deadline-passed")
    assert system.answer(before)["result"]["error"]["error"]["type"] == "deadline-passed"
    assert row(system, asked) == before
    assert paid(system) == system.billed()
    assert [event["outcome"] for event in told(heard, "RequestCompleted")] == ["failed"]


def given_up_by_a_tick_that_died(system: System, *, collectable: bool = False) -> list[str]:
    """Two requests, of which one was ended at its deadline, and nobody was told."""
    for function in ("poller", "collector"):
        system.set_workload(function, "content-pipeline", on_late="fail")
    asked = opened(system, count=2)
    if collectable:
        system.emulator.world.clock.advance(12 * 3600)
    system.tick(in_seconds=SOON * 60 - 60)
    system.crash(connections.eventbridge(), "events.PutEvents")
    with pytest.raises(Killed):
        system.tick(in_seconds=90)
    assert [row(system, each).get("outcome_reason") for each in asked] == ["deadline-passed", None]
    return asked


def test_a_tick_that_dies_before_it_tells_of_an_end_is_repeated_by_the_next(system: System) -> None:
    asked = given_up_by_a_tick_that_died(system)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.tick(in_seconds=60)
    system.tick(in_seconds=60)

    assert [event["id"] for event in told(heard, "RequestCompleted")] == asked


def test_an_end_that_a_dead_tick_did_not_tell_of_is_told_of_with_its_batch(system: System) -> None:
    """No tick looks at the deadlines of what is collected."""
    asked = given_up_by_a_tick_that_died(system, collectable=True)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.deliver("CollectQueue")

    assert [event["id"] for event in told(heard, "RequestCompleted")] == asked[:1]


def test_an_end_that_a_dead_tick_did_not_tell_of_is_told_of_before_its_batch_is_trimmed(system: System) -> None:
    """No tick looks at what is in no batch any more."""
    system.set_workload("poller", "content-pipeline", on_late="fail")
    (asked,) = waiting(system)
    system.deliver("RequestQueue")
    system.tick(in_seconds=SOON * 60 - 60)
    system.crash(connections.eventbridge(), "events.PutEvents")
    with pytest.raises(Killed):
        system.tick(in_seconds=90)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.deliver("BatchQueue")
    system.tick(in_seconds=60)

    assert [event["id"] for event in told(heard, "RequestCompleted")] == [asked]
    assert [batch["state"] for batch in system.batches()] == ["DROPPED"]


def test_a_paid_answer_behind_the_deadline_is_no_success_where_none_is_wanted(system: System) -> None:
    """It is collected before the tick that would have ended the request."""
    for function in ("poller", "collector"):
        system.set_workload(function, "content-pipeline", on_late="fail")
    (asked,) = opened(system)
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.pass_time(SOON * 60 + 1)
    system.run()

    ended = row(system, asked)
    assert (ended["outcome"], ended["outcome_reason"]) == ("failed", "deadline-passed")
    assert ended["cost_micro_usd"] == system.billed()


def test_an_urgent_request_that_waits_behind_its_deadline_is_told_of_once(system: System) -> None:
    system.fault(route="messages", fault="status", status=529, count=None)
    asked = system.ask(priority="high", max_latency_minutes=6)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.deliver("RequestQueue")
    system.deliver("RealtimeQueue")
    assert told(heard, "DeadlineEndangered") == []
    for _ in range(2):
        system.pass_time(60)
        system.make_visible("RealtimeQueue")
        system.deliver("RealtimeQueue")

    (event,) = told(heard, "DeadlineEndangered")
    assert (event["id"], event["lane"]) == (asked, "realtime")
    assert row(system, asked)["endangered_at"] < row(system, asked)["deadline"]


def test_a_deadline_is_told_of_alike_by_both_lanes(system: System) -> None:
    system.fault(route="messages", fault="status", status=529, count=None)
    opened(system)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.tick(in_seconds=NEAR)
    system.pass_time(MARGIN - 5 * 60)
    system.run()
    system.tick()

    first, second = told(heard, "DeadlineEndangered")
    assert first == second


def test_while_the_lane_is_held_a_deadline_is_told_of_all_the_same(system: System) -> None:
    system.fault(route="messages", fault="status", status=401, count=None)
    asked = system.ask(priority="high", max_latency_minutes=15)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.deliver("RequestQueue")
    system.deliver("RealtimeQueue")
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")
    assert told(heard, "DeadlineEndangered") == []
    system.pass_time(9 * 60)
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")

    assert [event["id"] for event in told(heard, "DeadlineEndangered")] == [asked]


def test_an_urgent_request_behind_its_deadline_is_not_paid_where_no_late_answer_is_wanted(system: System) -> None:
    system.set_workload("realtime_invoker", "content-pipeline", on_late="fail")
    asked = system.ask(priority="high", max_latency_minutes=6)
    system.deliver("RequestQueue")
    system.pass_time(7 * 60)
    system.deliver("RealtimeQueue")

    assert row(system, asked)["outcome_reason"] == "deadline-passed"
    assert system.executed() == 0
