"""`lanekeeper status`: what a person at three in the morning sees, in each state of a stack."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from cli.main import main
from tests.commands import reachable
from tests.system import System


@pytest.fixture
def deployed(system: System) -> System:
    reachable(system)
    return system


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["status", *arguments], env={"COLUMNS": "80"})


def shown(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown("--json"))
    return found


def test_an_idle_stack_says_so(deployed: System) -> None:
    lines = shown().splitlines()
    assert lines[1:] == [
        "Lanes      real time  calls go through",
        "           batch      calls go through",
        "Batches    0 not done",
        "Segments   0 waiting for a batch",
        "Queues     RequestQueue 0, RealtimeQueue 0, BatchQueue 0, CollectQueue 0",
        "Dead       no letters",
        "Alarms     none rings",
    ]


def test_a_batch_at_claude_is_shown_with_its_age_and_its_deadline(deployed: System) -> None:
    deployed.ask()
    deployed.run()
    deployed.pass_time(600)
    (batch,) = document()["batches"]
    assert (batch["state"], batch["requests"], batch["workload"]) == ("OPEN", 1, "content-pipeline")
    assert f"{batch['id']}  OPEN, 1 of content-pipeline" in shown()
    assert "10.0 min old, wanted in 23.8 h; next asked after at Claude" in shown()


def test_what_waits_for_a_batch_is_no_batch_yet(deployed: System) -> None:
    deployed.ask()
    deployed.deliver("RequestQueue")
    found = document()
    assert (found["batches"], [each["requests"] for each in found["segments"]]) == ([], [1])
    assert "sealed when its window is over" in shown()


def test_a_lane_that_waits_for_a_person_names_the_reason_and_so_does_its_batch(deployed: System) -> None:
    deployed.fault(route="create", fault="status", status=401, error_type="authentication_error", count=None)
    deployed.ask()
    deployed.run()
    assert "batch      held: HTTP 401" in shown()
    assert shown().count("somebody has to act") == 2


def test_dead_letters_and_alarms_are_named(deployed: System) -> None:
    boto3.client("sqs").send_message(QueueUrl=deployed.ids["RequestDeadLetterQueue"], MessageBody="{}")
    cloudwatch = boto3.client("cloudwatch")
    for name in ("lanekeeper-HoldAlarm-1A2B", "lanekeeper-PollerSilentAlarm-3C4D", "lanekeeper-dev-HoldAlarm-5E6F"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            MetricName="m",
            Namespace="n",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        if "Silent" not in name:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="tried")
    assert "Dead       RequestDeadLetterQueue 1" in shown()
    assert "Alarms     HoldAlarm\n" in shown()


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        ("AccessDenied", 0, "Alarms     unknown: no right to read them"),
        ("InternalServiceFault", 3, "InternalServiceFault"),
    ],
)
def test_who_may_not_see_alarms_sees_the_rest_and_another_error_is_no_lack_of_rights(
    deployed: System, monkeypatch: pytest.MonkeyPatch, code: str, exit_code: int, words: str
) -> None:
    def refused(*_: object, **__: object) -> object:
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "DescribeAlarms")

    monkeypatch.setattr("botocore.paginate.PageIterator.__iter__", refused)
    monkeypatch.setattr("lanekeeper.batches_table.query_all", lambda *_, **__: [])
    result = run()
    assert (result.exit_code, words in result.output) == (exit_code, True), result.output


def test_watching_ends_by_ctrl_c_and_is_not_for_programs(deployed: System, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.status_run.time.sleep", interrupt)
    assert "Batches    0 not done" in run("--watch").stdout
    assert run("--watch").exit_code == 130
    assert run("--watch", "--json").exit_code == 2
