"""A create whose answer is lost is settled by listing; one that is refused is held, split or ended. Nothing twice."""

import pytest

from tests.system import System, params

SETTLE = 1800


def ask_and_seal(system: System, count: int = 1) -> list[str]:
    asked = [system.ask(params=params(f"Number {number}.")) for number in range(count)]
    system.run()
    return asked


def states(system: System) -> list[str]:
    return sorted(batch["state"] for batch in system.batches())


def all_succeeded(system: System, asked: list[str]) -> bool:
    rows = [system.row(request_id) for request_id in asked]
    return all(row is not None and row.get("outcome") == "succeeded" for row in rows)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"fault": "drop_after_accept"}, id="connection-dropped"),
        pytest.param({"fault": "status_after_accept", "status": 500}, id="answered-500"),
    ],
)
def test_a_batch_whose_create_was_accepted_unseen_is_adopted_and_billed_once(
    system: System, fault: dict[str, object]
) -> None:
    system.fault(route="create", **fault)
    asked = ask_and_seal(system, 3)
    assert states(system) == ["SENDING"]
    system.tick(in_seconds=200)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert len(system.emulator.world.list_batches().batches) == 1
    assert sum(record["cost_micro_usd"] for record in system.items("LedgerTable")) == system.billed()


def test_a_create_that_never_arrived_is_sent_again_only_after_settle(system: System) -> None:
    system.fault(route="create", fault="status", status=529)
    asked = ask_and_seal(system)
    system.tick(in_seconds=SETTLE - 60)
    assert states(system) == ["SENDING"]
    system.tick(in_seconds=120)
    assert states(system) == ["SEALED"]
    system.tick(in_seconds=60)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 1


def test_a_foreign_batch_of_the_same_size_is_not_mistaken_for_ours(system: System) -> None:
    foreign = {"requests": [{"custom_id": "theirs", "params": params()}]}
    system.fault(route="create", fault="status", status=500)
    asked = ask_and_seal(system)
    system.emulator.world.create_batch(foreign)
    system.let_batches_end()
    system.tick(in_seconds=SETTLE + 60)
    system.tick(in_seconds=60)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 2


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param({"status": 429, "error_type": "rate_limit_error", "retry_after": "120"}, id="rate-limit"),
        pytest.param({"status": 429, "error_code": "enforced_spend_limit_reached"}, id="spend-limit"),
        pytest.param({"status": 400, "error_code": "organization_on_hold"}, id="on-hold"),
        pytest.param({"status": 401}, id="credentials"),
    ],
)
def test_a_create_refused_for_now_is_held_with_its_reason_and_resumes(
    system: System, refusal: dict[str, object]
) -> None:
    system.fault(route="create", fault="status", **refusal)
    asked = ask_and_seal(system)
    (batch,) = system.batches()
    assert batch["state"] == "HELD"
    assert batch["hold_reason"].startswith(f"HTTP {refusal['status']}")
    system.tick()
    assert states(system) == ["HELD"]
    system.tick(in_seconds=301)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 1


def test_a_batch_that_is_too_large_is_split_and_every_half_answered(system: System) -> None:
    system.fault(route="create", fault="status", status=413)
    asked = ask_and_seal(system, 5)
    assert states(system) == ["SEALED", "SEALED", "SPLIT"]
    system.tick()
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 5


def test_an_unexplained_refusal_is_halved_until_the_guilty_request_is_alone(system: System) -> None:
    system.fault(route="create", fault="status", status=400, count=2)
    asked = ask_and_seal(system, 2)
    system.tick()
    assert states(system) == ["HELD", "OPEN", "SPLIT"]  # it could be a spend limit, had nothing been accepted
    system.fault(route="create", fault="status", status=400)
    system.tick(in_seconds=301)
    system.tick(in_seconds=60)
    system.run_until_answered()

    outcomes = sorted(row["outcome"] for row in map(system.row, asked) if row)
    assert outcomes == ["failed", "succeeded"]
    (failed,) = [row for row in map(system.row, asked) if row and row["outcome"] == "failed"]
    assert failed["outcome_reason"] == "invalid_request_error"
    assert system.answer(failed)["result"]["type"] == "errored"
    assert system.executed() == 1


def test_a_download_that_proves_nothing_never_makes_us_send_again(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept")
    asked = ask_and_seal(system, 2)
    system.let_batches_end()
    system.fault(route="results", fault="cut", rows=0)
    system.tick(in_seconds=SETTLE + 60)
    assert states(system) == ["SENDING"]
    system.tick(in_seconds=60)
    system.tick(in_seconds=60)
    system.run()

    assert all_succeeded(system, asked)
    assert system.executed() == 2
    assert len(system.emulator.world.list_batches().batches) == 1


def test_a_spend_limit_without_a_code_holds_the_work_and_ends_no_request(system: System) -> None:
    system.fault(route="create", fault="status", status=400, count=5)
    asked = ask_and_seal(system, 8)
    for _ in range(2):
        system.tick(in_seconds=301)
    assert states(system) == ["HELD", "HELD", "SPLIT"]
    system.tick(in_seconds=301)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 8


def test_a_batch_of_one_that_is_too_large_ends_its_request(system: System) -> None:
    system.fault(route="create", fault="status", status=413)
    asked = ask_and_seal(system)
    system.run_until_answered()

    row = system.row(asked[0])
    assert row is not None
    assert row["outcome"] == "failed"
    assert states(system) == ["COLLECTED"]


def test_nothing_is_sent_while_a_send_could_outlive_settle(system: System) -> None:
    system.parameters["SettleSeconds"] = "60"
    ask_and_seal(system)

    assert states(system) == ["SEALED"]
    assert not system.emulator.world.list_batches().batches


def test_a_claude_that_cannot_be_reached_leaves_no_doubt(system: System) -> None:
    system.parameters["ClaudeUrl"] = "http://127.0.0.1:9"
    asked = ask_and_seal(system)
    assert states(system) == ["SEALED"]
    system.parameters["ClaudeUrl"] = system.emulator.url
    system.tick(in_seconds=60)
    system.run_until_answered()

    assert all_succeeded(system, asked)


def test_two_batches_of_one_size_are_never_in_doubt_together(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept", count=2)
    asked = [system.ask()]
    system.run()
    system.ask(id="review", workload="code-review")
    system.run()
    assert states(system) == ["SEALED", "SENDING"]
    for _ in range(3):
        system.tick(in_seconds=200)
    system.run_until_answered()

    review = system.row("review", "code-review")
    assert all_succeeded(system, asked)
    assert review is not None
    assert review["outcome"] == "succeeded"
    assert system.executed() == 2
