"""Only whole result sets are committed, effects happen once, and what was not answered goes round again, bounded."""

from datetime import timedelta
from typing import Any

import boto3
import pytest

from functions.collector import effects
from lanekeeper import clock, connections, dynamo, moments
from lanekeeper.batches_table import BatchesTable
from lanekeeper.pricing import PriceList
from lanekeeper.requests_table import RequestsTable
from lanekeeper.spool import Spool
from local.emulator.batches import Batch
from tests.system import Context, Killed, System, params, refusable


def ask(system: System, count: int) -> list[str]:
    return [system.ask(params=params(f"Number {number}.")) for number in range(count)]


def outcomes(system: System, asked: list[str]) -> set[tuple[str, str]]:
    rows = [system.row(request_id) or {} for request_id in asked]
    return {(row.get("outcome", "open"), row.get("outcome_reason", "")) for row in rows}


def test_a_result_set_that_is_cut_cleanly_is_thrown_away_and_fetched_again(system: System) -> None:
    asked = ask(system, 4)
    system.fault(route="results", fault="cut", rows=3)
    system.run_until_answered()
    assert outcomes(system, asked) == {("open", "")}
    assert not system.objects("results/")
    system.tick(in_seconds=61)
    system.run()

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert sum(record["cost_micro_usd"] for record in system.items("LedgerTable")) == system.billed()


@pytest.mark.parametrize("route", ["retrieve", "results"])
def test_results_that_answer_404_for_a_while_are_waited_for(system: System, route: str) -> None:
    asked = ask(system, 1)
    system.run()
    system.let_batches_end()
    system.tick()
    system.fault(route=route, fault="status", status=404)
    system.run()
    assert outcomes(system, asked) == {("open", "")}
    system.tick(in_seconds=61)
    system.run()

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert system.executed() == 1


@pytest.mark.parametrize("outcome", ["expired", "canceled", "overloaded"])
def test_requests_that_were_not_answered_go_round_again(system: System, outcome: str) -> None:
    asked = ask(system, 5)
    system.fault(route="batch_rows", outcome=outcome, count=2)
    system.run_until_answered(rounds=2)

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert sum(record["cost_micro_usd"] for record in system.items("LedgerTable")) == system.billed()
    assert system.executed() == 5


def test_the_rounds_are_bounded_and_the_end_has_its_reason(system: System) -> None:
    asked = ask(system, 2)
    system.fault(route="batch_rows", outcome="expired", count=8)
    system.run_until_answered(rounds=6)

    assert outcomes(system, asked) == {("failed", "expired-after-3-rounds")}
    assert system.executed() == 0
    assert not system.items("LedgerTable")


def test_a_request_that_claude_calls_invalid_fails_alone_and_at_once(system: System) -> None:
    good = ask(system, 2)
    bad = system.ask(params=refusable())
    system.run_until_answered()

    assert outcomes(system, good) == {("succeeded", "end_turn")}
    ((outcome, _),) = outcomes(system, [bad])
    assert outcome == "failed"


def test_collecting_a_batch_again_changes_nothing(system: System) -> None:
    ask(system, 3)
    system.fault(route="batch_rows", outcome="expired", count=1)
    system.run_until_answered()
    before = (system.items("RequestsTable"), system.items("LedgerTable"), system.objects(""))
    for batch in system.batches():
        batch_id = batch["item_id"].removeprefix("batch#")
        body = f'{{"batch": "{batch_id}"}}'
        boto3.client("sqs").send_message(QueueUrl=system.ids["CollectQueue"], MessageBody=body)
    system.deliver("CollectQueue")

    assert (system.items("RequestsTable"), system.items("LedgerTable"), system.objects("")) == before


@pytest.mark.parametrize(
    ("service", "call"),
    [
        pytest.param("s3", "s3.CompleteMultipartUpload", id="before-the-results-are-whole"),
        pytest.param("dynamodb", "dynamodb.PutItem", id="before-the-cost-record"),
        pytest.param("dynamodb", "dynamodb.UpdateItem", id="before-an-ending"),
        pytest.param("events", "events.PutEvents", id="before-the-event"),
    ],
)
def test_a_crash_of_the_collector_is_repaired_after_its_lease(system: System, service: str, call: str) -> None:
    asked = ask(system, 3)
    system.fault(route="batch_rows", outcome="expired", count=1)
    system.run()
    system.let_batches_end()
    system.tick()
    client = {"dynamodb": dynamo.client, "s3": connections.s3, "events": connections.eventbridge}[service]()
    system.crash(client, call, at=3 if call == "dynamodb.UpdateItem" else 1)
    with pytest.raises(Killed):
        system.run()
    system.tick(in_seconds=300)
    system.run_until_answered(rounds=2)

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert {batch["state"] for batch in system.batches()} == {"COLLECTED"}
    assert system.executed() == 3
    assert sum(record["cost_micro_usd"] for record in system.items("LedgerTable")) == system.billed()


def test_a_collector_that_runs_out_of_time_goes_on_at_its_last_chunk(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "CHUNK", 2)
    asked = ask(system, 5)
    system.run()
    system.let_batches_end()
    system.tick()
    event = {"Records": [system.record("CollectQueue")]}
    counted = iter([100.0] * 2 + [0.0] * 100)  # two looks at the clock, then the time is over
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda _: next(counted) * 1000)
    system.invoke("CollectorFunction", event)
    assert system.batches()[0]["applied_to"] > 0
    assert system.batches()[0]["state"] == "STORED"
    monkeypatch.undo()
    system.tick(in_seconds=1)
    system.run()

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert system.batches()[0]["state"] == "COLLECTED"


def end_batch(system: System) -> Batch:
    """Lets the only batch end, its collector called but not run; Claude's own record of it."""
    system.run()
    system.let_batches_end()
    (batch,) = system.emulator.world.list_batches().batches
    system.tick()
    return batch


def test_rows_that_do_not_add_up_to_claudes_own_counts_are_not_stored(system: System) -> None:
    ask(system, 3)
    batch = end_batch(system)
    batch.counts["errored"] += 1
    system.run()
    assert system.batches()[0]["state"] == "ENDED"
    batch.counts["errored"] -= 1
    system.tick(in_seconds=61)
    system.run()
    assert system.batches()[0]["state"] == "COLLECTED"


def test_a_set_without_one_of_our_requests_is_not_stored_even_where_claude_counts_alike(system: System) -> None:
    ask(system, 3)
    batch = end_batch(system)
    batch.rows.pop()
    batch.counts["succeeded"] -= 1
    system.run()

    assert system.batches()[0]["state"] == "ENDED"


def test_a_set_that_is_not_whole_leaves_nothing_behind(system: System) -> None:
    ask(system, 4)
    system.fault(route="results", fault="cut", rows=3)
    end_batch(system)
    system.run()

    assert not system.objects("incoming/")
    assert not boto3.client("s3").list_multipart_uploads(Bucket=system.ids["ContentBucket"]).get("Uploads")


def test_two_collectors_of_one_batch_do_not_work_at_once(system: System) -> None:
    ask(system, 2)
    end_batch(system)
    event = {"Records": [system.record("CollectQueue")]}
    completed = system.listen(connections.s3(), "s3.CompleteMultipartUpload")
    system.meanwhile(connections.s3(), "s3.UploadPart", lambda: system.invoke("CollectorFunction", event))
    system.invoke("CollectorFunction", event)

    assert len(completed) == 1
    assert system.batches()[0]["state"] == "COLLECTED"


def test_a_collector_whose_lease_was_taken_over_stops_before_it_ends_requests(system: System) -> None:
    asked = ask(system, 2)
    end_batch(system)
    event = {"Records": [system.record("CollectQueue")]}
    key = {"item_id": system.batches()[0]["item_id"]}

    def taken_over() -> None:
        system.pass_time(150)
        lease = {"lease_until": {"Value": "2999-01-01T00:00:00.000Z"}}
        system.table("BatchesTable").update_item(Key=key, AttributeUpdates=lease)

    system.meanwhile(connections.s3(), "s3.CompleteMultipartUpload", taken_over)
    answer = system.invoke("CollectorFunction", event)

    assert len(answer["batchItemFailures"]) == 1
    assert outcomes(system, asked) == {("open", "")}


def test_a_long_collection_prolongs_its_lease(system: System) -> None:
    ask(system, 2)
    end_batch(system)
    began = clock.now()
    system.meanwhile(connections.s3(), "s3.CompleteMultipartUpload", lambda: system.pass_time(60))
    system.crash(connections.eventbridge(), "events.PutEvents")
    with pytest.raises(Killed):
        system.deliver("CollectQueue")

    assert moments.from_text(system.batches()[0]["lease_until"]) - began > timedelta(seconds=170)


def test_effects_resume_behind_the_last_chunk(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "CHUNK", 2)
    system.set_workload("collector", "content-pipeline", notify="each")
    asked = ask(system, 5)
    end_batch(system)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.crash(connections.eventbridge(), "events.PutEvents", at=2)
    with pytest.raises(Killed):
        system.deliver("CollectQueue")
    system.tick(in_seconds=300)
    system.run()

    told = [len(call["Entries"]) for call in heard]
    assert told == [2, 2, 2, 1, 1]  # the second chunk's call died unsent; last of all BatchCompleted
    assert outcomes(system, asked) == {("succeeded", "end_turn")}


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        pytest.param("none", [], id="none"),
        pytest.param("batch", ["BatchCompleted"], id="batch"),
        pytest.param("each", ["RequestCompleted", "RequestCompleted", "BatchCompleted"], id="each"),
    ],
)
def test_consumers_are_told_as_their_workload_wants_it(system: System, notify: str, told: list[str]) -> None:
    system.set_workload("collector", "content-pipeline", notify=notify)
    ask(system, 2)
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.run_until_answered()

    assert [entry["DetailType"] for call in heard for entry in call["Entries"]] == told
    assert {batch["state"] for batch in system.batches()} == {"COLLECTED"}


def test_an_event_that_a_dying_collector_did_not_send_is_sent_by_the_next(system: System) -> None:
    ask(system, 1)
    end_batch(system)
    system.crash(connections.eventbridge(), "events.PutEvents")
    with pytest.raises(Killed):
        system.deliver("CollectQueue")
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.tick(in_seconds=300)
    system.run()

    assert [entry["DetailType"] for call in heard for entry in call["Entries"]] == ["BatchCompleted"]


def test_a_cost_record_that_stands_is_never_overwritten(system: System) -> None:
    ask(system, 1)
    end_batch(system)
    system.crash(connections.eventbridge(), "events.PutEvents")
    with pytest.raises(Killed):
        system.deliver("CollectQueue")
    before = system.items("LedgerTable")
    system.tick(in_seconds=300)
    system.run()

    assert system.items("LedgerTable") == before
    assert system.batches()[0]["state"] == "COLLECTED"


def test_an_object_that_stands_is_never_overwritten(system: System) -> None:
    spool = Spool(connections.s3(), system.ids["ContentBucket"])

    assert spool.write_segment("S", b"first\n", [])
    assert not spool.write_segment("S", b"second\n", [])
    assert spool.get("segments/S.jsonl") == b"first\n"


def test_a_model_without_a_price_leaves_the_cost_of_its_requests_unknown(system: System) -> None:
    (asked,) = ask(system, 1)
    system.monkeypatch.setattr(PriceList, "price", lambda *_, **__: None)
    system.run_until_answered()

    row, (record,) = system.row(asked), system.items("LedgerTable")
    assert row is not None
    assert (row["cost_micro_usd"], record["cost_micro_usd"], record["standard_micro_usd"]) == (None, None, None)


def test_a_collector_that_wakes_when_another_has_finished_does_nothing_more(system: System) -> None:
    ask(system, 2)
    end_batch(system)
    event = {"Records": [system.record("CollectQueue")]}
    heard = system.listen(connections.eventbridge(), "events.PutEvents")

    def another_finishes() -> None:
        system.pass_time(150)
        system.invoke("CollectorFunction", event)

    system.meanwhile(connections.s3(), "s3.CompleteMultipartUpload", another_finishes)
    system.invoke("CollectorFunction", event)

    assert len(heard) == 1
    assert system.invoke("CollectorFunction", event) == {"batchItemFailures": []}


def test_a_call_for_a_batch_that_is_done_is_over_at_once(system: System) -> None:
    ask(system, 1)
    end_batch(system)
    event = {"Records": [system.record("CollectQueue")]}
    system.invoke("CollectorFunction", event)
    before = system.items("BatchesTable")
    system.pass_time(150)

    assert system.invoke("CollectorFunction", event) == {"batchItemFailures": []}
    assert system.items("BatchesTable") == before


@pytest.mark.parametrize(
    ("owner", "deed"),
    [
        pytest.param(Spool, "write_lines", id="before-its-object-is-written"),
        pytest.param(RequestsTable, "move", id="before-its-requests-have-moved"),
    ],
)
def test_a_further_round_is_ready_only_once_all_of_it_is_there(system: System, owner: type, deed: str) -> None:
    asked = ask(system, 3)
    system.fault(route="batch_rows", outcome="expired", count=2)
    end_batch(system)
    undisturbed = getattr(owner, deed)

    def die(*_: object, **__: object) -> None:
        raise Killed(deed)

    system.monkeypatch.setattr(owner, deed, die)
    with pytest.raises(Killed):
        system.deliver("CollectQueue")
    assert not [item for item in system.items("BatchesTable") if "-r1-" in item["item_id"]]
    system.monkeypatch.setattr(owner, deed, undisturbed)
    system.tick(in_seconds=300)
    system.run_until_answered(rounds=2)

    assert outcomes(system, asked) == {("succeeded", "end_turn")}
    assert system.executed() == 3


def take_over(system: System) -> None:
    """Another collector has the only batch, since ours slept longer than its lease."""
    system.pass_time(150)
    key = {"item_id": next(batch["item_id"] for batch in system.batches() if batch["state"] != "COLLECTED")}
    lease = {"lease_until": {"Value": "2999-01-01T00:00:00.000Z"}}
    system.table("BatchesTable").update_item(Key=key, AttributeUpdates=lease)


def test_a_download_goes_on_only_under_its_lease(system: System) -> None:
    ask(system, 2)
    end_batch(system)
    completed = system.listen(connections.s3(), "s3.CompleteMultipartUpload")
    system.meanwhile(connections.s3(), "s3.CreateMultipartUpload", lambda: take_over(system))
    system.deliver("CollectQueue")

    assert not completed
    assert system.batches()[0]["state"] == "ENDED"


def test_a_further_round_is_written_only_under_the_lease(system: System) -> None:
    ask(system, 2)
    system.fault(route="batch_rows", outcome="expired", count=1)
    end_batch(system)
    note_progress = BatchesTable.note_progress

    def note_and_sleep(*arguments: Any, **named: Any) -> bool:
        noted = note_progress(*arguments, **named)
        take_over(system)
        return noted

    system.monkeypatch.setattr(BatchesTable, "note_progress", note_and_sleep)
    system.deliver("CollectQueue")

    assert not [item for item in system.items("BatchesTable") if "-r1-" in item["item_id"]]
    assert not [key for key in system.objects("segments/") if "-r1-" in key]


def test_two_downloads_of_one_batch_lie_apart(system: System) -> None:
    ask(system, 2)
    end_batch(system)
    event = {"Records": [system.record("CollectQueue")]}

    def another_collects() -> None:
        system.pass_time(150)
        system.invoke("CollectorFunction", event)

    system.meanwhile(connections.s3(), "s3.CompleteMultipartUpload", another_collects)
    system.invoke("CollectorFunction", event)

    assert len(system.objects("incoming/")) == 2
