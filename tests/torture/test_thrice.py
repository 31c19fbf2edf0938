"""Every message three times, in any order, and all of them again ten days later: the end is the same, by hash.

CI tries two seeds of each, TORTURE=full a hundred, TORTURE_AT=<seed> one.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from cli.redrive import SOURCES
from cli.redriving import Redriving
from tests.standins.sqs import Held
from tests.torture import deployed
from tests.torture.auditor import violations
from tests.torture.end_state import exact, of_requests
from tests.torture.points import FULL, SEED, run
from tests.torture.scenarios import both_lanes
from tests.torture.world import World

APART = 90.0  # seconds, at most, between the deliveries of one message
LATER = timedelta(days=10)
SEEDS = [int(os.environ["TORTURE_AT"])] if "TORTURE_AT" in os.environ else range(SEED, SEED + (100 if FULL else 2))
DEAD_LETTERS = {source: name for name, source in SOURCES.items()}

BATCH_SECONDS = (900.0, 900.0)  # not drawn: whether a batch comes in time for a deadline must not be a matter of chance

Put = tuple[str, str, str | None]  # queue, body, group


def steady(seed: int) -> World:
    """Both lanes, and every batch that is not slow takes as long as any other."""
    world = both_lanes(seed)
    world.claude.delays.batch = BATCH_SECONDS
    return world


def on_each(world: World, deed: Callable[..., Held]) -> None:
    """Lets every message that anybody puts on a queue be put by this deed, which is given how to put one."""
    place = world.account.sqs.place
    world.account.sqs.place = lambda *given: deed(place, *given)  # type: ignore[method-assign]


def three_times(world: World, random: Random) -> None:
    """Each at a time of its own: none of the three is known to be the first."""

    def deed(place: Any, queue: str, body: str, delay: float = 0, group: str | None = None) -> Held:
        _, _, last = (place(queue, body, delay + random.uniform(0, APART), group) for _ in range(3))
        return last  # type: ignore[no-any-return]

    on_each(world, deed)
    for queue in deployed.consumers():  # what was sent before
        for held in world.account.sqs.messages(queue):
            for _ in range(2):
                world.account.sqs.place(queue, held.body)


def noted(world: World, puts: set[Put]) -> None:
    def deed(place: Any, queue: str, body: str, delay: float = 0, group: str | None = None) -> Held:
        puts.add((queue, body, group))
        return place(queue, body, delay, group)  # type: ignore[no-any-return]

    puts |= {
        (queue, held.body, held.group) for queue in deployed.consumers() for held in world.account.sqs.messages(queue)
    }
    on_each(world, deed)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_message_three_times_in_any_order_ends_as_once(seed: int) -> None:
    once = run(steady, SEED, lambda _: None)
    thrice = run(steady, SEED, lambda world: three_times(world, Random(seed)))
    assert violations(thrice) + thrice.raised == []
    assert of_requests(thrice) == of_requests(once)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_done_stays_as_it_is_when_all_messages_come_again_even_ten_days_later(seed: int) -> None:
    puts: set[Put] = set()
    random = Random(seed)

    def again(world: World) -> None:
        before = exact(world)
        everything = sorted(puts, key=str) * 3
        random.shuffle(everything)
        for queue, body, group in everything:
            world.account.sqs.place(queue, body, 0, group)
        assert world.run_until_done()
        assert exact(world) == before

    def ten_days_later(world: World) -> None:
        world.now += LATER
        before = exact(world)
        for queue, body, group in sorted(puts, key=str):
            world.account.sqs.place(DEAD_LETTERS[queue], body, 0, group)
        for queue, letters in DEAD_LETTERS.items():
            if queue:
                assert list(Redriving(world.account.sqs).redrive(letters, queue, most=1_000))
        assert world.run_until_done()
        assert exact(world) == before

    world = run(steady, SEED, lambda world: noted(world, puts), again, ten_days_later)
    assert violations(world) + world.raised == []
