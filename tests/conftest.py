"""Fixtures that every kind of test may use: AWS in moto made from our own template, Claude as the emulator's socket."""

import io
import logging
from collections.abc import Iterator

import pytest

from lanekeeper.telemetry import logger
from local.emulator.server import Emulator
from tests import deployed
from tests.system import System

deployed.pretend_credentials()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Claude API of this test's own, whose clock stands still until it is moved."""
    with deployed.claude() as running:
        yield running


@pytest.fixture
def aws() -> Iterator[None]:
    """An empty AWS account."""
    with deployed.empty_account():
        yield


@pytest.fixture
def system(aws: None, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> System:
    """The whole of Lanekeeper: our template's resources, our handlers, no batching window."""
    return deployed.deploy(emulator, monkeypatch)


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """Every log line as it leaves the function: the logger's own stream belongs to whichever test came first."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    yield stream
    logger._logger.removeHandler(handler)
