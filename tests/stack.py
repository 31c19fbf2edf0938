"""The system's own resources and environments, taken from its own template, for tests that run in moto."""

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any, Protocol

from scripts.translate import translate

STACK = "lanekeeper-test"

# What moto makes as AWS does. The rest it drops with a warning, or worse: an event source mapping in moto deletes
# messages without running a handler.
MADE = {"AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Events::EventBus", "AWS::SNS::Topic"}


class Session(Protocol):
    """What makes AWS clients: the module boto3 itself, or a session of it."""

    def client(self, service_name: str) -> Any: ...


def translated() -> dict[str, Any]:
    """The template after the SAM transform; a copy of its own for each caller."""
    return deepcopy(_translated())


def deploy(session: Session, parameters: Mapping[str, str] | None = None) -> dict[str, str]:
    """Makes the queues, tables, bucket, bus, topics and the secret in moto; physical ids by logical id.

    A queue's physical id is its URL, the secret's its ARN.
    """
    cloudformation = session.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(_creatable()),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in (parameters or {}).items()],
    )
    made = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    physical = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in made if "PhysicalResourceId" in each}
    return physical | _made_by_hand(session, physical["ContentBucket"], _parameter("ClaudeApiKey", parameters or {}))


def deploy_table(session: Session, logical_id: str) -> str:
    """Makes one of the template's tables alone in moto; its name."""
    properties = dict(_translated()["Resources"][logical_id]["Properties"])
    kept = {"AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes"}
    session.client("dynamodb").create_table(
        TableName=logical_id, **{name: value for name, value in properties.items() if name in kept}
    )
    return logical_id


def environment(
    function: str, physical_ids: Mapping[str, str], parameters: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment variables that Lambda would give the function with this logical id."""
    variables = _translated()["Resources"][function]["Properties"]["Environment"]["Variables"]
    return {name: _resolve(value, physical_ids, parameters or {}) for name, value in variables.items()}


def handler_of(function: str) -> str:
    """The function's handler as the template names it, `functions.classifier.app.handler`."""
    return str(_translated()["Resources"][function]["Properties"]["Handler"])


@cache
def _translated() -> dict[str, Any]:
    return translate()


def _made_by_hand(session: Session, bucket: str, claude_api_key: str) -> dict[str, str]:
    """What moto's CloudFormation leaves out: the secret, the bucket's versioning, the physical id of the bus."""
    secret = session.client("secretsmanager").create_secret(Name=f"{STACK}-claude", SecretString=claude_api_key)
    versioning = _translated()["Resources"]["ContentBucket"]["Properties"]["VersioningConfiguration"]
    session.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
    (bus,) = session.client("events").list_event_buses(NamePrefix=STACK)["EventBuses"]
    return {"ClaudeSecret": secret["ARN"], "CompletionBus": bus["Name"]}


def _creatable() -> dict[str, Any]:
    template = translated()
    del template["Outputs"]
    template["Resources"] = {name: each for name, each in template["Resources"].items() if each["Type"] in MADE}
    return template


def _resolve(value: Any, physical_ids: Mapping[str, str], parameters: Mapping[str, str]) -> str:
    match value:
        case {"Ref": "AWS::StackName"}:
            return STACK
        case {"Ref": name} if name in _translated()["Parameters"]:
            return _parameter(name, parameters)
        case {"Ref": name} | {"Fn::GetAtt": [name, "Id"]}:
            return physical_ids[name]
        case str() | int():
            return str(value)
    raise ValueError(f"an environment variable uses an intrinsic that tests cannot resolve: {value}")


def _parameter(name: str, parameters: Mapping[str, str]) -> str:
    return str(parameters.get(name, _translated()["Parameters"][name].get("Default")))
