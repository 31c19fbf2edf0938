"""The schedules again, on moto: what holds on our stand-ins holds on somebody else's idea of AWS.

CI runs two, TORTURE=full 250, TORTURE_AT=<number> one. moto's standard queues do not forget: retention is not tried.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.torture import world
from tests.torture.moto_account import MotoAccount
from tests.torture.points import FULL, SEED
from tests.torture.schedules import run

NAMED = os.environ.get("TORTURE_AT")
NUMBERS = [int(NAMED)] if NAMED else range(250 if FULL else 2)


@pytest.fixture(autouse=True)
def on_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(world, "Account", MotoAccount)
    with mock_aws():
        yield


@pytest.mark.parametrize("number", NUMBERS)
def test_whatever_goes_wrong_for_a_while_every_promise_holds_in_the_end_on_moto(number: int) -> None:
    replay = f"TORTURE_SEED={SEED} TORTURE_AT={number} python -m pytest -q {Path(__file__).relative_to(Path.cwd())}"
    assert run(SEED, number).broken() == [], replay
