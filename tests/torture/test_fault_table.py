"""Under each fault that others lose or pay twice for, 20 requests are billed 20 times and answered 20 times."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.torture.fault_scenes import REQUESTS, SCENES, Result, Scene, run

CLEAN = Result(
    fault="none", billed=REQUESTS, kept=REQUESTS, orphans=0, reported=Decimal(5), owed=Decimal(5), struck=True
)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.fault)
def test_twenty_requests_are_billed_once_answered_and_priced_by_themselves(scene: Scene) -> None:
    result = run(scene)

    assert result.is_clean, result


@pytest.mark.parametrize(
    "flaw",
    [
        pytest.param({"billed": 2 * REQUESTS}, id="billed-twice"),
        pytest.param({"kept": REQUESTS - 1}, id="an-answer-lost"),
        pytest.param({"orphans": 1}, id="an-orphan-batch"),
        pytest.param({"reported": Decimal("5.000001")}, id="cost-off-by-a-trifle"),
        pytest.param({"reported": None}, id="cost-unknown"),
        pytest.param({"struck": False}, id="the-fault-did-not-come"),
    ],
)
def test_a_row_with_any_flaw_is_not_clean(flaw: dict[str, object]) -> None:
    assert CLEAN.is_clean
    assert not replace(CLEAN, **flaw).is_clean
