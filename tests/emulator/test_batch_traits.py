"""Batches that come late into the listing, are not found for a while, or take their time."""

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.faults import Fault
from local.emulator.world import World
from tests.emulator.builders import request, requests

HALF_AN_HOUR = 1800
A_DAY = 86_400


def status_of(http: httpx2.Client, batch_id: str, path: str = "", method: str = "GET") -> int:
    return http.request(method, f"/v1/messages/batches/{batch_id}{path}").status_code


def test_a_new_batch_shows_in_the_listing_only_after_a_while(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="unlisted", seconds=300))
    late, prompt = (claude.messages.batches.create(requests=requests(1)).id for _ in range(2))
    world.clock.advance(299)
    assert [batch.id for batch in claude.messages.batches.list()] == [prompt]
    assert claude.messages.batches.retrieve(late).id == late
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.batches.list(after_id=late)
    world.clock.advance(1)
    assert [batch.id for batch in claude.messages.batches.list()] == [prompt, late]


def test_a_lag_of_the_listing_can_last(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="unlisted", seconds=60, count=None))
    for _ in range(3):
        claude.messages.batches.create(requests=requests(1))
        assert claude.messages.batches.list().data == []
    world.clock.advance(60)
    assert len(claude.messages.batches.list().data) == 3


def test_a_new_batch_is_not_found_for_a_while_but_listed(http: httpx2.Client, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="hidden", seconds=900))
    batch = world.create_batch({"requests": requests(1)})
    world.clock.advance(899)
    assert (status_of(http, batch.id), status_of(http, batch.id, "/cancel", "POST")) == (404, 404)
    assert [each["id"] for each in http.get("/v1/messages/batches").json()["data"]] == [batch.id]
    world.clock.advance(1)
    assert status_of(http, batch.id) == 200


def test_a_batch_that_has_just_ended_is_not_found_for_a_while(http: httpx2.Client, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="hidden_once_ended", seconds=900))
    batch = world.create_batch({"requests": requests(1)})
    world.clock.advance(HALF_AN_HOUR - 1)
    assert status_of(http, batch.id) == 200
    world.clock.advance(1)
    assert [status_of(http, batch.id, path) for path in ("", "/results")] == [404, 404]
    (listed,) = http.get("/v1/messages/batches").json()["data"]
    assert listed["processing_status"] == "ended"
    world.clock.advance(900)
    assert [status_of(http, batch.id, path) for path in ("", "/results")] == [200, 200]


@pytest.mark.parametrize("minutes", [0, 1.5, 600])
def test_one_batch_takes_as_long_as_told(claude: Anthropic, world: World, minutes: float) -> None:
    world.faults.queue(Fault(route="create", fault="slow", minutes=minutes))
    told, usual = (claude.messages.batches.create(requests=requests(3)) for _ in range(2))
    world.clock.advance(A_DAY / 2)
    ended = claude.messages.batches.retrieve(told.id)
    assert ((ended.ended_at - told.created_at).total_seconds() / 60, ended.request_counts.succeeded) == (minutes, 3)
    assert (
        claude.messages.batches.retrieve(usual.id).ended_at
        == usual.created_at + (world.clock.now() - usual.created_at) / 24
    )


def test_a_stuck_batch_does_nothing_until_it_expires_whole(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="stuck"))
    marked = request("marked", text="[[emulator: refusal]]")
    batch = claude.messages.batches.create(requests=[*requests(20), marked])
    world.clock.advance(A_DAY - 1)
    assert claude.messages.batches.retrieve(batch.id).processing_status == "in_progress"
    world.clock.advance(1)
    assert claude.messages.batches.retrieve(batch.id).request_counts.expired == 21
    assert world.account.requests_executed == 0


def test_a_stuck_batch_can_be_cancelled(claude: Anthropic, world: World) -> None:
    world.faults.queue(Fault(route="create", fault="stuck"))
    batch = claude.messages.batches.create(requests=requests(5))
    world.clock.advance(A_DAY / 2)
    claude.messages.batches.cancel(batch.id)
    world.clock.advance(60)
    assert claude.messages.batches.retrieve(batch.id).request_counts.canceled == 5


def test_a_batch_can_have_several_traits_and_a_refused_create_uses_none(claude: Anthropic, world: World) -> None:
    traits = [Fault(route="create", fault="slow", minutes=1), Fault(route="create", fault="unlisted", seconds=90)]
    for fault in (*traits, Fault(route="create", fault="overloaded")):
        world.faults.queue(fault)
    with pytest.raises(anthropic.OverloadedError):
        claude.messages.batches.create(requests=requests(1))
    assert world.faults.waiting == tuple(traits)
    batch = claude.messages.batches.create(requests=requests(1))
    world.clock.advance(60)
    assert claude.messages.batches.retrieve(batch.id).processing_status == "ended"
    assert claude.messages.batches.list().data == []
