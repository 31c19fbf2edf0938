"""A whole deployment for as long as a `with` lasts: what the fixtures give a test, for commands that run none."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from lanekeeper import connections, dynamo
from local.emulator.clock import ManualClock
from local.emulator.server import Emulator, serve
from local.emulator.world import World
from tests import stack
from tests.system import System

STRAY = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "ANTHROPIC_LOG", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")


def pretend_credentials() -> None:
    """So that nothing here can reach a real account, whatever the shell has."""
    os.environ.update(
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_ACCOUNT_ID_ENDPOINT_MODE="disabled",
    )
    for stray in STRAY:
        os.environ.pop(stray, None)


@contextmanager
def empty_account() -> Iterator[None]:
    """An empty AWS account; clients that were made before are forgotten, since they would escape it."""
    with mock_aws():
        for cached in (connections.sqs, connections.s3, connections.eventbridge, dynamo.client):
            cached.cache_clear()
        yield


@contextmanager
def claude(batch_minutes: tuple[float, float] = (5, 40), *, behind: timedelta = timedelta(0)) -> Iterator[Emulator]:
    """A Claude API of one's own, whose clock stands still until it is moved.

    It begins with ours, or so far behind it: a batch that Claude has had for weeks is treated otherwise.
    """
    clock = ManualClock(datetime.now(UTC) - behind)
    with serve(World(clock=clock, random=random.Random(1), batch_minutes=batch_minutes)) as running:
        yield running


def deploy(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> System:
    """The whole of Lanekeeper: our template's resources, our handlers, no batching window."""
    parameters = {
        "BatchWindowSeconds": "0",
        "ClaudeUrl": emulator.url,
        "ClaudeApiKey": "sk-test",
        "SettleSeconds": "1800",
    }
    return System(stack.deploy(boto3, parameters), parameters, emulator, monkeypatch)


@contextmanager
def deployed(batch_minutes: tuple[float, float] = (5, 40)) -> Iterator[System]:
    """A deployment of its own, empty, and gone afterwards."""
    with empty_account(), claude(batch_minutes) as emulator, pytest.MonkeyPatch.context() as monkeypatch:
        yield deploy(emulator, monkeypatch)
