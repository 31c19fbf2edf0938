"""Random worlds with random faults for a while: once these are over, everything comes to rest, and every promise holds.

CI runs a few schedules, TORTURE=full 10,000, TORTURE_AT=<number> one. Each is made of the seed and its number alone.
"""

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.standins.claude_wire import Call, Reply
from tests.torture.points import FULL, SEED
from tests.torture.schedules import run
from tests.torture.world import World

CHUNKS, CHUNK = (100, 100) if FULL else (4, 20)
NAMED = os.environ.get("TORTURE_AT")
NUMBERS = [range(int(NAMED), int(NAMED) + 1)] if NAMED else [range(n * CHUNK, (n + 1) * CHUNK) for n in range(CHUNKS)]
FEW = range(40)  # among which a missing safeguard must show


@pytest.fixture(scope="module", autouse=True)
def what_stands_is_not_searched() -> Iterator[None]:
    """The template and the modules are not garbage: to look through them again and again takes a fifth of the time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("numbers", NUMBERS, ids=lambda numbers: f"{numbers.start}-{numbers[-1]}")
def test_whatever_goes_wrong_for_a_while_every_promise_holds_in_the_end(numbers: range) -> None:
    assert list(broken(numbers)) == []


def broken(numbers: range) -> Iterator[str]:
    for number in numbers:
        if found := run(SEED, number).broken():
            yield f"schedule {number}: {'; '.join(found)}\n  {replay(number)}"


def replay(number: int) -> str:
    """The one line that repeats this schedule."""
    test = Path(__file__).relative_to(Path.cwd())
    return f"TORTURE_SEED={SEED} TORTURE_AT={number} python -m pytest -q {test} -k whatever"


def test_a_schedule_is_its_seed_and_its_number() -> None:
    first, again = (run(SEED, 0) for _ in range(2))
    assert first.chaos.struck == again.chaos.struck
    assert first.world.account.dynamodb.tables == again.world.account.dynamodb.tables


def test_every_kind_of_fault_strikes_and_rescues_happen() -> None:
    runs = [run(SEED, number) for number in range(10)]
    struck = sum((each.chaos.struck for each in runs), Counter[str]())
    kinds = {row["kind"] for each in runs for row in each.world.rows("LedgerTable")}
    assert min(struck[kind] for kind in KINDS) > 0
    assert {"answer", "rescue", "possible_duplicate"} <= kinds


KINDS = ("death", "death after", "refused", "lost", "repeated", "claude", "pause", "tick", "twice", "again")


# The guards of the guard: without a safeguard, some schedule is no longer clean.


def test_where_settle_is_shorter_than_the_listings_lag_batches_are_paid_twice() -> None:
    def hasty(world: World, _: pytest.MonkeyPatch) -> None:
        world.settings["SETTLE_SECONDS"] = "121"

    assert shows(hasty, "times in batches")


def test_where_the_client_retries_by_itself_something_is_paid_unseen() -> None:
    def retrying(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        serve = world.claude.serve

        def twice(call: Call) -> Reply:
            try:
                return serve(call)
            except httpx2.TransportError:
                return serve(call)

        monkeypatch.setattr(world.claude, "serve", twice)

    assert shows(retrying, "nobody owns")


def test_a_message_that_is_lost_is_missed() -> None:
    def forgetful(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        sqs = world.account.sqs
        monkeypatch.setattr(world, "hand_over", lambda queue, records: [sqs.done(queue, record) for record in records])

    assert shows(forgetful, "no terminal state")


def shows(prepare: Callable[[World, pytest.MonkeyPatch], None], words: str) -> bool:
    """Whether one of the first schedules tells of it."""
    return any(words in violation for number in FEW for violation in run(SEED, number, prepare=prepare).broken())
