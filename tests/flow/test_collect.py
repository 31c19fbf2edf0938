"""Only whole result sets are committed, effects happen once, and what was not answered goes round again, bounded."""

import boto3
import pytest

from functions.collector import effects
from lanekeeper import connections, dynamo
from tests.system import Context, Killed, System, params


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
    bad = system.ask(params=params(model="claude-imaginary-9"))
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
