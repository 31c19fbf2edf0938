"""Roles: each function may do what its code does, on its own resources, and nothing else."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.reading import FUNCTIONS, ROLES, SOURCES, as_list, of_type, statements, target
from tests.template.test_queues import refuses_plain_text


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [target(function["Role"]) for function in FUNCTIONS.values()]
    assert sorted([*roles, "PollerScheduleRole", "AuditorScheduleRole"]) == sorted(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_no_policy_of_somebody_else_widens_a_role(role: str) -> None:
    assert "ManagedPolicyArns" not in ROLES[role]


@pytest.mark.parametrize("role", ROLES)
def test_every_permission_names_its_actions_and_resources(role: str) -> None:
    assert not [action for action in _actions(role) if "*" in action]
    assert not [resource for _, resource in _granted(role) if resource == "*"]


@pytest.mark.parametrize("role", ROLES)
def test_an_open_end_is_a_folder_of_the_bucket(role: str) -> None:
    open_ended = [resource for _, resource in _granted(role) if "*" in str(resource)]
    assert not [each for each in open_ended if not re.fullmatch(r"\$\{ContentBucket\.Arn\}/\w+/\*", each["Fn::Sub"])]


@pytest.mark.parametrize("role", ROLES)
def test_no_function_can_delete_anything(role: str) -> None:
    deletes = {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl", "dynamodb:DeleteItem"}
    assert not deletes & _actions(role)


def test_the_auditor_alone_reads_whole_tables_and_it_can_write_nowhere() -> None:
    assert {role for role in ROLES if "dynamodb:Scan" in _actions(role)} == {"AuditorRole"}
    assert {action for action in _actions("AuditorRole") if not action.startswith("logs:")} == {
        "dynamodb:Scan",
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "s3:GetObject",
        "s3:ListBucket",
        "sqs:GetQueueAttributes",
        "secretsmanager:GetSecretValue",
    }


@pytest.mark.parametrize("source", SOURCES)
def test_a_function_receives_from_its_own_queue_only(source: str) -> None:
    role = target(FUNCTIONS[target(SOURCES[source]["FunctionName"])]["Role"])
    received = [resource for action, resource in _granted(role) if action == "sqs:ReceiveMessage"]
    assert received == [SOURCES[source]["EventSourceArn"]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_logs_to_its_own_group_only(function: str) -> None:
    granted = [(action, target(where)) for action, where in _granted(_role(function)) if action.startswith("logs:")]
    group = target(FUNCTIONS[function]["LoggingConfig"]["LogGroup"])
    assert sorted(granted) == [("logs:CreateLogStream", group), ("logs:PutLogEvents", group)]


def test_the_classifier_which_reads_what_strangers_send_never_sees_the_key() -> None:
    readers = {name for name in FUNCTIONS if "secretsmanager:GetSecretValue" in _actions(_role(name))}
    assert readers == set(FUNCTIONS) - {"ClassifierFunction"}
    assert {name for name, each in FUNCTIONS.items() if "CLAUDE_SECRET_ARN" in str(each["Environment"])} == readers


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_a_function_is_told_of_it_may_use_and_what_it_may_use_it_is_told_of(function: str) -> None:
    """The environment and the role name the same tables, queues, bus and secret; the bucket is everyone's."""
    told = {target(each) for each in FUNCTIONS[function]["Environment"]["Variables"].values() if isinstance(each, dict)}
    used = {name for _, resource in _granted(_role(function)) for name in _names(resource)}
    kept = set(of_type("AWS::Logs::LogGroup")) | _own_source(function)
    assert used - kept == {name for name in told - kept if name in _with_permissions()}


@pytest.mark.parametrize("role", ["PollerScheduleRole", "AuditorScheduleRole"])
def test_a_schedule_acts_only_for_this_account(role: str) -> None:
    (trust,) = ROLES[role]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_schedule_may_only_call_its_function() -> None:
    called = [(action, target(resource)) for action, resource in _granted("AuditorScheduleRole")]
    assert called == [("lambda:InvokeFunction", "AuditorFunction")]
    granted = [(action, target(resource)) for action, resource in _granted("PollerScheduleRole")]
    assert granted == [("lambda:InvokeFunction", "PollerFunction"), ("sqs:SendMessage", "PollerDeadLetterQueue")]


def test_the_bucket_refuses_whoever_does_not_speak_tls() -> None:
    (policy,) = of_type("AWS::S3::BucketPolicy").values()
    assert refuses_plain_text(policy["PolicyDocument"]["Statement"], "s3:*")


def _role(function: str) -> str:
    return target(FUNCTIONS[function]["Role"])


def _actions(role: str) -> set[str]:
    return {action for action, _ in _granted(role)}


def _granted(role: str) -> Iterator[tuple[str, Any]]:
    for statement in statements(role):
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                yield action, resource


def _names(resource: dict[str, Any]) -> set[str]:
    text = resource.get("Fn::Sub")
    return {text.split("${")[1].split(".")[0]} if text else {target(resource)}


def _own_source(function: str) -> set[str]:
    return {target(each["EventSourceArn"]) for each in SOURCES.values() if target(each["FunctionName"]) == function}


def _with_permissions() -> set[str]:
    return {name for role in ROLES for _, resource in _granted(role) for name in _names(resource)}
