"""The table of proofs covers the template; that each row holds is shown by `make check-roles`."""

import json
from typing import Any

import pytest

from local.roles import table
from local.roles.permissions import (
    Permission,
    deployed_grant,
    grants_of,
    permissions_of,
    policy_of,
    refusing_tls,
    tls_only,
    without,
)
from scripts.translate import source

TEMPLATE = source()
ON_BATCH_QUEUE = Permission("PollerRole", "sqs:SendMessage", "BatchQueue")

WRITTEN = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Resource": [{"Fn::GetAtt": ["BatchQueue", "Arn"]}, {"Fn::GetAtt": ["CollectQueue", "Arn"]}],
        },
        {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": {"Ref": "T"}, "Condition": {"Bool": {"a": "b"}}},
    ]
}
DEPLOYED = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:SendMessageBatch"], "Resource": ["arn:1", "arn:2"]},
        {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "arn:3", "Condition": {"Bool": {"a": "b"}}},
    ],
}


def allowed(document: Any) -> list[tuple[str, str]]:
    return [(grant.action, grant.resource) for grant in grants_of(document)]


def test_every_permission_and_every_tls_only_policy_of_the_template_has_its_row() -> None:
    assert table.differences(TEMPLATE) == []


def test_a_permission_that_nobody_has_thought_of_is_named() -> None:
    template = source()
    policy_of(template, "PollerRole")["Statement"][0]["Action"].append("dynamodb:Scan")
    (told,) = table.differences(template)
    assert told.startswith("PollerRole: dynamodb:Scan on BatchesTable/index/open is in the template, but has no row")


def test_a_permission_that_was_lost_is_named() -> None:
    template = source()
    del policy_of(template, "PollerRole")["Statement"][0]
    (told,) = table.differences(template)
    assert told.startswith("PollerRole: dynamodb:Query on BatchesTable/index/open has a row")
    assert told.endswith("but is not in the template")


def test_no_permission_is_given_twice() -> None:
    permissions = permissions_of(TEMPLATE)
    assert len(set(permissions)) == len(permissions)


def test_each_row_is_a_scene_of_that_roles_function_or_a_reason() -> None:
    for role, rows in table.PROOFS.items():
        for proof in rows.values():
            assert isinstance(proof, str) or proof.function == role.removesuffix("Role") + "Function"


def test_most_permissions_are_proven_and_each_function_has_some() -> None:
    proven = [each for each in permissions_of(TEMPLATE) if not isinstance(table.proof_of(each), str)]
    assert len(proven) > 0.6 * len(permissions_of(TEMPLATE))
    assert {each.role for each in proven} == set(table.PROOFS) - {"PollerScheduleRole", "AuditorScheduleRole"}


def test_a_policy_loses_one_permission_with_its_batch_call_and_keeps_all_else() -> None:
    lost = deployed_grant(ON_BATCH_QUEUE, WRITTEN, DEPLOYED)
    rest = without(DEPLOYED, lost)
    assert allowed(rest) == [
        ("sqs:SendMessage", "arn:2"),
        ("sqs:SendMessageBatch", "arn:2"),
        ("dynamodb:GetItem", "arn:3"),
    ]
    assert rest["Statement"][-1]["Condition"] == {"Bool": {"a": "b"}}
    assert rest["Version"] == "2012-10-17"


@pytest.mark.parametrize("role", table.PROOFS)
def test_each_permission_of_a_role_is_found_in_its_deployed_policy(role: str) -> None:
    written = policy_of(TEMPLATE, role)
    deployed = json.loads(json.dumps(written))
    for permission in permissions_of(TEMPLATE):
        if permission.role == role:
            grant = deployed_grant(permission, written, deployed)
            assert len(grants_of(without(deployed, grant))) == len(grants_of(deployed)) - 1


def test_a_tls_only_policy_turned_round_refuses_writers_over_tls() -> None:
    policy = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    (turned,) = json.loads(refusing_tls(json.dumps({"Statement": [policy]})))["Statement"]
    assert turned == policy | {"Action": "sqs:SendMessage", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}


def test_the_bucket_and_every_queue_take_tls_only() -> None:
    queues = {name for name, each in TEMPLATE["Resources"].items() if each["Type"] == "AWS::SQS::Queue"}
    assert set(tls_only(TEMPLATE)) == queues | {"ContentBucket"}
