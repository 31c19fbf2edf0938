"""`lanekeeper release` as a person and as a program meet it."""

import json

import boto3
import pytest
from click.testing import CliRunner, Result

from cli.conventions import Exit
from cli.main import main
from tests.flow.test_collect import end_batch, outcomes
from tests.flow.test_quarantine import ask, collect, quarantined, sole
from tests.system import System

HOUR = 3600.0


@pytest.fixture
def stack(system: System) -> System:
    """A deployed stack, found by its name."""
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"BatchesTableName": {"Value": system.ids["BatchesTable"]}},
    }
    boto3.client("cloudformation").create_stack(StackName="lanekeeper", TemplateBody=json.dumps(template))
    return system


def run(system: System, *arguments: str, answer: str = "") -> Result:
    batch = sole(system)["item_id"].removeprefix("batch#")
    return CliRunner().invoke(main, ["release", batch, *arguments], input=answer)


def test_it_says_what_will_happen_asks_and_marks_the_batch(stack: System) -> None:
    asked = ask(stack, "unknown")
    odd_lines = quarantined(stack)["quarantine"]["object"]
    result = run(stack, answer="y\n")

    assert result.exit_code == Exit.DONE, result.output
    assert "1 unknown" in result.stdout
    assert "2 of 3" in result.stdout
    assert odd_lines in result.stdout
    assert "fails as `result-lost`" in result.stdout
    assert "[y/N]" in result.stderr
    collect(stack, in_seconds=1)
    assert outcomes(stack, asked) == {("succeeded", "end_turn"), ("failed", "result-lost")}


def test_a_no_changes_nothing(stack: System) -> None:
    ask(stack, "unknown")
    before = quarantined(stack)
    assert run(stack, answer="n\n").exit_code == Exit.FAILED
    assert sole(stack) == before


def test_a_repeat_says_the_same_and_asks_nothing(stack: System) -> None:
    ask(stack, "unknown")
    quarantined(stack)
    first, again = run(stack, "--yes", "--json"), run(stack, "--json")

    assert (first.exit_code, again.exit_code) == (Exit.DONE, Exit.DONE)
    assert json.loads(first.stdout) == json.loads(again.stdout)
    document = json.loads(again.stdout)
    assert (document["released"], document["odd"], document["usable"]) == (True, {"unknown": 1}, 2)


def test_what_is_still_tried_is_not_released(stack: System) -> None:
    ask(stack)
    end_batch(stack)
    stack.fault(route="results", fault="status", status=404, count=None)
    stack.run()
    result = run(stack, "--yes")
    assert result.exit_code == Exit.NOT_YET
    assert "still tried" in result.stderr
    collect(stack, in_seconds=25 * HOUR)
    assert run(stack, "--yes").exit_code == Exit.DONE


@pytest.mark.parametrize("ended", [False, True], ids=["before its end", "collected"])
def test_a_batch_that_does_not_wait_for_results_is_not_released(stack: System, *, ended: bool) -> None:
    ask(stack)
    stack.run()
    if ended:
        stack.run_until_answered()
    before = sole(stack)
    assert run(stack, "--yes").exit_code == Exit.FAILED
    assert sole(stack) == before


def test_a_batch_that_comes_whole_while_the_person_thinks_is_left_alone(
    stack: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(stack, "missing times=3")
    quarantined(stack)
    monkeypatch.setattr("click.confirm", lambda *_, **__: collect(stack))
    result = run(stack)

    assert result.exit_code == Exit.FAILED
    assert "nothing was given up" in result.stderr
    assert outcomes(stack, asked) == {("succeeded", "end_turn")}


def test_a_batch_that_nobody_knows_is_not_found(stack: System) -> None:
    assert CliRunner().invoke(main, ["release", "none", "--yes"]).exit_code == Exit.UNKNOWN
