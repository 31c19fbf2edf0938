"""A spend limit that a user has set reads like a bad request: it fails no healthy request, and a guilty one ends."""

from typing import Any

import pytest

from lanekeeper import connections
from tests.flow.test_lanes import ask, lane, outcomes, redeliver
from tests.system import System, params, refusable

GUILTY = params("Nonsense. [[emulator: 400]]")  # a message is refused, a count of its tokens is not


def limit(system: System) -> None:
    system.fault(route="messages", fault="spend_limit", count=None)


def test_under_a_limit_requests_wait_and_all_are_answered_once_it_is_raised(system: System) -> None:
    asked = ask(system, 3)
    limit(system)
    for _ in range(4):
        redeliver(system, in_seconds=450)
    assert outcomes(system, asked) == ["open"] * 3
    system.emulator.world.faults.clear()
    redeliver(system, in_seconds=301)
    redeliver(system)

    assert outcomes(system, asked) == ["succeeded"] * 3
    assert system.executed() == 3
    assert sum(record["cost_micro_usd"] for record in system.items("LedgerTable")) == system.billed()


def test_a_limit_holds_the_lane_after_ten_refusals_in_a_row_and_a_person_is_told(system: System) -> None:
    ask(system)
    limit(system)
    for _ in range(10):
        assert "open_until" not in lane(system)
        redeliver(system, in_seconds=30)

    assert lane(system)["remedy"] == "person"


@pytest.mark.parametrize("refusal", [{"status": 400}, {"status": 404}, {"status": 418}])
def test_a_refused_message_is_looked_at_again_soon_and_then_in_minutes(system: System, refusal: dict[str, Any]) -> None:
    ask(system)
    system.fault(route="messages", fault="status", count=None, **refusal)
    heard = system.listen(connections.sqs(), "sqs.ChangeMessageVisibility")
    for _ in range(3):
        redeliver(system)

    first, *others = [call["VisibilityTimeout"] for call in heard]
    assert 30 <= first <= 60
    assert all(300 <= seconds <= 450 for seconds in others)


def test_a_prompt_that_claude_calls_bad_without_being_paid_fails_at_once(system: System) -> None:
    asked = ask(system, params=refusable())
    system.deliver("RealtimeQueue")

    assert outcomes(system, asked) == ["failed"]
    assert lane(system).get("failures", 0) == 0  # it says nothing of the lane


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"fault": "spend_limit"}, id="a-limit-on-counts-as-well"),
        pytest.param({"fault": "status", "status": 529}, id="no-word"),
        pytest.param({"fault": "drop"}, id="no-answer"),
        pytest.param({"fault": "status", "status": 429}, id="rate-limit"),
    ],
)
def test_a_count_that_would_refuse_any_prompt_blames_none(system: System, fault: dict[str, Any]) -> None:
    asked = ask(system)
    limit(system)
    system.fault(route="count_tokens", count=None, **fault)
    for _ in range(3):
        redeliver(system, in_seconds=450)

    assert outcomes(system, asked) == ["open"]


def test_a_bad_prompt_under_a_limit_on_counts_is_not_blamed_by_them(system: System) -> None:
    asked = ask(system, params=refusable())
    system.fault(route="count_tokens", fault="spend_limit", count=None)
    system.deliver("RealtimeQueue")

    assert outcomes(system, asked) == ["open"]


def test_a_guilty_request_ends_as_soon_as_others_are_answered(system: System) -> None:
    guilty = ask(system, params=GUILTY)
    redeliver(system)
    for _ in range(2):
        assert outcomes(system, guilty) == ["open"]
        healthy = ask(system)
        system.deliver("RealtimeQueue")  # the guilty one is still invisible
        assert outcomes(system, healthy) == ["succeeded"]
        redeliver(system, in_seconds=60)

    assert outcomes(system, guilty) == ["failed"]
    row = system.row(guilty[0], "live-chat") or {}
    assert (row["outcome_reason"], row["cost_micro_usd"]) == ("invalid_request_error", 0)
    assert system.answer(row)["result"]["error"]["error"]["type"] == "invalid_request_error"


def test_a_guilty_request_that_is_alone_waits_on_for_a_person(system: System) -> None:
    guilty = ask(system, params=GUILTY)
    for _ in range(6):
        redeliver(system, in_seconds=450)

    assert outcomes(system, guilty) == ["open"]


def test_a_limit_that_is_raised_a_little_and_reached_again_fails_nobody(system: System) -> None:
    asked = ask(system, 6)
    for _ in range(2):
        limit(system)
        redeliver(system, in_seconds=500)
        redeliver(system, in_seconds=500)
        system.emulator.world.faults.clear()
        answered = ask(system)
        system.pass_time(500)
        system.deliver("RealtimeQueue")  # the six are still invisible
        assert outcomes(system, answered) == ["succeeded"]
    assert "failed" not in outcomes(system, asked)
    redeliver(system, in_seconds=500)
    redeliver(system)

    assert outcomes(system, asked) == ["succeeded"] * 6
