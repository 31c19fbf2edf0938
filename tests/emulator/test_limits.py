"""Limits by tier, and the rate limit of the Messages API."""

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.faults import Fault
from local.emulator.limits import Limits, limits_of
from local.emulator.world import World
from tests.emulator.builders import params, requests


@pytest.mark.parametrize(
    ("tier", "calls", "waiting"),
    [("start", 1_000, 200_000), ("build", 2_000, 300_000), ("scale", 4_000, 500_000)],
)
def test_a_tier_limits_the_calls_of_batch_routes_and_the_requests_that_wait(
    tier: str, calls: int, waiting: int
) -> None:
    assert limits_of(tier) == Limits(batch_calls_per_minute=calls, waiting_requests=waiting)


def test_messages_over_the_limit_are_told_when_to_come_again(claude: Anthropic, world: World) -> None:
    world.limits = Limits(messages_per_minute=2)
    claude.messages.create(**params())
    world.clock.advance(20)
    claude.messages.create(**params())
    with pytest.raises(anthropic.RateLimitError) as raised:
        claude.messages.create(**params())
    assert raised.value.response.headers["retry-after"] == "40"
    assert raised.value.error_code is None
    world.clock.advance(40)
    claude.messages.create(**params())


def test_each_answer_tells_what_is_left_of_the_limit(http: httpx2.Client, world: World) -> None:
    world.limits = Limits(messages_per_minute=2)
    answers = [http.post("/v1/messages", json=params()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["anthropic-ratelimit-requests-limit"] for answer in answers] == ["2"] * 3
    assert [answer.headers["anthropic-ratelimit-requests-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["anthropic-ratelimit-requests-reset"] == "2026-11-23T09:01:00Z"


def test_batches_do_not_use_the_limit_of_messages(claude: Anthropic, world: World) -> None:
    world.limits = Limits(messages_per_minute=1)
    claude.messages.batches.create(requests=requests(5))
    claude.messages.create(**params())
    with pytest.raises(anthropic.RateLimitError):
        claude.messages.create(**params())
    claude.messages.batches.create(requests=requests(5))


@pytest.mark.parametrize(
    ("name", "shown"), [("rate_limit", True), ("enforced_spend_limit_reached", False), ("overloaded", False)]
)
def test_a_rate_limit_on_demand_says_what_a_real_one_says(
    http: httpx2.Client, world: World, name: str, shown: bool
) -> None:
    world.faults.queue(Fault(route="messages", fault=name))
    headers = http.post("/v1/messages", json=params()).headers
    assert ("anthropic-ratelimit-requests-remaining" in headers) == shown
    if shown:
        assert headers["anthropic-ratelimit-requests-remaining"] == "0"
        assert headers["anthropic-ratelimit-requests-reset"] == "2026-11-23T09:00:30Z"
