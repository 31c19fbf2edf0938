"""Alarms: each calls the right people, says what is wrong and where to read on, and looks at a metric that exists."""

import re
from pathlib import Path
from typing import Any

import pytest

from local.alarms.alarm import resolve
from local.parameters import defaults
from scripts.translate import TEMPLATE as TEMPLATE_FILE
from tests.template.reading import ALARMS, FUNCTIONS, PARAMETERS, RESOURCES, SOURCES, of_type, references, target
from tests.watch import alarm_of

ROOT = TEMPLATE_FILE.parent
RUNBOOK = (ROOT / "docs/operations.md").read_text()

TOPICS = {
    "PageTopic": {
        "RequestDeadLetterAlarm",
        "RealtimeDeadLetterAlarm",
        "BatchDeadLetterAlarm",
        "PollerDeadLetterAlarm",
        "CollectDeadLetterAlarm",
        "RequestWaitingAlarm",
        "RealtimeWaitingAlarm",
        "BatchWaitingAlarm",
        "CollectWaitingAlarm",
        "ClassifierErrorsAlarm",
        "RealtimeInvokerErrorsAlarm",
        "BatchSubmitterErrorsAlarm",
        "PollerErrorsAlarm",
        "CollectorErrorsAlarm",
        "BatchCompletionAlarm",
        "OldestOpenBatchAlarm",
        "PollerSilentAlarm",
        "HoldAlarm",
        "RealtimeRetryAlarm",
        "AuditorErrorsAlarm",
        "AuditGapAlarm",
        "QuarantineAlarm",
        "UncollectedWeekAlarm",
        "UncollectedThreeWeeksAlarm",
    },
    "NotifyTopic": {
        "RejectedRateAlarm",
        "FailedRequestsAlarm",
        "UnpricedModelAlarm",
        "UncollectedDayAlarm",
        "PollerStepsAlarm",
        "DeadlinesMissedAlarm",
        "DeadlinesEndangeredAlarm",
        "ClaudeThrottlesAlarm",
        "ClassifierThrottlesAlarm",
        "RealtimeInvokerThrottlesAlarm",
        "BatchSubmitterThrottlesAlarm",
        "PollerThrottlesAlarm",
        "CollectorThrottlesAlarm",
        "AuditorThrottlesAlarm",
        "AuditSilentAlarm",
    },
}
THRESHOLDS = {
    "RequestWaitingAlarm": "RequestWaitingSeconds",
    "RealtimeWaitingAlarm": "RealtimeWaitingSeconds",
    "BatchWaitingAlarm": "BatchWaitingSeconds",
    "CollectWaitingAlarm": "CollectWaitingSeconds",
    "BatchCompletionAlarm": "BatchCompletionSeconds",
    "OldestOpenBatchAlarm": "OldestOpenBatchSeconds",
    "RejectedRateAlarm": "RejectedPercent",
    "RealtimeRetryAlarm": "RealtimeWaitingSeconds",
    "FailedRequestsAlarm": "FailedRequests",
    "DeadlinesMissedAlarm": "MissedDeadlines",
    "ClaudeThrottlesAlarm": "Throttles",
    **{f"{function.removesuffix('Function')}ErrorsAlarm": "FunctionErrors" for function in FUNCTIONS},
    **{f"{function.removesuffix('Function')}ThrottlesAlarm": "Throttles" for function in FUNCTIONS},
}
SECTIONS = dict(re.findall(r"^### (\w+Alarm)$(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


def test_every_alarm_calls_those_whom_it_concerns() -> None:
    calls = {
        topic: {name for name, alarm in ALARMS.items() if target(alarm["AlarmActions"][0]) == topic} for topic in TOPICS
    }
    assert calls == TOPICS


@pytest.mark.parametrize("alarm", ALARMS)
def test_those_who_were_called_learn_when_it_is_over(alarm: str) -> None:
    assert len(ALARMS[alarm]["AlarmActions"]) == 1
    assert ALARMS[alarm]["OKActions"] == ALARMS[alarm]["AlarmActions"]


@pytest.mark.parametrize("topic", of_type("AWS::SNS::Topic"))
def test_cloudwatch_can_write_to_an_alarm_topic(topic: str) -> None:
    """It has no right to the AWS-managed key: with that one, alarms would be dropped without a trace."""
    assert "KmsMasterKeyId" not in of_type("AWS::SNS::Topic")[topic]


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_says_what_is_wrong_and_where_to_read_on(alarm: str) -> None:
    values = defaults() | {"RunbookUrl": "https://runbook.example/operations.md"}
    text = resolve(ALARMS[alarm]["AlarmDescription"], values)
    assert re.fullmatch(
        rf"[A-Z][^\n]+\. Runbook: https://runbook\.example/operations\.md#{alarm.lower()}", text.rstrip()
    )
    assert len(text) <= 1024  # what CloudWatch takes


def test_the_runbook_has_one_section_for_each_alarm_and_none_for_any_other() -> None:
    assert sorted(re.findall(r"^### (\w+Alarm)$", RUNBOOK, re.MULTILINE)) == sorted(ALARMS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_section_says_what_it_means_where_to_look_and_what_to_do(alarm: str) -> None:
    assert re.findall(r"^\*(\w+)\*: .{20}", SECTIONS[alarm], re.MULTILINE) == ["Meaning", "Look", "Do"]


def test_every_log_action_that_the_runbook_names_is_logged_somewhere() -> None:
    code = "".join(path.read_text() for part in ("functions", "shared/lanekeeper") for path in _python_files(part))
    logged = set(re.findall(r'action=f?"([\w-]+)', code)) | set(re.findall(r'action = "([\w-]+)"', code))
    logged |= {f"create-{verdict}" for verdict in ("hold", "split", "final")}
    named = set(re.findall(r"`logged [\w-]+ ([\w-]+)", RUNBOOK))
    assert named
    assert named <= logged


def test_every_step_and_resource_that_a_command_of_the_runbook_names_exists() -> None:
    steps = {each.removeprefix("/aws/lambda/${AWS::StackName}-") for each in _log_groups()}
    assert set(re.findall(r"`(?:logged|crashed) ([a-z-]+)", RUNBOOK)) <= steps
    assert set(re.findall(r"(?:physical|lanekeeper redrive|mappings) ([A-Z]\w+)", RUNBOOK)) <= RESOURCES.keys()


def test_every_parameter_that_the_runbook_names_is_one() -> None:
    assert set(re.findall(r"parameter `(\w+)`", RUNBOOK)) <= PARAMETERS.keys()


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_metric_of_ours_costs_no_more_than_a_name(alarm: str) -> None:
    ours = [metric for metric in alarm_of(alarm).metrics if not metric.namespace.startswith("AWS/")]
    assert {metric.dimensions for metric in ours} <= {frozenset()}


@pytest.mark.parametrize("alarm", ALARMS)
def test_what_a_team_may_judge_otherwise_is_a_parameter(alarm: str) -> None:
    threshold = ALARMS[alarm]["Threshold"]
    assert threshold == ({"Ref": THRESHOLDS[alarm]} if alarm in THRESHOLDS else threshold)
    assert (alarm in THRESHOLDS) is isinstance(threshold, dict)


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_description_names_the_threshold_that_is_compared(alarm: str) -> None:
    named = set(references(ALARMS[alarm]["AlarmDescription"])) - {"RunbookUrl"}
    assert named == set(references(ALARMS[alarm]["Threshold"]))


@pytest.mark.parametrize("alarm", ALARMS)
def test_silence_is_bad_news_from_what_a_schedule_calls_alone(alarm: str) -> None:
    silent = alarm in {"PollerSilentAlarm", "AuditSilentAlarm"}
    assert ALARMS[alarm]["TreatMissingData"] == ("breaching" if silent else "notBreaching")
    assert (ALARMS[alarm]["ComparisonOperator"] == "LessThanThreshold") is silent


@pytest.mark.parametrize("alarm", ALARMS)
def test_periods_are_such_as_cloudwatch_takes(alarm: str) -> None:
    read = alarm_of(alarm)
    assert read.period % 60 == 0
    most = 86_400 if read.period < 3600 else 604_800
    assert read.period * read.evaluation_periods <= most
    assert read.datapoints_to_alarm <= read.evaluation_periods


def test_every_queue_with_a_consumer_has_an_alarm_on_the_age_of_its_oldest_message() -> None:
    watched = {_watched(alarm, "ApproximateAgeOfOldestMessage") for alarm in ALARMS.values()} - {None}
    assert watched == {target(source["EventSourceArn"]) for source in SOURCES.values()}


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_has_an_alarm_on_its_errors_and_on_its_throttles(metric: str) -> None:
    assert {_watched(alarm, metric) for alarm in ALARMS.values()} - {None} == set(FUNCTIONS)


def test_a_wake_up_that_waits_as_long_as_it_may_rings_nothing() -> None:
    """The longest window, and one visibility timeout after a failure."""
    visibility = of_type("AWS::SQS::Queue")["BatchQueue"]["VisibilityTimeout"]
    assert PARAMETERS["BatchWaitingSeconds"]["MinValue"] >= PARAMETERS["BatchWindowSeconds"]["MaxValue"] + visibility
    assert PARAMETERS["BatchWaitingSeconds"]["Default"] >= PARAMETERS["BatchWaitingSeconds"]["MinValue"]


def test_a_batch_whose_collector_died_once_rings_nothing() -> None:
    visibility = of_type("AWS::SQS::Queue")["CollectQueue"]["VisibilityTimeout"]
    assert PARAMETERS["CollectWaitingSeconds"]["Default"] >= visibility + FUNCTIONS["CollectorFunction"]["Timeout"]


def test_slow_batches_ring_at_two_hours_and_stuck_ones_before_claude_lets_them_expire() -> None:
    assert ALARMS["BatchCompletionAlarm"]["ExtendedStatistic"] == "p95"
    assert PARAMETERS["BatchCompletionSeconds"]["Default"] == 2 * 3600
    assert PARAMETERS["OldestOpenBatchSeconds"]["Default"] == 20 * 3600
    assert PARAMETERS["OldestOpenBatchSeconds"]["MaxValue"] == 24 * 3600


def test_uncollected_results_ring_at_a_day_a_week_and_three_weeks_of_claudes_29_days() -> None:
    days = {name: ALARMS[f"Uncollected{name}Alarm"]["Threshold"] / 86_400 for name in ("Day", "Week", "ThreeWeeks")}
    assert days == {"Day": 1, "Week": 7, "ThreeWeeks": 21}


def _watched(alarm: dict[str, Any], metric: str) -> str | None:
    if alarm.get("MetricName") != metric:
        return None
    (dimension,) = alarm["Dimensions"]
    return target(dimension["Value"])


def _log_groups() -> list[str]:
    return [group["LogGroupName"]["Fn::Sub"] for group in of_type("AWS::Logs::LogGroup").values()]


def _python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))
