"""The six batch routes over a real socket, driven by the official client."""

import re
from datetime import timedelta
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.limits import Limits
from local.emulator.server import Emulator
from local.emulator.world import World
from tests.emulator.builders import params, request, requests

NONE_BUT_PROCESSING = {"succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
HALF_AN_HOUR = 1800
A_DAY = 86_400


def rows_of(claude: Anthropic, batch_id: str) -> dict[str, Any]:
    return {row.custom_id: row.result for row in claude.messages.batches.results(batch_id)}


def error_of(response: httpx2.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["type"], error["message"]


# Life of a batch


def test_a_new_batch_is_in_progress_and_expires_a_day_later(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=requests(3))
    assert re.fullmatch(r"msgbatch_01[1-9A-HJ-NP-Za-km-z]{22}", batch.id)
    assert batch.processing_status == "in_progress"
    assert batch.created_at == world.clock.now()
    assert batch.expires_at == batch.created_at + timedelta(hours=24)
    assert (batch.ended_at, batch.cancel_initiated_at, batch.archived_at) == (None, None, None)


def test_counts_stay_0_and_results_null_until_the_batch_has_ended(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=requests(3))
    world.clock.advance(HALF_AN_HOUR - 1)
    running = claude.messages.batches.retrieve(batch.id)
    assert running.request_counts.to_dict() == {"processing": 3, **NONE_BUT_PROCESSING}
    assert running.results_url is None
    world.clock.advance(1)
    ended = claude.messages.batches.retrieve(batch.id)
    assert ended.processing_status == "ended"
    assert ended.ended_at == batch.created_at + timedelta(minutes=30)
    assert ended.request_counts.to_dict() == {"processing": 0, **NONE_BUT_PROCESSING, "succeeded": 3}


def test_the_results_url_is_absolute_and_on_the_emulators_host(
    claude: Anthropic, running: Emulator, world: World
) -> None:
    batch = claude.messages.batches.create(requests=requests(1))
    world.clock.advance(HALF_AN_HOUR)
    ended = claude.messages.batches.retrieve(batch.id)
    assert ended.results_url == f"{running.url}/v1/messages/batches/{batch.id}/results"


def test_a_batch_takes_as_long_as_drawn_between_the_bounds(world: World) -> None:
    world.batch_minutes = (5, 40)
    batches = [world.create_batch({"requests": requests(1)}) for _ in range(50)]
    minutes = [(batch.due - batch.created_at) / timedelta(minutes=1) for batch in batches]
    assert min(minutes) >= 5
    assert max(minutes) <= 40
    assert max(minutes) - min(minutes) > 20


def test_a_batch_slower_than_a_day_ends_with_expired_rows(claude: Anthropic, world: World) -> None:
    world.batch_minutes = (48 * 60, 48 * 60)
    batch = claude.messages.batches.create(requests=requests(100))
    world.clock.advance(A_DAY)
    ended = claude.messages.batches.retrieve(batch.id)
    assert ended.ended_at == ended.expires_at
    assert 30 < ended.request_counts.expired < 70
    assert ended.request_counts.succeeded == 100 - ended.request_counts.expired == world.account.requests_executed


def test_results_are_kept_for_29_days_from_creation(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=requests(1))
    world.clock.advance(29 * A_DAY - 1)
    assert len(rows_of(claude, batch.id)) == 1
    world.clock.advance(1)
    archived = claude.messages.batches.retrieve(batch.id)
    assert archived.archived_at == batch.created_at + timedelta(days=29)
    assert archived.results_url is None


# Results


def test_a_succeeded_row_holds_the_message_at_the_batch_tier(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=[request("a", model="claude-haiku-4-5")])
    world.clock.advance(HALF_AN_HOUR)
    (row,) = claude.messages.batches.results(batch.id)
    assert (row.custom_id, row.result.type) == ("a", "succeeded")
    message = row.result.message
    assert message.id.startswith("msg_01")
    assert message.model == "claude-haiku-4-5-20251001"
    assert (message.usage.service_tier, message.usage.inference_geo) == ("batch", "not_available")
    assert message.content[0].text


def test_rows_come_in_another_order_at_each_download_with_the_same_content(http: httpx2.Client, world: World) -> None:
    batch = world.create_batch({"requests": requests(50)})
    world.clock.advance(HALF_AN_HOUR)
    answers = [http.get(f"/v1/messages/batches/{batch.id}/results") for _ in range(2)]
    first, second = (answer.text.splitlines() for answer in answers)
    assert answers[0].headers["content-type"].startswith("application/x-jsonl")
    assert first != second
    assert sorted(first) == sorted(second)


def test_a_rows_errors_are_nested_twice(http: httpx2.Client, world: World) -> None:
    batch = world.create_batch({"requests": [request("a", messages=[])]})
    world.clock.advance(HALF_AN_HOUR)
    assert http.get(f"/v1/messages/batches/{batch.id}/results").json() == {
        "custom_id": "a",
        "result": {
            "type": "errored",
            "error": {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "messages: at least one message is required"},
                "request_id": None,
            },
        },
    }


@pytest.mark.parametrize(
    ("changes", "error_type"),
    [
        pytest.param({"max_tokens": None}, "invalid_request_error", id="no-max-tokens"),
        pytest.param({"model": "claude-nine"}, "not_found_error", id="unknown-model"),
        pytest.param({"stream": True}, "invalid_request_error", id="stream"),
        pytest.param({"speed": "fast"}, "invalid_request_error", id="speed"),
        pytest.param({"max_tokens": 0}, "invalid_request_error", id="max-tokens-0"),
        pytest.param({"store": True}, "invalid_request_error", id="store"),
        pytest.param({"previous_thread_event_id": "x"}, "invalid_request_error", id="thread"),
        pytest.param({"cache_hint": "x"}, "invalid_request_error", id="cache-hint"),
        pytest.param({"context_hint": "x"}, "invalid_request_error", id="context-hint"),
        pytest.param({"fallbacks": []}, "invalid_request_error", id="fallbacks"),
        pytest.param({"model": "claude-opus-4-7", "top_p": 0.5}, "invalid_request_error", id="sampling"),
    ],
)
def test_bad_parameters_cost_only_their_own_row_and_show_at_the_end(
    http: httpx2.Client, claude: Anthropic, world: World, changes: dict, error_type: str
) -> None:
    body = {"requests": [request("good"), request("bad", **changes)]}
    created = http.post("/v1/messages/batches", json=body, headers={"anthropic-beta": "some-2026-01-01"})
    assert created.status_code == 200
    world.clock.advance(HALF_AN_HOUR)
    rows = rows_of(claude, created.json()["id"])
    assert (rows["good"].type, rows["bad"].type) == ("succeeded", "errored")
    assert rows["bad"].error.error.type == error_type


def test_a_beta_header_holds_for_every_row_of_the_batch(http: httpx2.Client, claude: Anthropic, world: World) -> None:
    body = {"requests": [request(name, context_management={}) for name in "ab"]}
    for headers, expected in (({}, "errored"), ({"anthropic-beta": "context-2026-09-01"}, "succeeded")):
        created = http.post("/v1/messages/batches", json=body, headers=headers).json()
        world.clock.advance(HALF_AN_HOUR)
        assert {result.type for result in rows_of(claude, created["id"]).values()} == {expected}


def test_a_row_over_the_request_limit_errs(claude: Anthropic, world: World) -> None:
    world.limits = Limits(request_bytes=1_000)
    batch = claude.messages.batches.create(requests=[request("small"), request("big", text="x" * 1_000)])
    world.clock.advance(HALF_AN_HOUR)
    rows = rows_of(claude, batch.id)
    assert (rows["small"].type, rows["big"].type) == ("succeeded", "errored")
    assert rows["big"].error.error.type == "request_too_large"


@pytest.mark.parametrize("seconds", [0, HALF_AN_HOUR - 1, 29 * A_DAY])
def test_there_are_no_results_before_the_end_nor_after_29_days(http: httpx2.Client, world: World, seconds: int) -> None:
    batch = world.create_batch({"requests": requests(1)})
    world.clock.advance(seconds)
    assert error_of(http.get(f"/v1/messages/batches/{batch.id}/results"))[:2] == (404, "not_found_error")


# What is refused at once


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({}, "requests: Field required", id="no-requests"),
        pytest.param({"requests": []}, "requests: a list of at least one request is required", id="empty"),
        pytest.param({"requests": {}}, "requests: a list of at least one request is required", id="no-list"),
        pytest.param({"requests": ["x"]}, "requests.0: Input should be an object", id="no-object"),
        pytest.param(
            {"requests": requests(1), "metadata": {}}, "metadata: Extra inputs are not permitted", id="metadata"
        ),
        pytest.param({"requests": [{"params": params()}]}, "requests.0.custom_id: Field required", id="no-custom-id"),
        pytest.param({"requests": [{"custom_id": "a"}]}, "requests.0.params: Field required", id="no-params"),
        pytest.param(
            {"requests": [{"custom_id": "a", "params": None}]},
            "requests.0.params: Input should be an object",
            id="null",
        ),
        pytest.param(
            {"requests": [{**request("a"), "url": "/"}]}, "requests.0: Extra inputs are not permitted", id="extra"
        ),
        pytest.param(
            {"requests": [request("a"), request("b"), request("a")]},
            "requests.2.custom_id: must be unique within the batch",
            id="doubled",
        ),
    ],
)
def test_a_malformed_batch_is_refused_whole(http: httpx2.Client, world: World, body: dict, message: str) -> None:
    assert error_of(http.post("/v1/messages/batches", json=body)) == (400, "invalid_request_error", message)
    assert world.account.batches == 0


@pytest.mark.parametrize("custom_id", ["", "a" * 65, "a b", "a.b", "ä", "a\n", 7, None])
def test_one_bad_custom_id_refuses_the_whole_batch(http: httpx2.Client, world: World, custom_id: object) -> None:
    body = {"requests": [request("good"), {"custom_id": custom_id, "params": params()}]}
    status, error_type, message = error_of(http.post("/v1/messages/batches", json=body))
    assert (status, error_type) == (400, "invalid_request_error")
    assert message.startswith("requests.1.custom_id")
    assert world.list_batches().batches == []


@pytest.mark.parametrize("custom_id", ["a", "A-b_9", "x" * 64])
def test_good_custom_ids_are_taken(claude: Anthropic, custom_id: str) -> None:
    assert claude.messages.batches.create(requests=[request(custom_id)]).request_counts.processing == 1


@pytest.mark.parametrize(
    "limits", [pytest.param(Limits(batch_requests=2), id="count"), pytest.param(Limits(batch_bytes=300), id="bytes")]
)
def test_a_batch_over_a_limit_is_too_large(claude: Anthropic, world: World, limits: Limits) -> None:
    claude.messages.batches.create(requests=requests(3))
    world.limits = limits
    with pytest.raises(anthropic.APIStatusError) as raised:
        claude.messages.batches.create(requests=requests(3))
    assert (raised.value.status_code, raised.value.type) == (413, "request_too_large")


def test_the_limits_are_the_apis() -> None:
    assert Limits() == Limits(
        batch_requests=100_000,
        batch_bytes=256_000_000,
        request_bytes=32_000_000,
        waiting_requests=200_000,
        batch_calls_per_minute=1_000,
    )


def test_more_waiting_requests_than_allowed_are_put_off_until_others_have_ended(
    claude: Anthropic, world: World
) -> None:
    world.limits = Limits(waiting_requests=5)
    claude.messages.batches.create(requests=requests(3))
    with pytest.raises(anthropic.RateLimitError) as raised:
        claude.messages.batches.create(requests=requests(3))
    assert raised.value.response.headers["retry-after"] == "60"
    world.clock.advance(HALF_AN_HOUR)
    claude.messages.batches.create(requests=requests(3))


def test_calls_of_the_batch_routes_are_limited_by_the_minute(claude: Anthropic, world: World) -> None:
    world.limits = Limits(batch_calls_per_minute=2)
    claude.messages.batches.create(requests=requests(1))
    claude.messages.batches.list()
    with pytest.raises(anthropic.RateLimitError):
        claude.messages.batches.list()
    world.clock.advance(60)
    claude.messages.batches.list()


# Lists


def test_batches_are_listed_newest_first_20_at_a_time(claude: Anthropic, world: World) -> None:
    ids = [world.create_batch({"requests": requests(1)}).id for _ in range(21)][::-1]
    page = claude.messages.batches.list()
    assert [batch.id for batch in page.data] == ids[:20]
    assert (page.has_more, page.first_id, page.last_id) == (True, ids[0], ids[19])


def test_an_empty_list_has_no_ids(claude: Anthropic) -> None:
    page = claude.messages.batches.list()
    assert (page.data, page.has_more, page.first_id, page.last_id) == ([], False, None, None)


def test_the_client_pages_through_all_batches(claude: Anthropic, world: World) -> None:
    ids = [world.create_batch({"requests": requests(1)}).id for _ in range(7)][::-1]
    assert [batch.id for batch in claude.messages.batches.list(limit=3)] == ids
    assert [batch.id for batch in claude.messages.batches.list(limit=1000)] == ids


def test_a_page_before_an_id_holds_the_batches_just_newer(claude: Anthropic, world: World) -> None:
    ids = [world.create_batch({"requests": requests(1)}).id for _ in range(5)][::-1]
    page = claude.messages.batches.list(before_id=ids[4], limit=2)
    assert ([batch.id for batch in page.data], page.has_more) == (ids[2:4], True)
    page = claude.messages.batches.list(before_id=ids[1], limit=2)
    assert ([batch.id for batch in page.data], page.has_more) == (ids[:1], False)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "after_id=none", "before_id=none"])
def test_a_list_that_makes_no_sense_is_refused(http: httpx2.Client, query: str) -> None:
    assert error_of(http.get(f"/v1/messages/batches?{query}"))[:2] == (400, "invalid_request_error")


# Cancel and delete


def test_a_cancelled_batch_keeps_what_was_done_and_bills_only_that(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=requests(100))
    world.clock.advance(HALF_AN_HOUR / 2)
    cancelled = claude.messages.batches.cancel(batch.id)
    assert cancelled.processing_status == "canceling"
    assert cancelled.cancel_initiated_at == world.clock.now()
    assert cancelled.request_counts.processing == 100
    world.clock.advance(60)
    counts = claude.messages.batches.retrieve(batch.id).request_counts
    assert 30 < counts.canceled < 70
    assert counts.succeeded == 100 - counts.canceled == world.account.requests_executed
    assert {result.type for result in rows_of(claude, batch.id).values()} == {"succeeded", "canceled"}


def test_cancelling_twice_changes_nothing(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=requests(1))
    first = claude.messages.batches.cancel(batch.id)
    world.clock.advance(10)
    assert claude.messages.batches.cancel(batch.id) == first


def test_a_batch_that_has_ended_cannot_be_cancelled(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=requests(1))
    world.clock.advance(HALF_AN_HOUR)
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.batches.cancel(batch.id)


def test_a_batch_is_deleted_only_once_it_has_ended(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=requests(1))
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.batches.delete(batch.id)
    world.clock.advance(HALF_AN_HOUR)
    assert claude.messages.batches.delete(batch.id).type == "message_batch_deleted"
    assert claude.messages.batches.list().data == []
    assert world.account.requests_executed == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")],
    ids=["retrieve", "results", "cancel", "delete"],
)
def test_an_unknown_batch_is_not_found(http: httpx2.Client, method: str, path: str) -> None:
    answer = http.request(method, f"/v1/messages/batches/msgbatch_01none{path}")
    assert error_of(answer)[:2] == (404, "not_found_error")


def test_a_streamed_body_is_taken_as_any_other(claude: Anthropic) -> None:
    body = iter([b'{"requests":[{"custom_id":"a",', b'"params":{}},{"custom_id":"b","params":{}}]}'])
    batch = claude.post(
        "/v1/messages/batches",
        content=body,
        cast_to=anthropic.types.messages.MessageBatch,
        options={"headers": {"content-type": "application/json"}},
    )
    assert batch.request_counts.processing == 2
