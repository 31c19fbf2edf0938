"""Every call that a process makes under random faults is one that its role allows; no AWS account is needed to see it.

The rare ways of the code are those that no demo walks, and here they are walked.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.torture.permissions import Need, is_allowed, needs
from tests.torture.points import FULL, SEED
from tests.torture.schedules import run
from tests.torture.world import World

SCHEDULES = range(500 if FULL else 40)


def test_no_process_calls_what_its_role_does_not_allow() -> None:
    made: set[tuple[str, Need]] = set()
    for number in SCHEDULES:
        run(SEED, number, prepare=lambda world, _: listen(world, made))
    assert len({function for function, _ in made}) == 5
    assert sorted(f"{function}: {need}" for function, need in made if not is_allowed(function, need)) == []


def listen(world: World, made: set[tuple[str, Need]]) -> None:
    def hear(call: str, arguments: Mapping[str, Any]) -> None:
        if world.running:
            made.update((world.running[-1].function_name, need) for need in needs(call, arguments))

    world.account.wire.before.append(hear)


@pytest.mark.parametrize(
    ("need", "allowed"),
    [
        (("dynamodb:BatchGetItem", "RequestsTable"), True),
        (("dynamodb:GetItem", "RequestsTable"), False),
        (("dynamodb:Query", "BatchesTable/index/open"), True),
        (("dynamodb:Query", "BatchesTable"), False),
        (("s3:GetObject", "ContentBucket/segments/x"), True),
        (("s3:GetObject", "ContentBucket/results/x"), False),
    ],
)
def test_the_pollers_role_is_read_as_it_stands(need: Need, allowed: bool) -> None:
    assert is_allowed("PollerFunction", need) is allowed
