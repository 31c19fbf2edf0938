"""Every refusal of the API on demand, on every route, and for as long as it lasts."""

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.faults import Fault
from local.emulator.refusals import REFUSALS
from local.emulator.world import World
from tests.emulator.builders import params, requests
from tests.emulator.calls import CALLS, call


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


@pytest.mark.parametrize("retry_after", [None, "0", "900"])
@pytest.mark.parametrize("route", CALLS)
def test_every_route_can_be_refused_for_a_while_with_and_without_retry_after(
    http: httpx2.Client, world: World, route: str, retry_after: str | None
) -> None:
    batch = world.create_batch({"requests": requests(1)})
    world.clock.advance(1800)
    world.faults.queue(Fault(route=route, fault="status", status=503, retry_after=retry_after, count=2))
    answers = [call(http, route, batch.id) for _ in range(3)]
    assert [answer.status_code == 503 for answer in answers] == [True, True, False]
    assert [answer.headers.get("retry-after") for answer in answers[:2]] == [retry_after] * 2


def test_a_key_can_be_refused_on_every_route(http: httpx2.Client, world: World) -> None:
    batch = world.create_batch({"requests": requests(1)})
    world.faults.queue(Fault(route="all", fault="authentication", count=None))
    assert {call(http, route, batch.id).status_code for route in CALLS} == {401}


# Refusals by name


@pytest.mark.parametrize(
    ("name", "status", "error_type", "error_code", "retry_after"),
    [
        ("invalid_request", 400, "invalid_request_error", None, None),
        ("spend_limit", 400, "invalid_request_error", None, None),
        ("workspace_spend_limit", 400, "invalid_request_error", None, None),
        ("organization_on_hold", 400, "invalid_request_error", "organization_on_hold", None),
        ("authentication", 401, "authentication_error", None, None),
        ("billing", 402, "billing_error", None, None),
        ("permission", 403, "permission_error", None, None),
        ("not_found", 404, "not_found_error", None, None),
        ("conflict", 409, "conflict_error", None, None),
        ("request_too_large", 413, "request_too_large", None, None),
        ("rate_limit", 429, "rate_limit_error", None, "30"),
        ("ramp_limit_exceeded", 429, "rate_limit_error", "ramp_limit_exceeded", "60"),
        ("enforced_spend_limit_reached", 429, "rate_limit_error", "enforced_spend_limit_reached", None),
        ("contract_spend_limit_reached", 429, "rate_limit_error", "contract_spend_limit_reached", None),
        ("api_error", 500, "api_error", None, None),
        ("timeout", 504, "timeout_error", None, None),
        ("overloaded", 529, "overloaded_error", None, None),
    ],
)
def test_each_named_refusal_is_told_apart_by_the_official_client(
    claude: Anthropic, world: World, name: str, status: int, error_type: str, error_code: str | None, retry_after: str
) -> None:
    world.faults.queue(Fault(route="create", fault=name))
    with pytest.raises(anthropic.APIStatusError) as raised:
        claude.messages.batches.create(requests=requests(1))
    assert (raised.value.status_code, raised.value.type, raised.value.error_code) == (status, error_type, error_code)
    assert raised.value.response.headers.get("retry-after") == retry_after
    assert world.account.batches == 0


def test_every_named_refusal_is_in_that_table() -> None:
    table = test_each_named_refusal_is_told_apart_by_the_official_client.pytestmark[0].args[1]
    assert [row[0] for row in table] == list(REFUSALS)


def test_a_named_refusal_takes_another_retry_after(http: httpx2.Client, world: World) -> None:
    world.faults.queue(Fault(route="list", fault="rate_limit", retry_after=5))
    assert http.get("/v1/messages/batches").headers["retry-after"] == "5"


@pytest.mark.parametrize(("name", "status"), [("spend_limit", 400), ("enforced_spend_limit_reached", 429)])
def test_a_spend_limit_holds_for_both_lanes_and_nothing_else_until_it_is_lifted(
    http: httpx2.Client, world: World, name: str, status: int
) -> None:
    batch = world.create_batch({"requests": requests(1)})
    limit = {"route": "paid", "fault": name, "count": None}
    assert http.post("/_emulator/faults", json=limit).json() == [limit]
    free = ("count_tokens", "list", "retrieve", "results", "models", "model")
    for _ in range(20):
        world.clock.advance(86_400)
        assert [call(http, route, batch.id).status_code for route in ("messages", "create")] == [status] * 2
        assert {call(http, route, batch.id).status_code for route in free} == {200}
    assert http.delete("/_emulator/faults").json() == []
    assert [call(http, route, batch.id).status_code for route in ("messages", "create")] == [200, 200]
