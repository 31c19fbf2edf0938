"""One AWS account of stand-ins, made from our own template; a resource's physical id is its logical id."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from aws_lambda_powertools.utilities import parameters

from lanekeeper import connections, dynamo
from tests import stack
from tests.standins.dynamodb import DynamoDB, Keys
from tests.standins.eventbridge import EventBridge
from tests.standins.s3 import S3
from tests.standins.sqs import Rules, Sqs
from tests.standins.wire import Wire


@dataclass
class Secrets:
    wire: Wire
    secrets: dict[str, str] = field(default_factory=dict)

    def get(self, name: str, **_: Any) -> str:
        """In place of powertools' `parameters.get_secret`, without its cache."""
        return self.wire.call("secretsmanager.GetSecretValue", {"SecretId": name}, lambda: self.secrets[name])


class Account:
    """All services on one wire and one clock."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.wire = Wire()
        keys, indexes = table_keys()
        self.dynamodb = DynamoDB(keys=keys, indexes=indexes, wire=self.wire)
        self.s3 = S3(wire=self.wire)
        self.sqs = Sqs(rules=dict(queue_rules()), clock=clock, wire=self.wire)
        self.eventbridge = EventBridge(wire=self.wire)
        self.secrets = Secrets(self.wire, {"ClaudeSecret": "sk-test"})

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every client that a function asks for is one of these."""
        monkeypatch.setattr(connections, "sqs", lambda: self.sqs)
        monkeypatch.setattr(connections, "s3", lambda: self.s3)
        monkeypatch.setattr(connections, "eventbridge", lambda: self.eventbridge)
        monkeypatch.setattr(dynamo, "client", lambda: self.dynamodb)
        monkeypatch.setattr(parameters, "get_secret", self.secrets.get)


def logical_ids() -> dict[str, str]:
    """Every resource under its own name."""
    return {name: name for name in _resources()}


@cache
def queue_rules() -> dict[str, Rules]:
    return {name: _rules(each["Properties"]) for name, each in _of_type("AWS::SQS::Queue").items()}


@cache
def table_keys() -> tuple[dict[str, Keys], dict[tuple[str, str], Keys]]:
    """The keys of the tables, and of their indexes."""
    tables = _of_type("AWS::DynamoDB::Table")
    return (
        {name: _keys(each["Properties"]) for name, each in tables.items()},
        {
            (name, index["IndexName"]): _keys(index)
            for name, each in tables.items()
            for index in each["Properties"].get("GlobalSecondaryIndexes", [])
        },
    )


@cache
def _resources() -> dict[str, Any]:
    return dict(stack.translated()["Resources"])


def _of_type(kind: str) -> dict[str, Any]:
    return {name: each for name, each in _resources().items() if each["Type"] == kind}


def _keys(schema: dict[str, Any]) -> Keys:
    by_type = {key["KeyType"]: key["AttributeName"] for key in schema["KeySchema"]}
    return tuple(by_type[kind] for kind in ("HASH", "RANGE") if kind in by_type)


def _rules(properties: dict[str, Any]) -> Rules:
    redrive = properties.get("RedrivePolicy", {})
    return Rules(
        visibility=properties.get("VisibilityTimeout", 30),
        retention=properties.get("MessageRetentionPeriod", 345_600),
        dead_letters=redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] if redrive else None,
        most_receives=redrive.get("maxReceiveCount", 0),
    )
