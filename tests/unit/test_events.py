"""The example payloads are what Lambda delivers, and the examples for producers keep the contract."""

import hashlib
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from lanekeeper.errors import RejectedError
from lanekeeper.identity import request_key
from lanekeeper.intake import accept, read_message
from lanekeeper.models import Priority, Request
from lanekeeper.policy import Registry, registry_of
from lanekeeper.pricing import standard_prices
from lanekeeper.queues import messages_of
from lanekeeper.realtime_messages import read_message as read_realtime
from lanekeeper.spool import Spool

ROOT = Path(__file__).parents[2]
QUEUES = ["classifier", "realtime_invoker", "batch_submitter", "collector"]
SENT_AT = datetime(2026, 11, 23, tzinfo=UTC)


def event(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / f"events/{name}.json").read_text(encoding="utf-8"))
    return document


def read(body: str, sent_at: datetime, registry: Registry) -> Request:
    message = read_message(body, registry=registry)
    return accept(message, message.params or {}, sent_at=sent_at, registry=registry, prices=standard_prices())


def bodies(name: str) -> list[dict[str, Any]]:
    return [json.loads(record["body"]) for record in event(name)["Records"]]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return registry_of(yaml.safe_load((ROOT / "workloads.yaml").read_text()))


@pytest.mark.parametrize("name", QUEUES)
def test_records_carry_what_sqs_puts_there(name: str) -> None:
    for record in event(name)["Records"]:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"].startswith(f"arn:aws:sqs:{record['awsRegion']}:")
        assert {"SenderId", "SentTimestamp", "ApproximateReceiveCount"} <= set(record["attributes"])
    assert len({message.id for message in messages_of(event(name))}) == len(event(name)["Records"])


def test_the_classifier_meets_an_urgent_a_patient_and_a_bad_message(registry: Registry) -> None:
    urgent, patient, bad = messages_of(event("classifier"))
    assert read(urgent.body, urgent.sent_at, registry).priority is Priority.HIGH
    assert read(patient.body, patient.sent_at, registry).priority is Priority.NORMAL
    with pytest.raises(RejectedError, match="invalid_json"):
        read(bad.body, bad.sent_at, registry)


def test_the_inner_messages_have_the_fields_that_their_consumers_read() -> None:
    (urgent,) = messages_of(event("realtime_invoker"))
    request = read_realtime(urgent.body, Spool(boto3.client("s3"), "unused"))
    assert request.key == request_key(request.workload, request.id)
    assert [set(body) for body in bodies("batch_submitter")] == [{"class_id", "segment"}]
    assert [set(body) for body in bodies("collector")] == [{"batch"}]


def test_the_program_writes_the_committed_payloads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "events.make_payloads", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603  # our own program
    for written in tmp_path.iterdir():
        assert written.read_bytes() == (ROOT / "events" / written.name).read_bytes()
    assert {path.stem for path in tmp_path.iterdir()} == {*QUEUES, "poller"}


def test_the_shell_example_sends_an_urgent_and_a_patient_request(registry: Registry) -> None:
    sent = re.findall(r"--message-body '([^']+)'", (ROOT / "examples/send.sh").read_text())
    requests = [read(body, SENT_AT, registry) for body in sent]
    assert [request.priority for request in requests] == [Priority.HIGH, Priority.NORMAL]


def test_the_python_example_sends_an_urgent_and_a_patient_request(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="requests")["QueueUrl"]
        monkeypatch.setattr(sys, "argv", ["send.py", url])
        exec(compile((ROOT / "examples/send.py").read_text(), "send.py", "exec"), {})  # noqa: S102  # our own example
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    requests = [read(message["Body"], SENT_AT, registry) for message in received]
    assert sorted(request.priority for request in requests) == [Priority.HIGH, Priority.NORMAL]
