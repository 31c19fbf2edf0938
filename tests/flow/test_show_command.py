"""`lanekeeper show`: a request's life in each lane, as its rows tell it."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from lanekeeper import connections
from tests.commands import reachable
from tests.system import Killed, System

NEAR = (100 - 15) * 60 + 1  # seconds until a request with 100 minutes is rescued


@pytest.fixture
def deployed(system: System) -> System:
    reachable(system)
    return system


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["show", "-w", "content-pipeline", *arguments], env={"COLUMNS": "100"})


def life(request_id: str) -> list[str]:
    result = run(request_id, "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return [each["what"] for each in document["happened"]]


def in_order(happened: list[str], *beginnings: str) -> bool:
    places = [next((n for n, what in enumerate(happened) if what.startswith(each)), -1) for each in beginnings]
    return -1 not in places and places == sorted(places)


def test_a_request_of_the_batch_lane_from_its_producer_to_its_end(deployed: System) -> None:
    asked = deployed.ask()
    deployed.run_until_answered()
    happened = life(asked)
    assert {"sent by its producer", "Claude has ended its batch"} <= set(happened)
    assert in_order(happened, "sent by", "accepted into the batch lane", "sealed into batch", "its batch is being sent")
    assert any(what.startswith("succeeded: end_turn, for $0.") for what in happened)


def test_what_is_under_way_says_what_happens_next(deployed: System) -> None:
    asked = deployed.ask()
    deployed.deliver("RequestQueue")
    assert "next                 its segment is sealed when its window is over, at " in run(asked).stdout
    deployed.run()
    assert "next                 its batch is asked after at Claude, at " in run(asked).stdout


def test_a_rescue_is_told_with_its_reason_and_its_price(deployed: System) -> None:
    deployed.emulator.world.batch_minutes = (600, 600)
    asked = deployed.ask(max_latency_minutes=100)
    deployed.run()
    deployed.tick(in_seconds=NEAR)
    deployed.run()
    happened = life(asked)
    assert in_order(happened, "accepted", "a rescue in real time is asked for", "booked: rescue in real time for $0.")
    assert "call 1 in real time" in happened


def test_a_call_whose_answer_nobody_saw_is_told_as_perhaps_billed(deployed: System) -> None:
    asked = deployed.ask(priority="high")
    deployed.deliver("RequestQueue")
    deployed.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        deployed.deliver("RealtimeQueue")
    deployed.pass_time(600)
    deployed.make_visible("RealtimeQueue")
    deployed.run()
    assert "booked: a call whose answer nobody saw, perhaps billed" in life(asked)


def test_content_is_not_shown(deployed: System) -> None:
    asked = deployed.ask(
        params={"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "canary"}]}
    )
    deployed.run_until_answered()
    assert "canary" not in run(asked).output + run(asked, "--json").output


def test_an_unknown_id_says_where_it_was_looked_for(deployed: System) -> None:
    result = run("nobody")
    assert result.exit_code == 5
    assert "no request has this id in content-pipeline" in result.output
