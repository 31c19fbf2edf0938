"""`lanekeeper audit` as a person and as a program meet it."""

import json
import sys

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from cli.progress import Looking
from tests.commands import reachable
from tests.flow.test_audit import HOUR, alter, an_end_that_is_gone, key_of
from tests.system import System


@pytest.fixture
def done(system: System) -> System:
    """A stack with one request of each lane, answered an hour ago."""
    reachable(system)
    system.ask(id="patient")
    system.ask(id="urgent", priority="high")
    system.run_until_answered()
    system.pass_time(HOUR)
    return system


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", *arguments], env={"COLUMNS": "200"})


def test_a_healthy_stack_has_zero_gaps(done: System) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "2 requests" in result.stdout
    assert result.stdout.endswith("Audit      0 gaps\n")


def test_a_gap_is_named_and_the_command_fails(done: System) -> None:
    an_end_that_is_gone(done)
    result = run()
    assert result.exit_code == 1
    assert f"batch-closed-unanswered: 1\n  {key_of('patient')}  (batch " in result.stdout
    assert result.stdout.endswith("Audit      1 gap\n")
    assert "patient" not in result.output


def test_of_many_gaps_the_first_are_shown_and_json_names_all(done: System) -> None:
    for number in range(7):
        alter(done, "BatchesTable", {"item_id": f"count#{number}"}, batch="nobody")
    shown, document = run(), json.loads(run("--json").stdout)
    assert "count-lock-held: 7\n" in shown.stdout
    assert "and 2 more" in shown.stdout
    assert [gap["id"] for gap in document["gaps"]] == [f"count#{number}" for number in range(7)]


def test_programs_get_everything(done: System) -> None:
    result = run("--json", "--since", "36h")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (document["clean"], document["unfinished"], document["claude"]) == (True, None, True)
    assert document["looked_at"]["requests"] == 2
    assert sum(day["ledger_micro_usd"] for day in document["days"]) == done.billed()
    assert {day["ledger_micro_usd"] == day["stored_micro_usd"] for day in document["days"]} == {True}


def test_without_claude_it_says_what_is_not_proven(done: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lanekeeper.claude", None)
    assert run().exit_code == 2
    result = run("--no-claude")
    assert result.exit_code == 0
    assert "Claude     left out" in result.stdout


def test_a_claude_that_does_not_answer_leaves_no_clean_verdict(done: System) -> None:
    done.fault(route="list", fault="status", status=500)
    result = run()
    assert result.exit_code == 3
    assert "0 gaps in what was looked at; Claude's listing cannot be read: HTTP 500" in result.stdout


@pytest.mark.parametrize("since", ["7", "0d", "30d", "week", "-1d"])
def test_a_time_that_is_none_is_wrong_usage(done: System, since: str) -> None:
    assert run("--since", since).exit_code == 2


def test_a_stack_older_than_the_command_is_to_be_deployed_again(system: System) -> None:
    system.ids.pop("RealtimeQueue")
    reachable(system)
    result = run()
    assert result.exit_code == 3
    assert "deploy it again" in result.stderr


def test_it_says_now_and_then_how_much_was_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 1.0, 6.0, 6.0, 7.0])
    with Looking("audit", clock=lambda: next(times)) as looking:
        looking.at("batches", 12)
        looking.at("requests", 4000)
        looking.at("requests", 8000)
    assert capsys.readouterr().err == "audit: 12 batches, 4,000 requests\n"
