"""Fixtures that every kind of test may use: AWS in moto made from our own template, Claude as the emulator's socket."""

import io
import logging
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from lanekeeper import connections, dynamo
from lanekeeper.telemetry import logger
from local.emulator.clock import ManualClock
from local.emulator.server import Emulator, serve
from local.emulator.world import World
from tests import stack
from tests.system import System

os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_ACCOUNT_ID_ENDPOINT_MODE="disabled",
)
for leftover in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "ANTHROPIC_LOG", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
    os.environ.pop(leftover, None)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Claude API of this test's own, whose clock stands still until it is moved; it begins with ours, since a batch
    that Claude has had for weeks is treated otherwise."""
    with serve(World(clock=ManualClock(datetime.now(UTC)), random=random.Random(1))) as running:
        yield running


@pytest.fixture
def aws() -> Iterator[None]:
    """An empty AWS account; clients that an earlier test made are forgotten, since they would escape it."""
    with mock_aws():
        for cached in (connections.sqs, connections.s3, connections.eventbridge, dynamo.client):
            cached.cache_clear()
        yield


@pytest.fixture
def system(aws: None, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> System:
    """The whole of Lanekeeper: our template's resources, our handlers, no batching window."""
    parameters = {
        "BatchWindowSeconds": "0",
        "ClaudeUrl": emulator.url,
        "ClaudeApiKey": "sk-test",
        "SettleSeconds": "1800",
    }
    return System(stack.deploy(boto3, parameters), parameters, emulator, monkeypatch)


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """Every log line as it leaves the function: the logger's own stream belongs to whichever test came first."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    yield stream
    logger._logger.removeHandler(handler)
