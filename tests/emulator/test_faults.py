"""Misbehaviour on demand: what the caller sees, and what was done all the same."""

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.clock import ManualClock
from local.emulator.faults import Fault
from local.emulator.refusals import REFUSALS
from local.emulator.world import World
from tests.emulator.builders import params, requests

# A call of each route, on a batch that has ended.
CALLS = {
    "messages": ("POST", "/v1/messages", params()),
    "count_tokens": ("POST", "/v1/messages/count_tokens", params(max_tokens=None)),
    "create": ("POST", "/v1/messages/batches", {"requests": requests(1)}),
    "list": ("GET", "/v1/messages/batches", None),
    "retrieve": ("GET", "/v1/messages/batches/{id}", None),
    "results": ("GET", "/v1/messages/batches/{id}/results", None),
    "models": ("GET", "/v1/models", None),
    "model": ("GET", "/v1/models/claude-sonnet-5", None),
    "cancel": ("POST", "/v1/messages/batches/{id}/cancel", None),
    "delete": ("DELETE", "/v1/messages/batches/{id}", None),
}


def call(http: httpx2.Client, route: str, batch_id: str) -> httpx2.Response:
    method, path, body = CALLS[route]
    return http.request(method, path.replace("{id}", batch_id), json=body)


class RecordingClock(ManualClock):
    """Notes how long somebody wanted to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


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


# How long a fault lasts, and how often it strikes


def test_faults_of_one_route_are_lifted_alone(http: httpx2.Client, world: World) -> None:
    for route in ("messages", "create"):
        world.faults.queue(Fault(route=route, fault="overloaded", count=None))
    left = http.delete("/_emulator/faults", params={"route": "create"}).json()
    assert left == [{"route": "messages", "fault": "overloaded", "count": None}]


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


# Rows and stop reasons


@pytest.mark.parametrize(
    ("outcome", "row_type", "error_type"),
    [
        ("expired", "expired", None),
        ("canceled", "canceled", None),
        ("errored", "errored", "api_error"),
        ("overloaded", "errored", "overloaded_error"),
        ("invalid_request", "errored", "invalid_request_error"),
        ("not_found", "errored", "not_found_error"),
        ("unknown", "deferred", None),
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


def test_rows_of_any_fate_are_drawn_from_all_that_is_not_billed(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="batch_rows", outcome="any", count=None))
    batch = claude.messages.batches.create(requests=requests(100))
    world.clock.advance(1800)
    results = [row.result for row in claude.messages.batches.results(batch.id)]
    assert {result.type for result in results} == {"expired", "canceled", "errored"}
    errors = {result.error.error.type for result in results if result.type == "errored"}
    assert errors == {"api_error", "overloaded_error", "invalid_request_error"}
    assert world.account.requests_executed == 0


def test_a_type_of_row_that_nobody_knows_adds_up_and_looks_like_a_success_to_the_client(
    claude: Anthropic, world: World
) -> None:
    world.faults.queue(Fault(route="batch_rows", outcome="unknown"))
    batch = claude.messages.batches.create(requests=requests(1))
    world.clock.advance(1800)
    (row,) = claude.messages.batches.results(batch.id)
    assert row.result.type == "deferred"
    assert isinstance(row.result, anthropic.types.messages.MessageBatchSucceededResult)
    assert claude.messages.batches.retrieve(batch.id).request_counts.errored == 1


@pytest.mark.parametrize(
    ("reason", "output_tokens", "blocks"),
    [
        pytest.param("max_tokens", 100, 1, id="cut-at-its-full-length"),
        pytest.param("refusal", 0, 0, id="refused-before-its-first-word"),
        pytest.param("pause_turn", None, 1, id="paused"),
        pytest.param("model_context_window_exceeded", None, 1, id="out-of-room"),
    ],
)
@pytest.mark.parametrize("lane", ["messages", "batch_rows"])
def test_an_answer_can_stop_for_every_reason_and_is_billed_for_what_it_shows(
    claude: Anthropic, world: World, lane: str, reason: str, output_tokens: int | None, blocks: int
) -> None:
    usual = claude.messages.create(**params()).usage.output_tokens
    world.reset()
    world.faults.queue(Fault(route=lane, outcome=reason))
    if lane == "messages":
        message = claude.messages.create(**params())
    else:
        batch = claude.messages.batches.create(requests=[{"custom_id": "a", "params": params()}])
        world.clock.advance(1800)
        (row,) = claude.messages.batches.results(batch.id)
        message = row.result.message
    assert (message.stop_reason, len(message.content)) == (reason, blocks)
    assert message.usage.output_tokens == (usual if output_tokens is None else output_tokens)
    assert (message.stop_details is not None) == (reason == "refusal")
    assert world.account.report()["tokens"]["output_tokens"] == message.usage.output_tokens
    assert world.account.requests_executed == 1


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
        pytest.param({"route": "messages", "fault": "delay", "seconds": 1e300}, id="beyond-the-calendar"),
        pytest.param({"route": "all", "fault": "spend_limit", "status": 429}, id="a-refusal-has-its-status"),
        pytest.param({"route": "all", "fault": "rate_limit", "retry_after": "1\r\nx: y"}, id="two-headers-in-one"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(http: httpx2.Client, world: World, fault: dict) -> None:
    good = {"route": "create", "fault": "drop"}
    assert http.post("/_emulator/faults", json=[good, fault]).status_code == 400
    assert world.faults.waiting == ()
