"""Misbehaviour on demand: what the caller sees, and what was done all the same."""

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.faults import Fault
from local.emulator.world import World
from tests.emulator.builders import params, requests


def test_a_status_fault_refuses_the_call_and_nothing_happens(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="status", status=529, retry_after="7"))
    with pytest.raises(anthropic.OverloadedError) as raised:
        claude.messages.batches.create(requests=requests(2))
    assert raised.value.type == "overloaded_error"
    assert raised.value.response.headers["retry-after"] == "7"
    assert claude.messages.batches.list().data == []


@pytest.mark.parametrize(
    ("fields", "error_type", "retry_after"),
    [
        pytest.param({"status": 400}, "invalid_request_error", None, id="spend-limit-as-a-bad-request"),
        pytest.param({"status": 402}, "billing_error", None, id="billing"),
        pytest.param({"status": 429, "retry_after": "5"}, "rate_limit_error", "5", id="rate-limit"),
        pytest.param({"status": 500}, "api_error", None, id="server-error"),
        pytest.param({"status": 504}, "timeout_error", None, id="gateway-timeout"),
        pytest.param({"status": 500, "error_type": "odd_error"}, "odd_error", None, id="own-type"),
    ],
)
def test_each_status_has_its_type(
    http: httpx2.Client, world: World, fields: dict, error_type: str, retry_after: str | None
) -> None:
    world.faults.queue(Fault(route="messages", fault="status", **fields))
    answer = http.post("/v1/messages", json=params())
    assert (answer.status_code, answer.json()["error"]["type"]) == (fields["status"], error_type)
    assert answer.headers.get("retry-after") == retry_after


def test_a_spend_limit_is_told_by_its_error_code(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="messages", fault="status", status=429, error_code="enforced_spend_limit_reached"))
    with pytest.raises(anthropic.RateLimitError) as raised:
        claude.messages.create(**params())
    assert raised.value.error_code == "enforced_spend_limit_reached"


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


@pytest.mark.parametrize("route", ["retrieve", "list", "results", "cancel", "delete"])
def test_a_batch_can_be_not_found_for_a_while(http: httpx2.Client, world: World, route: str) -> None:
    batch = world.create_batch({"requests": requests(1)})
    world.clock.advance(1800)
    path = f"/v1/messages/batches/{batch.id}"
    call = {
        "retrieve": ("GET", path),
        "list": ("GET", "/v1/messages/batches"),
        "results": ("GET", path + "/results"),
        "cancel": ("POST", path + "/cancel"),
        "delete": ("DELETE", path),
    }[route]
    world.faults.queue(Fault(route=route, fault="status", status=404, count=2))
    assert [http.request(*call).status_code for _ in range(3)].count(404) == 2


@pytest.mark.parametrize(
    ("outcome", "row_type", "error_type"),
    [
        ("expired", "expired", None),
        ("canceled", "canceled", None),
        ("errored", "errored", "api_error"),
        ("overloaded", "errored", "overloaded_error"),
    ],
)
def test_the_next_rows_meet_the_fate_that_was_queued_and_are_free(
    claude: Anthropic, world: World, outcome: str, row_type: str, error_type: str | None
) -> None:
    world.faults.queue(Fault(route="batch_rows", outcome=outcome, count=2))
    batch = claude.messages.batches.create(requests=requests(5))
    world.clock.advance(1800)
    results = [row.result for row in claude.messages.batches.results(batch.id)]
    hit = [result for result in results if result.type == row_type]
    assert len(hit) == 2
    assert world.account.requests_executed == 3
    if error_type:
        assert {result.error.error.type for result in hit} == {error_type}


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
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(http: httpx2.Client, world: World, fault: dict) -> None:
    good = {"route": "create", "fault": "drop"}
    assert http.post("/_emulator/faults", json=[good, fault]).status_code == 400
    assert world.faults.waiting == ()
