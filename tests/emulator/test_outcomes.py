"""What becomes of rows and messages on demand, and what it is billed."""

import anthropic
import pytest
from anthropic import Anthropic

from local.emulator.faults import Fault
from local.emulator.world import World
from tests.emulator.builders import params, requests


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
