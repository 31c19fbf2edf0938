"""A message on the queue becomes an answer and a cost record."""

from tests.system import System, params


def test_a_normal_request_travels_in_a_batch_and_is_billed_half(system: System) -> None:
    asked = system.ask(metadata={"team": "docs"})
    system.run_until_answered(rounds=1)

    row = system.row(asked)
    assert row is not None
    assert (row["lane"], row["outcome"], row["outcome_reason"]) == ("batch", "succeeded", "end_turn")
    answer = system.answer(row)
    assert (answer["id"], answer["metadata"]) == (asked, {"team": "docs"})
    assert answer["result"]["message"]["usage"]["service_tier"] == "batch"
    (record,) = system.items("LedgerTable")
    assert record["cost_micro_usd"] * 2 == record["standard_micro_usd"]
    assert record["cost_micro_usd"] == row["cost_micro_usd"]


def test_an_urgent_request_is_answered_at_once_at_full_price(system: System) -> None:
    asked = system.ask(workload="live-chat", priority="high")
    system.run()

    row = system.row(asked, "live-chat")
    assert row is not None
    assert (row["lane"], row["reason"], row["outcome"]) == ("realtime", "priority-high", "succeeded")
    assert system.answer(row)["result"]["message"]["usage"]["service_tier"] == "standard"
    (record,) = system.items("LedgerTable")
    assert record["cost_micro_usd"] == record["standard_micro_usd"] == row["cost_micro_usd"]


def test_the_ledger_adds_up_to_the_emulators_own_account(system: System) -> None:
    for number in range(7):
        system.ask(params=params(f"Number {number}, please."))
    system.ask(workload="code-review", params=params("Review this."))
    system.ask(workload="live-chat", priority="high")
    system.run_until_answered(rounds=1)

    billed = sum(record["cost_micro_usd"] for record in system.items("LedgerTable"))
    assert billed == system.billed()
    assert len(system.batches()) == 2
    assert all(item["outcome"] == "succeeded" for item in system.items("RequestsTable"))
