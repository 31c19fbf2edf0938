"""Misbehaviour on demand: what the caller sees, what was done all the same, and how long it goes on."""

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.clock import ManualClock
from local.emulator.faults import Fault
from local.emulator.world import World
from tests.emulator.builders import params, requests
from tests.emulator.calls import RecordingClock, call


def test_a_status_fault_refuses_the_call_and_nothing_happens(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="status", status=529, retry_after="7"))
    with pytest.raises(anthropic.OverloadedError) as raised:
        claude.messages.batches.create(requests=requests(2))
    assert raised.value.type == "overloaded_error"
    assert raised.value.response.headers["retry-after"] == "7"
    assert claude.messages.batches.list().data == []


@pytest.mark.parametrize(
    ("fault", "seen", "batches"),
    [
        pytest.param({"fault": "drop"}, anthropic.APIConnectionError, 0, id="dropped-before"),
        pytest.param({"fault": "drop_after_accept"}, anthropic.APIConnectionError, 1, id="dropped-after"),
        pytest.param({"fault": "status", "status": 500}, anthropic.InternalServerError, 0, id="500-before"),
        pytest.param({"fault": "status_after_accept", "status": 500}, anthropic.InternalServerError, 1, id="500-after"),
    ],
)
def test_a_lost_answer_says_nothing_about_whether_the_batch_exists(
    claude: Anthropic, world: World, caplog: pytest.LogCaptureFixture, fault: dict, seen: type[Exception], batches: int
) -> None:
    world.faults.queue(Fault(route="create", **fault))
    with pytest.raises(seen):
        claude.messages.batches.create(requests=requests(2))
    assert len(claude.messages.batches.list().data) == batches == world.account.batches
    assert caplog.records == []


def test_a_dropped_message_is_billed_all_the_same(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="messages", fault="drop_after_accept"))
    with pytest.raises(anthropic.APIConnectionError):
        claude.messages.create(**params())
    assert world.account.requests_executed == 1


def test_results_cut_after_whole_rows_look_complete(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=requests(10))
    world.clock.advance(1800)
    world.faults.queue(Fault(route="results", fault="cut", rows=3))
    assert len(list(claude.messages.batches.results(batch.id))) == 3
    assert len(list(claude.messages.batches.results(batch.id))) == 10


# How long a fault lasts, and how often it strikes


def test_faults_of_one_route_are_lifted_alone(http: httpx2.Client, world: World) -> None:
    for route in ("messages", "create"):
        world.faults.queue(Fault(route=route, fault="overloaded", count=None))
    left = http.delete("/_emulator/faults", params={"route": "create"}).json()
    assert left == [{"route": "messages", "fault": "overloaded", "count": None}]


def test_faults_of_a_route_that_is_none_are_not_lifted(http: httpx2.Client, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="drop"))
    assert http.delete("/_emulator/faults", params={"route": "nowhere"}).status_code == 400
    assert len(world.faults.waiting) == 1


def test_an_outage_of_ten_minutes_ends_by_itself(http: httpx2.Client, world: World) -> None:
    world.faults.queue(Fault(route="messages", fault="overloaded", count=None, for_seconds=600))
    world.clock.advance(599)
    assert call(http, "messages", "").status_code == 529
    world.clock.advance(1)
    assert world.faults.waiting == ()
    assert call(http, "messages", "").status_code == 200


def test_what_strikes_by_chance_strikes_in_that_share_and_the_same_for_the_same_seed(world: World) -> None:
    struck = []
    for _ in range(2):
        world.random.seed(3)
        world.faults.queue(Fault(route="batch_rows", outcome="expired", chance=0.05, count=None))
        batch = world.create_batch({"requests": requests(2_000)})
        world.clock.advance(1800)
        world.retrieve_batch(batch.id)
        struck.append({row.custom_id for row in batch.rows if row.type == "expired"})
        world.reset()
    assert 70 < len(struck[0]) < 130
    assert struck[0] == struck[1]


def test_standing_faults_come_again_with_a_reset() -> None:
    standing = Fault(route="create", fault="unlisted", seconds=60, count=None)
    world = World(clock=ManualClock(), standing_faults=[standing])
    world.faults.queue(Fault(route="create", fault="drop"))
    world.reset()
    assert world.faults.waiting == (standing,)


# Slow answers, and none at all


@pytest.mark.parametrize("route", ["messages", "retrieve"])
def test_an_answer_can_come_late(claude: Anthropic, http: httpx2.Client, world: World, route: str) -> None:
    batch = world.create_batch({"requests": requests(1)})
    clock = world.clock = RecordingClock()
    world.faults.queue(Fault(route=route, fault="delay", seconds=300))
    assert call(http, route, batch.id).status_code == 200
    assert clock.slept[0] == 300


@pytest.mark.parametrize(("fault", "batches"), [("hang", 0), ("hang_after_accept", 1)])
def test_a_client_loses_patience_with_an_answer_that_never_comes(
    claude: Anthropic, world: World, caplog: pytest.LogCaptureFixture, fault: str, batches: int
) -> None:
    world.faults.queue(Fault(route="create", fault=fault))
    with pytest.raises(anthropic.APITimeoutError):
        claude.with_options(timeout=0.2).messages.batches.create(requests=requests(1))
    assert world.account.batches == batches
    assert caplog.records == []


def test_every_repeat_of_a_create_makes_another_batch_whatever_its_idempotency_key(
    claude: Anthropic, world: World
) -> None:
    world.faults.queue(Fault(route="create", fault="drop_after_accept"))
    for _ in range(2):
        try:
            claude.messages.batches.create(requests=requests(2), extra_headers={"Idempotency-Key": "same"})
        except anthropic.APIConnectionError:
            continue
    world.clock.advance(1800)
    assert (world.account.requests_executed, world.account.distinct_requests) == (4, 2)


def test_faults_are_used_up_in_the_order_in_which_they_came(http: httpx2.Client, world: World) -> None:
    for status in (500, 529):
        world.faults.queue(Fault(route="messages", fault="status", status=status))
    world.faults.queue(Fault(route="create", fault="status", status=429))
    assert [http.post("/v1/messages", json=params()).status_code for _ in range(3)] == [500, 529, 200]
    assert [fault.route for fault in world.faults.waiting] == ["create"]


def test_faults_are_queued_over_http_too_one_or_several(http: httpx2.Client) -> None:
    http.post("/_emulator/faults", json={"route": "messages", "fault": "status", "status": 529}).raise_for_status()
    both = [{"route": "batch_rows", "outcome": "expired", "count": 3}, {"route": "create", "fault": "drop"}]
    assert len(http.post("/_emulator/faults", json=both).json()) == 3
    assert http.post("/v1/messages", json=params()).status_code == 529
    assert [fault["route"] for fault in http.get("/_emulator/faults").json()] == ["batch_rows", "create"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"route": "nowhere", "fault": "drop"}, id="unknown-route"),
        pytest.param({"route": "create"}, id="nothing-wanted"),
        pytest.param({"route": "create", "fault": "status"}, id="status-without-one"),
        pytest.param({"route": "create", "fault": "drop", "status": 500}, id="drop-with-a-status"),
        pytest.param({"route": "results", "fault": "cut"}, id="cut-without-rows"),
        pytest.param({"route": "create", "fault": "cut", "rows": 1}, id="cut-of-no-stream"),
        pytest.param({"route": "batch_rows", "fault": "drop"}, id="rows-do-not-drop"),
        pytest.param({"route": "create", "outcome": "expired"}, id="a-call-does-not-expire"),
        pytest.param({"route": "create", "fault": "drop", "count": 0}, id="no-times"),
        pytest.param({"route": "results", "fault": "cut", "rows": 1, "at_byte": 1}, id="cut-twice"),
        pytest.param({"route": "results", "fault": "garbled", "ending": "clean"}, id="no-end-to-garble"),
        pytest.param({"route": "messages", "fault": "missing"}, id="no-line-in-a-message"),
        pytest.param({"route": "list", "fault": "unlisted", "seconds": 1}, id="a-listing-creates-no-batch"),
        pytest.param({"route": "create", "fault": "unlisted"}, id="lag-without-a-time"),
        pytest.param({"route": "create", "fault": "slow", "seconds": 1}, id="slow-in-the-wrong-unit"),
        pytest.param({"route": "messages", "outcome": "expired"}, id="a-message-does-not-expire"),
        pytest.param({"route": "batch_rows", "outcome": "expired", "status": 500}, id="expired-with-a-status"),
        pytest.param({"route": "create", "fault": "drop", "outcome": "expired"}, id="both"),
        pytest.param({"route": "all", "fault": "drop", "chance": 0}, id="no-chance"),
        pytest.param({"route": "all", "fault": "drop", "for_seconds": 0}, id="over-at-once"),
        pytest.param({"route": "messages", "fault": "delay", "seconds": 1e300}, id="beyond-the-calendar"),
        pytest.param({"route": "all", "fault": "spend_limit", "status": 429}, id="a-refusal-has-its-status"),
        pytest.param({"route": "all", "fault": "rate_limit", "retry_after": "1\r\nx: y"}, id="two-headers-in-one"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(http: httpx2.Client, world: World, fault: dict) -> None:
    good = {"route": "create", "fault": "drop"}
    assert http.post("/_emulator/faults", json=[good, fault]).status_code == 400
    assert world.faults.waiting == ()
