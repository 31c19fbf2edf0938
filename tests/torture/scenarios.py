"""Small worlds in which much happens: what is tortured."""

from tests.system import params
from tests.torture.world import World


def both_lanes(seed: int) -> World:
    """Two workloads in both lanes: rows expire and err, a message comes twice, a create's answer is lost, a 529."""
    world = World(seed)
    world.claude.delays.batch = (600, 1800)
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
    plan(params("b-1"), "expired", "canceled")
    plan(params("c-1"), "invalid_request_error")
    world.claude.faults.queue(call="Create", how="drop", after=True)
    world.claude.faults.queue(call="Messages", how="status", status=529)
    return world
