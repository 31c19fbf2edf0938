"""Small worlds in which much happens: what is tortured."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.standins.claude import Delays
from tests.system import params
from tests.torture.points import Point
from tests.torture.world import World

LAG = 300  # seconds until Claude lists a new batch


def both_lanes(seed: int) -> World:
    """Both lanes: rows expire and err, one as often as it may, a message comes twice, a create's answer is lost, a 529,
    and deadlines for which batches are too late.

    Claude lists, shows and hands out late what it has: a settlement that does not wait for that pays twice.
    """
    world = World(seed)
    world.claude.delays = Delays(batch=(600, 1800), listed=LAG, found=30, results=90)
    twice = world.ask("a-0", params("a-0"))
    for number in range(1, 5):
        world.ask(f"a-{number}", params(f"a-{number}"))
    for number in range(3):
        world.ask(f"b-{number}", params(f"b-{number}"), workload="code-review")
    for number in range(3):
        world.ask(f"c-{number}", params(f"c-{number}"), workload="live-chat")
    world.account.sqs.place("RequestQueue", twice)
    plan = world.claude.truth.plan
    plan(params("a-1"), "expired")
    plan(params("a-2"), "overloaded_error")
    plan(params("a-3"), "invalid_request_error")
    plan(params("a-4"), *["overloaded_error"] * 4)
    plan(params("b-1"), "expired", "canceled")
    plan(params("c-1"), "invalid_request_error")
    world.claude.faults.queue(call="Create", how="drop", after=True, about="a-0")
    world.claude.faults.queue(call="Messages", how="status", status=529)
    _late_batches(world)
    return world


def _late_batches(world: World) -> None:
    """d: a batch that ends after one deadline and before the other; e: one that nobody waits for to its end;
    f: one that cannot be sent until after a deadline."""
    for name, minutes in (("d-0", 150), ("d-1", 300)):
        world.ask(name, params(name), max_latency_minutes=minutes)
    world.ask("e-0", params("e-0"), workload="code-review", max_latency_minutes=150)
    for name, minutes in (("f-0", 60), ("f-1", 120)):
        world.ask(name, params(name), max_latency_minutes=minutes)
    slow(world, "d-0", hours=3)
    slow(world, "e-0", hours=3)
    world.claude.faults.queue(call="Create", status=429, kind="rate_limit_error", retry_after=3_600, about="f-0")


def slow(world: World, words: str, *, hours: float) -> None:
    """Lets a batch that has these words in its first round take so long."""
    waiting = [words]

    def created(call: str, arguments: Mapping[str, Any]) -> None:
        if call == "claude.Create" and waiting and words.encode() in arguments["body"]:
            made = world.claude.batches[-1]
            made.ends_at = made.created_at + timedelta(hours=hours)
            waiting.clear()

    world.account.wire.after.append(created)


def without_lags(seed: int) -> World:
    """The same with a Claude that lists at once what it has taken: SETTLE alone parts a sleeper from a lost send."""
    world = both_lanes(seed)
    world.claude.delays.listed = world.claude.delays.found = 0
    return world


def doubtful_batches(seed: int) -> World:
    """Four batches whose creates are not answered, three of them in doubt at once; two are of one size.

    The second of these waits until the first is settled, and never arrives at its first try.
    """
    world = World(seed)
    world.claude.delays = Delays(batch=(600, 1800), listed=LAG, found=30, results=90)
    for name, size, asked in (
        ("g", 3, {"workload": "content-pipeline"}),
        ("h", 3, {"workload": "code-review"}),
        ("i", 2, {"workload": "content-pipeline", "max_latency_minutes": 300}),
        ("j", 1, {"workload": "code-review", "max_latency_minutes": 300}),
    ):
        for number in range(size):
            world.ask(f"{name}-{number}", params(f"{name}-{number}"), **asked)
        world.claude.faults.queue(call="Create", how="drop", after=name != "h", about=f"{name}-0")
    return world


def is_about_sending(point: Point) -> bool:
    """Whether it lies in a function that sends batches or settles their sends."""
    return point.function in ("BatchSubmitterFunction", "PollerFunction")
