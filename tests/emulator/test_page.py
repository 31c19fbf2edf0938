"""docs/emulator.md does what it says: its examples run, and its tables name everything and nothing else."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, get_args

import click
import httpx2
import pytest

from local.emulator.__main__ import main
from local.emulator.downloads import Ending
from local.emulator.faults import KINDS, Route
from local.emulator.limits import Tier
from local.emulator.markers import NAMES, find_marker
from local.emulator.outcomes import STOP_REASONS
from local.emulator.refusals import REFUSALS, refusal
from local.emulator.server import Emulator
from local.emulator.world import World
from tests.emulator.builders import params
from tests.system import System

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/emulator.md").read_text(encoding="utf-8")
FIRST_TEST = "A first test in five minutes"
ALONE = "In a process of its own, for any language"
WHOLE = "Against a whole local Lanekeeper"
PORT = "http://127.0.0.1:4600"


class Block(NamedTuple):
    """A fenced example: in which section, in which language."""

    section: str
    language: str
    text: str


def all_blocks() -> list[Block]:
    found = []
    for part in PAGE.split("\n## ")[1:]:
        title, _, rest = part.partition("\n")
        found += [Block(title, *each) for each in re.findall(r"^```(\w*)\n(.*?)^```", rest, re.DOTALL | re.MULTILINE)]
    return found


def blocks(section: str, language: str) -> list[str]:
    return [block.text for block in all_blocks() if (block.section, block.language) == (section, language)]


def table(heading: str) -> list[list[str]]:
    """The rows of the first table after this heading or sentence."""
    lines = PAGE.split(heading, 1)[1].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


FAULTS = [json.loads(code(row[0])[0]) for row in table("## Faults")]
MARKERS = [code(row[0])[0] for row in table("## Markers in a prompt")]


# A first test in five minutes


def test_the_first_test_of_the_page_passes(tmp_path: Path) -> None:
    producer, test = blocks(FIRST_TEST, "python")
    (command,) = blocks(FIRST_TEST, "")
    (tmp_path / "my_producer.py").write_text(producer, encoding="utf-8")
    (tmp_path / "test_my_producer.py").write_text(test, encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own page
        [sys.executable, *shlex.split(command)[2:], "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr


# In a process of its own


def curl(line: str, url: str) -> httpx2.Response:
    """What curl would do with these arguments, at the test's own emulator."""
    method, headers, body, target = "GET", {}, None, ""
    words = iter(shlex.split(line)[1:])
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            body, method = next(words), "POST"
        else:
            target = word.replace(PORT, url)
    return httpx2.request(method, target, headers=headers, content=body)


def test_every_line_of_curl_is_answered(running: Emulator, world: World) -> None:
    lines = "".join(blocks(ALONE, "sh")).splitlines()
    answers = [curl(line, running.url) for line in lines]
    assert [answer.status_code for answer in answers] == [200] * 7
    assert answers[0].json()["type"] == "message"
    assert answers[1].json() == answers[2].json() == [{"route": "paid", "fault": "spend_limit", "count": None}]
    assert answers[3].json() == []
    assert answers[5].json()["requests_executed"] == 1


def test_the_command_takes_what_the_page_gives_it_and_the_page_names_its_options() -> None:
    (line,) = blocks(ALONE, "")
    _, command, *arguments = shlex.split(line)
    context = main.make_context(command, arguments)
    assert command == main.name
    assert (context.params["port"], context.params["seed"]) == (4600, 1)
    assert f"http://{context.params['host']}:{context.params['port']}" == PORT
    options = {option for parameter in main.params if isinstance(parameter, click.Option) for option in parameter.opts}
    assert [option for option in options - {"--host"} if option not in PAGE] == []


# Against a whole local Lanekeeper


def test_both_requests_to_a_whole_lanekeeper_fail_first_and_are_answered(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE", system.ids["RequestQueue"])
    names: dict[str, object] = {}
    for text in blocks(WHOLE, "python"):
        exec(text, names)  # noqa: S102 - our own page
    for _ in range(3):
        system.run_until_answered()
        system.make_visible("RealtimeQueue")
    for request_id, workload in (("leeks-1", "live-chat"), ("leeks-2", "content-pipeline")):
        row = system.row(request_id, workload)
        assert row
        assert (row["outcome"], row["outcome_reason"]) == ("succeeded", "end_turn")
    assert system.executed() == 2
    assert system.emulator.world.account.batches == 2


# The tables


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.get("fault") or fault["outcome"])
def test_each_fault_of_the_table_is_taken(http: httpx2.Client, fault: dict[str, object]) -> None:
    assert http.post("/_emulator/faults", json=fault).status_code == 200


def test_the_table_has_every_fault_and_the_page_every_route_ending_and_tier() -> None:
    assert {fault["fault"] for fault in FAULTS if "fault" in fault} == (KINDS.keys() - REFUSALS.keys()) | {"overloaded"}
    routes = code(PAGE.split("\nRoutes: ", 1)[1].splitlines()[0])
    assert set(routes) | {"batch_rows"} == set(get_args(Route))
    assert [code(row[0])[0] for row in table("A cut download ends as")] == list(get_args(Ending))
    assert all(f"`{name}`" in PAGE for name in (*get_args(Tier), *STOP_REASONS))


def test_the_table_of_refusals_is_what_they_are() -> None:
    listed = {}
    for names, status, told_by, retry_after in (row + [""] * (4 - len(row)) for row in table("### Refusals by name")):
        for name in code(names):
            listed[name] = (int(status), "its `error_code`" in told_by, retry_after.strip("| ") or None)
    errors = {name: refusal(name) for name in REFUSALS}
    assert listed == {
        name: (error.status, error.error_code is not None, error.retry_after) for name, error in errors.items()
    }


@pytest.mark.parametrize("text", [*MARKERS, "[[emulator: 429 retry-after=7 times=2]]"])
def test_each_marker_of_the_page_is_understood(text: str) -> None:
    assert find_marker(params(text))


def test_the_table_has_every_marker_and_says_where_it_does_something() -> None:
    named = {text.removeprefix("[[emulator: ").removesuffix("]]").split()[0].replace("-", "_") for text in MARKERS}
    assert named == set(NAMES) - REFUSALS.keys() | {"529", "rate_limit"}
    for text, (_, call, row) in zip(MARKERS, table("## Markers in a prompt"), strict=True):
        marker = find_marker(params(text))
        assert marker
        stops = marker.outcome is not None and marker.outcome.stop_reason is not None
        assert (call != "nothing") == (marker.call is not None or stops)
        assert (row != "nothing") == (marker.outcome is not None or marker.line is not None)


def test_the_page_has_no_example_that_no_test_runs() -> None:
    assert {(block.section, block.language) for block in all_blocks()} == {
        (FIRST_TEST, "python"),
        (FIRST_TEST, ""),
        (ALONE, ""),
        (ALONE, "sh"),
        (WHOLE, "python"),
    }
