"""What a person can set for the demo, and what is refused in one sentence."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lanekeeper.client.sending import size_of
from lanekeeper.policy import registry_of
from local.demo.live import live_lines, most_it_can_cost
from local.demo.options import DAILY_REQUESTS, REAL_CLAUDE, UsageError, read_options

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_with_nothing_set_the_day_goes_to_the_emulator() -> None:
    options = read_options({})
    assert (options.requests, options.claude_url, options.api_key) == (DAILY_REQUESTS, None, None)
    assert (options.live, options.keep, options.json_file, options.minutes) == (False, False, None, None)


def test_the_key_goes_to_nobody_but_the_claude_that_was_asked_for() -> None:
    assert read_options({"ANTHROPIC_API_KEY": "k"}).api_key is None
    live = read_options({"ANTHROPIC_API_KEY": "k", "LIVE": "1"})
    assert (live.api_key, live.claude_url) == ("k", REAL_CLAUDE)
    other = read_options({"ANTHROPIC_API_KEY": "k", "CLAUDE_URL": "http://127.0.0.1:9/"})
    assert (other.api_key, other.claude_url) == ("k", "http://127.0.0.1:9")


@pytest.mark.parametrize("value", ["0", "", "no", "false"])
def test_a_switch_can_be_off(value: str) -> None:
    options = read_options({"KEEP": value, "LIVE": value, "SECURED": value})
    assert (options.keep, options.live, options.secured) == (False, False, False)


def test_roles_are_enforced_on_demand() -> None:
    assert read_options({"SECURED": "1"}).secured


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        pytest.param({"LIVE": "1"}, "needs an API key", id="live without a key"),
        pytest.param(
            {"LIVE": "1", "ANTHROPIC_API_KEY": "k", "REQUESTS": "x"}, "leave REQUESTS out", id="live, own file"
        ),
        pytest.param({"REQUESTS": "/nowhere.jsonl"}, "no file /nowhere.jsonl", id="no such file"),
        pytest.param({"CLAUDE_URL": "localhost:4600"}, "base URL like", id="no URL"),
        pytest.param({"MINUTES": "soon"}, "number above 0", id="no number"),
        pytest.param({"MINUTES": "0"}, "number above 0", id="no time"),
        pytest.param({"JSON": "/nowhere/report.json"}, "no folder /nowhere", id="no such folder"),
    ],
)
def test_settings_that_cannot_work_are_refused(environment: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_options(environment)


def test_a_file_of_ones_own_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.touch()
    assert read_options({"REQUESTS": str(path)}).requests == path


def test_live_requests_are_few_small_and_in_both_lanes() -> None:
    lines = live_lines()
    registry = registry_of({"live-chat": {"max_latency": "5m"}, "content-pipeline": {"max_latency": "24h"}})
    assert {line.group for line in lines} == set(registry)
    assert len({line.key for line in lines}) == len(lines) <= 6
    assert max(map(size_of, lines)) < 500


def test_live_says_what_it_can_cost_at_most() -> None:
    assert Decimal(0) < most_it_can_cost(NOW) < 20_000  # micro-dollars
