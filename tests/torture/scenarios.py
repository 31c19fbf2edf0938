"""Small worlds in which much happens: what is tortured."""

from tests.standins.claude import Delays
from tests.system import params
from tests.torture.world import World


def both_lanes(seed: int) -> World:
    """Both lanes: rows expire and err, one as often as it may, a message comes twice, a create's answer is lost, a 529.

    Claude lists, shows and hands out late what it has: a settlement that does not wait for that pays twice.
    """
    world = World(seed)
    world.claude.delays = Delays(batch=(600, 1800), listed=300, found=30, results=90)
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
    world.claude.faults.queue(call="Create", how="drop", after=True)
    world.claude.faults.queue(call="Messages", how="status", status=529)
    return world


def without_lags(seed: int) -> World:
    """The same with a Claude that lists at once what it has taken: SETTLE alone parts a sleeper from a lost send."""
    world = both_lanes(seed)
    world.claude.delays.listed = world.claude.delays.found = 0
    return world
