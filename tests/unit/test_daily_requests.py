"""The demo's day: the shares of a real day, prompts of a real day's sizes, the same bytes on every machine."""

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / "events" / "daily_requests.jsonl"
SQS_MESSAGE_LIMIT = 1_048_576
CHARACTERS_PER_TOKEN = 4
ANSWER_SHARE = 0.875  # an answer uses 75 to 100 % of max_tokens

LINES = FILE.read_text(encoding="utf-8").splitlines()
REQUESTS: list[dict[str, Any]] = [json.loads(line) for line in LINES]


def of(workload: str) -> list[dict[str, Any]]:
    return [request for request in REQUESTS if request["workload"] == workload]


def prompt(request: dict[str, Any]) -> str:
    params = request["params"]
    return str(params["system"]) + "".join(message["content"] for message in params["messages"])


def test_the_workloads_have_the_shares_of_a_real_day() -> None:
    a_day = {"live-chat": 6667, "content-pipeline": 500, "code-review": 100}
    expected = {name: round(360 * count / sum(a_day.values())) for name, count in a_day.items()}
    assert Counter(request["workload"] for request in REQUESTS) == expected


@pytest.mark.parametrize(
    ("workload", "input_tokens", "output_tokens"),
    [("live-chat", 3000, 1000), ("content-pipeline", 5000, 3000), ("code-review", 20000, 5000)],
)
def test_prompts_and_answers_are_as_long_as_stated(workload: str, input_tokens: int, output_tokens: int) -> None:
    prompts = [len(prompt(request)) / CHARACTERS_PER_TOKEN for request in of(workload)]
    answers = [request["params"]["max_tokens"] * ANSWER_SHARE for request in of(workload)]
    assert mean(prompts) == pytest.approx(input_tokens, rel=0.05)
    assert mean(answers) == pytest.approx(output_tokens, rel=0.05)
    assert max(prompts) > 1.15 * min(prompts)


def test_ids_are_unique_and_none_is_an_address() -> None:
    ids = [request["id"] for request in REQUESTS]
    assert len(set(ids)) == len(ids)
    assert not any("@" in request_id for request_id in ids)


def test_only_chat_is_urgent_and_reviews_say_how_long_they_can_wait() -> None:
    assert {request["workload"] for request in REQUESTS if request.get("priority") == "high"} == {"live-chat"}
    assert {request.get("priority") for request in of("live-chat")} == {"high"}
    assert {request.get("max_latency_minutes") for request in of("code-review")} == {120}
    assert {request.get("max_latency_minutes") for request in of("content-pipeline")} == {None, 1440}


def test_every_line_fits_in_a_message_and_carries_what_the_api_needs() -> None:
    assert max(len(line.encode()) for line in LINES) < SQS_MESSAGE_LIMIT
    assert all({"model", "max_tokens", "messages"} <= set(request["params"]) for request in REQUESTS)
    assert {request["params"]["messages"][-1]["role"] for request in REQUESTS} == {"user"}


def test_no_two_prompts_are_alike() -> None:
    assert len({prompt(request) for request in REQUESTS}) == len(REQUESTS)
    assert not any(
        "{" in message["content"] for request in of("live-chat") for message in request["params"]["messages"]
    )


def test_the_day_is_interleaved() -> None:
    batch_places = [place for place, request in enumerate(REQUESTS) if request["workload"] != "live-chat"]
    longest_run = max(
        len(list(run))
        for urgent, run in itertools.groupby(r["workload"] == "live-chat" for r in REQUESTS)
        if not urgent
    )
    assert batch_places[-1] > len(REQUESTS) / 3
    assert longest_run < len(batch_places) / 2


def test_the_program_writes_the_committed_file_byte_for_byte(tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    subprocess.run([sys.executable, "-m", "events.make_daily_requests", again], cwd=ROOT, check=True)  # noqa: S603  # our own program
    assert again.read_bytes() == FILE.read_bytes()
