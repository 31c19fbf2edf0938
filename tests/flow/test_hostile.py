"""Hostile input through the classifier's handler: nothing is unhandled, nothing stuck, nothing told.

Each message ends in exactly one place: accepted with a row, or rejected with its original and a notice. On stand-ins,
which tests/standins/test_contract.py holds equal to moto: moto would take hours for a hundred thousand messages.
"""

import hashlib
import io
import json
import os
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from functions.classifier import app
from lanekeeper import clock
from lanekeeper.identity import request_key
from tests import stack
from tests.hostile import CANARY, mutant, noise
from tests.standins.account import Account, logical_ids
from tests.standins.s3 import S3
from tests.system import Context

MESSAGES = int(os.environ.get("HOSTILE", "100000"))  # of each kind
SEED = int(os.environ.get("HOSTILE_SEED", "20261125"))
SENT_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
EVENT_SIZE = 100


class Door:
    """The classifier before stand-ins of AWS, one event after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        account = Account(clock=lambda: SENT_AT)
        account.install(monkeypatch)
        self.s3, self.sqs, self.bus, self.dynamodb = account.s3, account.sqs, account.eventbridge, account.dynamodb
        monkeypatch.setattr(clock, "now", lambda: SENT_AT)
        for variable, value in stack.environment("ClassifierFunction", logical_ids(), {}).items():
            monkeypatch.setenv(variable, value)

    def receive(self, bodies: list[str], log_lines: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
        """One event; afterwards only the rows stay, as they do in life."""
        answer = app.handler({"Records": [record(n, body) for n, body in enumerate(bodies)]}, Context("classifier"))
        assert answer == {"batchItemFailures": []}
        rejected = {n for n in range(len(bodies)) if f"rejected/message-{n}.txt" in self.s3.objects}
        rows = self.dynamodb.tables.get("RequestsTable", {})
        for number, body in enumerate(bodies):
            assert (number in rejected) != is_accepted(body, rows, rejected=number in rejected)
        notices = self.sqs.bodies("RejectedQueue")
        assert len(notices) == len([event for event in self.bus.put if event["DetailType"] == "RequestRejected"])
        assert len(notices) == len(rejected)
        told = log_lines.getvalue() + capsys.readouterr().out + repr(self.dynamodb.tables) + "".join(notices)
        assert CANARY not in told
        self.forget(log_lines)

    def forget(self, log_lines: io.StringIO) -> None:
        self.s3.objects.clear()
        self.sqs.clear()
        self.bus.put.clear()
        self.dynamodb.tables.clear()
        log_lines.truncate(0)
        log_lines.seek(0)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(monkeypatch)


@pytest.mark.parametrize("part", range(2))
def test_no_damaged_message_is_unhandled_stuck_or_told(
    door: Door, log_lines: io.StringIO, capsys: pytest.CaptureFixture[str], part: int
) -> None:
    random = Random(SEED + part)
    for event in range(MESSAGES // 2 // EVENT_SIZE):
        door.receive([mutant(random, event * EVENT_SIZE + n) for n in range(EVENT_SIZE)], log_lines, capsys)


def test_no_string_of_bytes_is_unhandled_stuck_or_told(
    door: Door, log_lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random(SEED)
    for _ in range(MESSAGES // EVENT_SIZE):
        door.receive([body(random, door.s3, n) for n in range(EVENT_SIZE)], log_lines, capsys)


def body(random: Random, s3: S3, number: int) -> str:
    """Bytes as a message's text, or as the object that a correct message names."""
    data = noise(random)
    if number % 2:
        return data.decode("latin-1")
    key = f"inbox/live-chat/{number}"
    s3.put_object(Bucket="ContentBucket", Key=key, Body=data)
    reference = {"key": key, "version": "1", "sha256": hashlib.sha256(data).hexdigest()}
    return json.dumps({"id": str(number), "workload": "live-chat", "params_object": reference})


def is_accepted(text: str, rows: dict[str, Any], *, rejected: bool) -> bool:
    """Whether the request has its row; one under a taken id is rejected and has somebody else's."""
    try:
        message = json.loads(text)
        return not rejected and request_key(message["workload"], message["id"]) in rows
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def record(number: int, text: str) -> dict[str, Any]:
    return {
        "messageId": f"message-{number}",
        "receiptHandle": "handle",
        "body": text,
        "attributes": {"SentTimestamp": str(int(SENT_AT.timestamp() * 1000)), "ApproximateReceiveCount": "1"},
    }
