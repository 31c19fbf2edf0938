"""`lanekeeper result`: exactly the answers that were asked for, in their order; the exit code tells what is missing."""

import json
from pathlib import Path

import pytest

from cli.result_run import UNKNOWN_SECONDS
from tests.commands import Command, command_of, golden
from tests.producer import Waiting, producer
from tests.system import System, params, refusable

CHAT = ("-w", "content-pipeline")


@pytest.fixture
def lanekeeper(system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    return command_of(producer(system, Waiting(system.run_until_answered)), monkeypatch, tmp_path)


@pytest.fixture
def answered(system: System) -> System:
    for number in range(3):
        system.ask(id=f"article-{number}", params=params(f"Say {number}."))
    system.run_until_answered()
    return system


def test_a_person_gets_the_text_and_the_facts_beside_it(answered: System, lanekeeper: Command) -> None:
    result = lanekeeper("result", "article-1", *CHAT)
    text = "".join(block["text"] for block in _message(answered, "article-1")["content"])
    assert (result.exit_code, result.stdout) == (0, text + "\n")
    assert result.stderr == golden("result-facts.txt")


def test_many_come_in_the_order_of_their_ids_and_by_reads_of_their_bytes(
    answered: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = producer(answered)
    heard = answered.listen(client.s3, "s3.GetObject")
    run = command_of(client, monkeypatch, tmp_path)
    result = run("result", "article-2", "article-0", "article-1", *CHAT, "--json")
    documents = list(map(json.loads, result.stdout.splitlines()))

    assert [document["answer"]["id"] for document in documents] == ["article-2", "article-0", "article-1"]
    assert [document["id"] for document in documents] == ["article-2", "article-0", "article-1"]
    assert len({call["Range"] for call in heard}) == 3


def test_a_program_gets_the_row_and_the_stored_line(answered: System, lanekeeper: Command) -> None:
    (line,) = lanekeeper("result", "article-1", *CHAT, "--json").stdout.splitlines()
    document, row = json.loads(line), answered.row("article-1") or {}
    assert document["answer"] == answered.answer(row)
    assert (document["request"]["lane"], document["request"]["outcome"]) == ("batch", "succeeded")
    assert document["request"]["cost_micro_usd"] == str(row["cost_micro_usd"])


def test_the_exit_code_tells_what_is_missing(answered: System, lanekeeper: Command) -> None:
    answered.ask(id="under-way")
    answered.deliver("RequestQueue")
    answered.ask(id="refused", priority="high", params=refusable())
    answered.run()
    codes = {
        ids: lanekeeper("result", *ids, *CHAT).exit_code
        for ids in (
            ("article-1",),
            ("under-way",),
            ("nothing",),
            ("refused",),
            ("article-1", "under-way"),
            ("under-way", "nothing"),
            ("nothing", "refused", "article-1"),
        )
    }
    assert list(codes.values()) == [0, 4, 5, 1, 4, 5, 1]


def test_facts_are_told_for_whatever_is_missing(answered: System, lanekeeper: Command) -> None:
    answered.ask(id="refused", priority="high", params=refusable())
    answered.run()
    result = lanekeeper("result", "nothing", "refused", *CHAT)
    assert result.stdout == ""
    assert "nothing: unknown: none of this id was accepted" in result.stderr
    assert "refused: failed (invalid_request_error), content-pipeline, real time" in result.stderr


def test_a_request_under_way_is_waited_for(system: System, lanekeeper: Command) -> None:
    system.ask(id="article-1")
    system.deliver("RequestQueue")
    result = lanekeeper("result", "article-1", *CHAT, "--wait")
    assert (result.exit_code, bool(result.stdout.strip())) == (0, True)


def test_a_request_that_was_sent_a_moment_ago_is_waited_for(system: System, lanekeeper: Command) -> None:
    system.ask(id="article-1")
    result = lanekeeper("result", "article-1", *CHAT, "--wait")
    assert (result.exit_code, bool(result.stdout.strip())) == (0, True)


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        pytest.param((), UNKNOWN_SECONDS, id="a minute"),
        pytest.param(("--timeout", "7"), 7, id="or less where the time is up before"),
        pytest.param(("--timeout", "7200"), UNKNOWN_SECONDS, id="and not longer"),
    ],
)
def test_an_id_that_stays_unknown_is_looked_for_for_a_while(
    system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, timeout: tuple[str, ...], seconds: float
) -> None:
    waiting = Waiting()
    run = command_of(producer(system, waiting), monkeypatch, tmp_path)
    assert run("result", "nothing", *CHAT, "--wait", *timeout).exit_code == 5
    assert sum(waiting.pauses) == seconds


def test_looking_for_the_unknown_takes_nothing_from_the_time_to_wait(
    system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system.ask(id="article-1")
    system.deliver("RequestQueue")
    waiting = Waiting()
    run = command_of(producer(system, waiting), monkeypatch, tmp_path)
    assert run("result", "article-1", "nothing", *CHAT, "--wait", "--timeout", "90").exit_code == 5
    assert sum(waiting.pauses) == 90


def test_a_wait_ends_when_its_time_is_up(system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    system.ask(id="article-1")
    system.deliver("RequestQueue")
    run = command_of(producer(system, Waiting()), monkeypatch, tmp_path)
    result = run("result", "article-1", *CHAT, "--wait", "--timeout", "30")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "article-1: on its way in the batch lane, wanted by 20" in result.stderr


def test_without_a_workload_all_of_the_registry_are_looked_at(
    answered: System, lanekeeper: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("workloads.yaml").write_text("live-chat:\ncontent-pipeline: {max_latency: 24h}\n")
    assert lanekeeper("result", "article-1").exit_code == 0
    Path("workloads.yaml").write_text("live-chat:\n")
    assert lanekeeper("result", "article-1").exit_code == 5


def test_an_id_under_two_workloads_is_not_guessed(answered: System, lanekeeper: Command) -> None:
    answered.ask(id="article-1", workload="live-chat")
    answered.run()
    result = lanekeeper("result", "article-1")
    assert result.exit_code == 2
    assert "article-1 stands under several workloads (live-chat, content-pipeline): name one" in result.stderr
    assert result.stdout == ""


def test_an_answer_that_was_deleted_on_request_says_so(answered: System, lanekeeper: Command) -> None:
    row = answered.row("article-1") or {}
    answered.table("RequestsTable").put_item(Item=row | {"forgotten_at": "2026-11-25T08:30:00.000Z"})
    result = lanekeeper("result", "article-1", *CHAT)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the answer is no longer kept: deleted on request at 2026-11-25 08:30:00Z" in result.stderr


def _message(system: System, request_id: str) -> dict[str, object]:
    message: dict[str, object] = system.answer(system.row(request_id) or {})["result"]["message"]
    return message
