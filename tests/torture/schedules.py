"""Schedules: small worlds drawn from a seed, with random faults for a while and none after that.

A schedule is its seed and its number: the same pair makes the same world and the same faults.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from lanekeeper.policy import Registry, registry_of
from tests.standins.claude import Delays
from tests.system import params
from tests.torture.auditor import violations
from tests.torture.chaos import Chaos, Rates
from tests.torture.world import START, World

WORKLOADS = {"content-pipeline": "24h", "code-review": "2h", "live-chat": "5m"}
BATCH_SECONDS = ((300, 3_000), (600, 1_800), (2_400, 10_800))
LATENCIES = (None, None, 61, 75, 100, 150)  # minutes; a rescue begins 15 minutes before they are over
IN_BATCH = ("expired", "canceled", "overloaded_error", "api_error", "invalid_request_error")
LARGE = 300_000  # characters: more than a message between our functions carries
WITHIN = timedelta(days=6)


@dataclass(frozen=True)
class Run:
    """One schedule that has been run to its end."""

    world: World
    chaos: Chaos

    def broken(self) -> list[str]:
        """What is wrong, in words."""
        return violations(self.world) + self.world.raised


def run(seed: int, number: int, *, prepare: Callable[[World, pytest.MonkeyPatch], None] | None = None) -> Run:
    """Runs one schedule; `prepare` may take a safeguard out of its world."""
    random = Random(f"{seed}/{number}")
    with pytest.MonkeyPatch.context() as monkeypatch:
        world = World(random.getrandbits(32), registry=_registry(random))
        chaos = _chaos(world, random)
        if prepare is not None:
            prepare(world, monkeypatch)
        world.install(monkeypatch)
        chaos.install()
        _ask_all(world, random)
        if not world.run_until_done(within=WITHIN):
            world.raised.append("not done in the time given")
        return Run(world, chaos)


def _registry(random: Random) -> Registry:
    return registry_of(
        {
            name: {
                "max_latency": latency,
                "on_late": random.choice(("rescue", "rescue", "wait", "fail")),
                "notify": random.choice(("batch", "batch", "each", "none")),
                "batch": random.choice(("when_it_pays", "when_it_pays", "when_it_pays", "always")),
            }
            for name, latency in WORKLOADS.items()
        }
    )


def _chaos(world: World, random: Random) -> Chaos:
    """The world's lags, and what will go wrong in it."""
    world.claude.delays = Delays(
        batch=random.choice(BATCH_SECONDS),
        listed=random.choice((0, 30, 300)),
        found=random.choice((0, 30, 120)),
        results=random.choice((0, 90, 600)),
    )
    until = START + timedelta(minutes=random.uniform(10, 200))
    begins = START + timedelta(minutes=random.uniform(0, 200))
    burst = (begins, begins + timedelta(minutes=random.uniform(1, 20)))
    chaos = Chaos(
        world=world,
        random=random,
        rates=Rates.drawn(random),
        until=until,
        skew_seconds=random.choice((0, 0, 5, 60, 300)),
        burst=random.choice((None, None, burst)),
    )
    lateness = random.choice((0, 0, 3, 30))
    world.account.sqs.lateness = lambda: random.uniform(0, lateness) if world.now < until else 0
    return chaos


def _ask_all(world: World, random: Random) -> None:
    for number in range(random.randint(6, 12)):
        _ask(world, random, f"request-{number}")
    if random.random() < 0.05:
        _ask_large(world, random)


def _ask(world: World, random: Random, name: str) -> None:
    """One request, with its fate at Claude; some messages come twice."""
    workload, latency = random.choice(list(WORKLOADS)), random.choice(LATENCIES)
    more: dict[str, Any] = {} if latency is None else {"max_latency_minutes": latency}
    more |= {"priority": "high"} if random.random() < 0.1 else {}
    body = world.ask(name, params(name), workload=workload, delay=_delay(random), **more)
    if random.random() < 0.25:
        world.account.sqs.place("RequestQueue", body, random.choice((0, 60, 4_000)))
    if random.random() < 0.35:
        world.claude.truth.plan(params(name), *random.choices(IN_BATCH, k=random.choice((1, 1, 2, 4))))


def _delay(random: Random) -> float:
    """Seconds until a message is received; by then a request of five minutes may be late."""
    return random.choice((0, 0, 0, random.uniform(0, 900)))


def _ask_large(world: World, random: Random) -> None:
    """A request whose params lie in its workload's inbox."""
    workload = random.choice(list(WORKLOADS))
    content: Mapping[str, Any] = params("large " + "x" * LARGE)
    body = json.dumps(content).encode()
    key = f"inbox/{workload}/large.json"
    version = world.account.s3.put_object(Bucket="ContentBucket", Key=key, Body=body)["VersionId"]
    claim = {"key": key, "version": version, "sha256": hashlib.sha256(body).hexdigest()}
    world.ask("large", content, workload=workload, params_object=claim)
