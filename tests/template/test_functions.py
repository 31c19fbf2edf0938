"""Functions: each is fed, limited, configured and logged as its code expects."""

import importlib
from dataclasses import fields
from typing import Any

import pytest

from lanekeeper import settings
from tests.stack import handler_of
from tests.template.reading import FUNCTIONS, PARAMETERS, RESOURCES, SOURCES, of_type, references, target

STEPS = {
    "ClassifierFunction": "classifier",
    "RealtimeInvokerFunction": "realtime_invoker",
    "BatchSubmitterFunction": "batch_submitter",
    "PollerFunction": "poller",
    "CollectorFunction": "collector",
    "AuditorFunction": "auditor",
}
SCHEDULED = {"PollerFunction", "AuditorFunction"}


def test_there_are_six_functions_and_four_of_them_read_a_queue() -> None:
    assert set(FUNCTIONS) == set(STEPS)
    assert {target(source["FunctionName"]) for source in SOURCES.values()} == set(STEPS) - SCHEDULED


@pytest.mark.parametrize("source", SOURCES)
def test_one_failed_message_does_not_bring_back_its_neighbours(source: str) -> None:
    assert SOURCES[source]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_flood_runs_no_more_functions_than_its_parameter_says(source: str) -> None:
    parameter = SOURCES[source]["ScalingConfig"]["MaximumConcurrency"]["Ref"]
    assert PARAMETERS[parameter]["MinValue"] == 2  # less, Lambda does not take


@pytest.mark.parametrize("source", SOURCES)
def test_more_than_ten_messages_at_once_come_with_a_window(source: str) -> None:
    assert SOURCES[source]["BatchSize"] <= 10 or SOURCES[source]["MaximumBatchingWindowInSeconds"] >= 1


@pytest.mark.parametrize("function", STEPS)
def test_the_handler_that_the_template_names_can_be_called(function: str) -> None:
    module, _, name = handler_of(function).rpartition(".")
    assert handler_of(function) == f"functions.{STEPS[function]}.app.handler"
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("function", STEPS)
def test_a_function_is_told_what_its_settings_ask_for_and_no_more(function: str) -> None:
    model = getattr(settings, function.removesuffix("Function") + "Settings")
    asked = {field.name.upper() for field in fields(model)}
    assert set(_variables(function)) == asked | {
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_LOG_LEVEL",
        "POWERTOOLS_METRICS_NAMESPACE",
    }


@pytest.mark.parametrize("function", STEPS)
def test_what_a_function_is_told_exists(function: str) -> None:
    assert set(references(_variables(function))) <= RESOURCES.keys() | PARAMETERS.keys() | {"AWS::StackName"}


@pytest.mark.parametrize("function", STEPS)
def test_logs_carry_the_name_of_the_step_and_metrics_that_of_the_stack(function: str) -> None:
    assert _variables(function)["POWERTOOLS_SERVICE_NAME"] == STEPS[function]
    assert _variables(function)["POWERTOOLS_METRICS_NAMESPACE"] == {"Ref": "AWS::StackName"}


@pytest.mark.parametrize("function", STEPS)
def test_nothing_that_logs_content_is_switched_on(function: str) -> None:
    logs_content = {
        "ANTHROPIC_LOG",
        "POWERTOOLS_DEBUG",
        "POWERTOOLS_LOGGER_LOG_EVENT",
        "POWERTOOLS_TRACER_CAPTURE_RESPONSE",
    }
    assert not logs_content & _variables(function).keys()
    assert _variables(function)["POWERTOOLS_LOG_LEVEL"] == "INFO"


@pytest.mark.parametrize("function", STEPS)
def test_logs_go_to_a_group_of_its_own_and_end_some_day(function: str) -> None:
    group = target(FUNCTIONS[function]["LoggingConfig"]["LogGroup"])
    assert group == function.removesuffix("Function") + "Logs"
    assert of_type("AWS::Logs::LogGroup")[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("function", STEPS)
def test_architecture_and_runtime_are_those_that_the_layer_is_built_for(function: str) -> None:
    (layer,) = of_type("AWS::Lambda::LayerVersion").values()
    assert FUNCTIONS[function]["Architectures"] == layer["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
    assert FUNCTIONS[function]["Runtime"] == {"Ref": "PythonRuntime"}
    assert layer["CompatibleRuntimes"] == [{"Ref": "PythonRuntime"}]


def test_a_tick_is_not_repeated_when_the_next_one_is_due() -> None:
    schedule = of_type("AWS::Scheduler::Schedule")["PollerSchedule"]
    (retries,) = [each for each in _invocations() if target(each["FunctionName"]) == "PollerFunction"]
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 2}
    assert target(schedule["Target"]["DeadLetterConfig"]["Arn"]) == "PollerDeadLetterQueue"
    assert (retries["MaximumEventAgeInSeconds"], retries["MaximumRetryAttempts"]) == (60, 0)


def test_an_audit_that_could_not_be_made_is_made_again_since_it_only_reads() -> None:
    schedule = of_type("AWS::Scheduler::Schedule")["AuditorSchedule"]
    (retries,) = [each for each in _invocations() if target(each["FunctionName"]) == "AuditorFunction"]
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert retries["MaximumRetryAttempts"] == 2  # the most, and enough for the alarm on its errors


def _invocations() -> list[dict[str, Any]]:
    return list(of_type("AWS::Lambda::EventInvokeConfig").values())


def _variables(function: str) -> dict[str, object]:
    return FUNCTIONS[function]["Environment"]["Variables"]
