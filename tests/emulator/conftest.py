"""One emulator behind one socket for all tests of this folder; each test finds it new."""

from collections.abc import Iterator
from random import Random

import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.clock import ManualClock
from local.emulator.limits import Limits
from local.emulator.server import Emulator, serve
from local.emulator.world import World


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    with serve(World(clock=ManualClock())) as emulator:
        yield emulator


@pytest.fixture
def world(running: Emulator) -> World:
    """The served world, as new: at its first moment, nothing in it, every batch 30 minutes long."""
    world = running.world
    world.clock, world.limits, world.batch_minutes = ManualClock(), Limits(), (30, 30)
    world.random = Random(7)
    world.reset()
    return world


@pytest.fixture(scope="session")
def shared_client(running: Emulator) -> Iterator[Anthropic]:
    """One client for all tests: each new one would load the machine's certificates, a tenth of a second."""
    with Anthropic(api_key="key", base_url=running.url, max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def shared_http(running: Emulator) -> Iterator[httpx2.Client]:
    headers = {"x-api-key": "key", "anthropic-version": "2023-06-01"}
    with httpx2.Client(base_url=running.url, headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def claude(shared_client: Anthropic, world: World) -> Anthropic:
    """The official client, which never tries twice, before a world as new."""
    return shared_client


@pytest.fixture
def http(shared_http: httpx2.Client, world: World) -> httpx2.Client:
    """A plain client with the headers that every call needs, before a world as new."""
    return shared_http
