"""`lanekeeper forget` as a person and as a program meet it."""

import json

import boto3
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from tests.flow.test_forget import CANARY, OUTPUTS, ask, forgotten_at, neighbours, places_of
from tests.system import System


@pytest.fixture
def answered(system: System) -> System:
    """A deployed stack with one answered request and its neighbours, an hour ago."""
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {output: {"Value": system.ids[name]} for output, name in OUTPUTS.items()},
    }
    boto3.client("cloudformation").create_stack(StackName="lanekeeper", TemplateBody=json.dumps(template))
    ask(system)
    neighbours(system)
    system.run_until_answered()
    system.pass_time(3600)
    return system


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["forget", *arguments], input=answer, env={"COLUMNS": "200"})


def of(name: str, *arguments: str, answer: str = "") -> Result:
    return run(name, "--workload", "content-pipeline", *arguments, answer=answer)


def test_it_shows_what_goes_asks_and_says_what_stays(answered: System) -> None:
    places = set(places_of(CANARY, answered))
    result = of(CANARY, answer="y\n")

    assert result.exit_code == 0, result.output
    assert all(place in result.stdout for place in places)
    assert CANARY not in result.stdout
    assert "Delete this for good? [y/N]" in result.stderr
    assert "Deleted" in result.stdout
    assert "for 29 days" in result.stdout
    assert not places_of(CANARY, answered)


def test_a_no_changes_nothing(answered: System) -> None:
    result = of(CANARY, answer="n\n")

    assert result.exit_code == 1
    assert len(places_of(CANARY, answered)) == 4
    assert forgotten_at(answered) is None


def test_a_dry_run_asks_nothing_and_changes_nothing(answered: System) -> None:
    result = of(CANARY, "--dry-run")

    assert result.exit_code == 0
    assert "Nothing was changed" in result.stdout
    assert result.stderr == ""
    assert len(places_of(CANARY, answered)) == 4


def test_a_repeat_says_when_it_was_done(answered: System) -> None:
    of(CANARY, "--yes")
    result = of(CANARY, "--yes")

    assert result.exit_code == 0
    assert f"deleted on {forgotten_at(answered)}" in result.stdout


def test_programs_get_objects_and_sizes(answered: System) -> None:
    result = of(CANARY, "--yes", "--json")

    document = json.loads(result.stdout)
    assert [each["what"] for each in document["objects"]] == ["prompt", "answer", "answer", "id and metadata"]
    assert all(each["bytes"] > 0 for each in document["objects"])
    assert document["forgotten_at"] == forgotten_at(answered)
    assert CANARY not in result.output


def test_a_rejected_message_is_deleted_by_its_message_id(answered: System) -> None:
    answered.send("{broken-canary")
    answered.run()
    (notice,) = answered.waiting("RejectedQueue")
    first, second = (run("--rejected", notice["event_id"], "--yes") for _ in range(2))

    assert (first.exit_code, second.exit_code) == (0, 5)
    assert not places_of("broken-canary", answered)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["unknown", "--workload", "content-pipeline"], 5, "no request of that workload", id="unknown"),
        pytest.param([CANARY], 2, "--workload", id="no-workload"),
        pytest.param([], 2, "--rejected MESSAGE_ID", id="nothing-named"),
        pytest.param([CANARY, "--workload", "w", "--rejected", "m"], 2, "--rejected", id="both-named"),
        pytest.param(["open", "--workload", "content-pipeline"], 4, "no answer yet", id="still-on-its-way"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_exit_code(
    answered: System, arguments: list[str], code: int, words: str
) -> None:
    answered.ask(id="open")
    answered.deliver("RequestQueue")
    result = run(*arguments)

    assert result.exit_code == code
    assert words in result.stderr
    assert result.stdout == ""
