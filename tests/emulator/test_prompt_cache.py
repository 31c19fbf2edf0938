"""Who writes a prefix pays for it, who comes later reads it, and time makes it forgotten."""

from typing import Any

import pytest
from anthropic import Anthropic

from local.emulator.world import World
from tests.emulator.builders import cached, params, request


def used(claude: Anthropic, **changes: Any) -> tuple[int, int, int, int]:
    """(input, read, written for 5 minutes, written for an hour)"""
    usage = claude.messages.create(**params("x" * 400, **changes)).usage
    written = usage.cache_creation
    return (
        usage.input_tokens,
        usage.cache_read_input_tokens,
        written.ephemeral_5m_input_tokens,
        written.ephemeral_1h_input_tokens,
    )


@pytest.mark.parametrize(
    ("ttl", "minutes", "second"),
    [
        pytest.param("5m", 4, (100, 2000, 0, 0), id="within-5-minutes"),
        pytest.param("5m", 5, (100, 0, 2000, 0), id="after-5-minutes"),
        pytest.param("1h", 59, (100, 2000, 0, 0), id="within-an-hour"),
        pytest.param("1h", 60, (100, 0, 0, 2000), id="after-an-hour"),
    ],
)
def test_a_prefix_is_read_until_its_time_is_over(
    claude: Anthropic, world: World, ttl: str, minutes: int, second: tuple[int, ...]
) -> None:
    used(claude, system=cached(8000, ttl))
    world.clock.advance(minutes * 60)
    assert used(claude, system=cached(8000, ttl)) == second


def test_the_first_request_writes_its_prefix(claude: Anthropic) -> None:
    assert used(claude, system=cached(8000)) == (100, 0, 2000, 0)


def test_a_read_keeps_the_prefix_alive(claude: Anthropic, world: World) -> None:
    for _ in range(3):
        last = used(claude, system=cached(8000))
        world.clock.advance(200)
    assert last == (100, 2000, 0, 0)


def test_a_prefix_shorter_than_the_minimum_is_not_cached(claude: Anthropic) -> None:
    for _ in range(2):
        assert used(claude, system=cached(4092)) == (1123, 0, 0, 0)


def test_another_model_or_another_text_reads_nothing(claude: Anthropic) -> None:
    used(claude, system=cached(8000))
    assert used(claude, system=cached(8000, text="y")) == (100, 0, 2000, 0)
    assert used(claude, system=cached(8000), model="claude-sonnet-5") == (100, 0, 2000, 0)


def test_the_same_words_from_another_mouth_read_nothing(claude: Anthropic) -> None:
    used(claude, system=cached(8000))
    said = claude.messages.create(**params(messages=[{"role": "user", "content": cached(8000)}]))
    assert (said.usage.cache_read_input_tokens, said.usage.cache_creation_input_tokens) == (0, 2000)


def test_a_longer_prefix_reads_what_is_there_and_writes_the_rest(claude: Anthropic) -> None:
    used(claude, system=cached(8000, "1h"))
    assert used(claude, system=cached(8000, "1h") + cached(4000)) == (100, 2000, 1000, 0)


def test_top_level_cache_control_marks_the_last_block(claude: Anthropic) -> None:
    assert used(claude, system="s" * 8000, cache_control={"type": "ephemeral"}) == (0, 0, 2100, 0)


def test_rows_of_a_cold_batch_do_not_read_each_others_writes(claude: Anthropic, world: World) -> None:
    batch = claude.messages.batches.create(requests=[request(name, system=cached(8000, "1h")) for name in "abc"])
    world.clock.advance(1800)
    usages = [row.result.message.usage for row in claude.messages.batches.results(batch.id)]
    assert [usage.cache_creation_input_tokens for usage in usages] == [2000] * 3
    assert [usage.cache_read_input_tokens for usage in usages] == [0] * 3


def test_rows_of_a_batch_read_what_was_written_before(claude: Anthropic, world: World) -> None:
    used(claude, system=cached(8000, "1h"))
    batch = claude.messages.batches.create(requests=[request("a", system=cached(8000, "1h"))])
    world.clock.advance(1800)
    (row,) = claude.messages.batches.results(batch.id)
    assert row.result.message.usage.cache_read_input_tokens == 2000


def test_what_a_batch_wrote_is_read_by_those_who_come_later(claude: Anthropic, world: World) -> None:
    claude.messages.batches.create(requests=[request("a", system=cached(8000, "1h"))])
    world.clock.advance(1800)
    assert used(claude, system=cached(8000, "1h")) == (100, 2000, 0, 0)
