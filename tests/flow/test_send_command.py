"""`lanekeeper send`: every line of a file is sent once or named with a reason, whatever interrupts the run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import Result

from tests.commands import Command, command_of, golden
from tests.producer import Waiting, producer, queued
from tests.system import System, params, refusable

GOOD = {"workload": "content-pipeline", "params": params()}
A = json.dumps({"id": "a", **GOOD})


@pytest.fixture
def waiting(system: System) -> Waiting:
    return Waiting(system.run_until_answered)


@pytest.fixture
def lanekeeper(system: System, waiting: Waiting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    return command_of(producer(system, waiting), monkeypatch, tmp_path / "state")


@pytest.fixture
def mixed(system: System, tmp_path: Path) -> Path:
    """Good lines, and one of each kind that goes wrong."""
    lines = [
        json.dumps({"id": "patient", **GOOD}),
        json.dumps({"id": "refused", "priority": "high", **GOOD, "params": refusable()}),
        "",
        "not json",
        json.dumps({"id": "stranger", **GOOD, "workload": "nobody"}),
        json.dumps({"id": "no-params", "workload": "content-pipeline"}),
        "[1]",
        json.dumps({"id": "patient", **GOOD, "params": params("other")}),
    ]
    return written(tmp_path, "\n".join(lines) + "\n")


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "requests.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def many(folder: Path, number: int) -> Path:
    return written(folder, "".join(json.dumps({"id": f"article-{n}", **GOOD}) + "\n" for n in range(number)))


def ids(system: System) -> list[str]:
    """Of the messages on the queue, which are taken off."""
    sqs, found = boto3.client("sqs"), []
    while messages := queued(system):
        for message in messages:
            found.append(json.loads(message["Body"])["id"])
            sqs.delete_message(QueueUrl=system.ids["RequestQueue"], ReceiptHandle=message["ReceiptHandle"])
    return sorted(found)


def sentences(system: System) -> dict[str, str]:
    """What the classifier said of rejected messages, by code."""
    return {notice["code"]: notice["sentence"] for notice in system.waiting("RejectedQueue")}


def states(folder: Path) -> list[Path]:
    return list((folder / "state").rglob("*.jsonl"))


def test_a_file_is_sent_and_its_rejections_are_told_by_line(
    lanekeeper: Command, mixed: Path, tmp_path: Path, system: System
) -> None:
    result = lanekeeper("send", mixed)
    assert result.stdout == golden("send-80.txt", **sentences(system))
    assert (result.exit_code, result.stderr) == (1, "")
    assert states(tmp_path) == []


def test_waiting_shows_the_ends_and_what_they_cost(
    lanekeeper: Command, mixed: Path, tmp_path: Path, system: System
) -> None:
    result = lanekeeper("send", mixed, "--wait")
    assert result.stdout == golden("send-wait-80.txt", **sentences(system))
    assert result.exit_code == 1
    assert states(tmp_path) == []


def test_a_program_gets_one_document(lanekeeper: Command, mixed: Path, system: System) -> None:
    result = lanekeeper("send", mixed, "--wait", "--json")
    document = json.loads(result.stdout)
    reasons = sentences(system)
    assert {each["line"]: each["sentence"] for each in document["rejected"]} == {
        5: reasons["unknown_workload"],
        6: reasons["missing_field"],
        8: reasons["conflict"],
    }
    for each in document["rejected"]:
        each["sentence"] = "…"
    assert json.dumps(document, indent=2, ensure_ascii=False) + "\n" == golden("send.json")


def test_a_file_without_trouble_ends_with_zero(lanekeeper: Command, tmp_path: Path, system: System) -> None:
    result = lanekeeper("send", many(tmp_path, 3), "--wait")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "3 taken, 3 answered")
    assert system.executed() == 3


def test_every_line_arrives_once_in_its_own_words(lanekeeper: Command, tmp_path: Path, system: System) -> None:
    own = '{ "id":"ü",  "workload":"content-pipeline", "params":{"temperature":1.0, "x":1e2} }'
    lanekeeper("send", written(tmp_path, own), "--no-check")
    assert [message["Body"] for message in queued(system)] == [own]


def test_characters_that_sqs_refuses_are_spelled_otherwise(lanekeeper: Command, tmp_path: Path, system: System) -> None:
    lanekeeper("send", written(tmp_path, '{"id": "\ufffe\uffff", "workload": "live-chat"}'), "--no-check")
    (message,) = queued(system)
    assert message["Body"] == r'{"id": "\ufffe\uffff", "workload": "live-chat"}'
    assert json.loads(message["Body"])["id"] == "\ufffe\uffff"


@pytest.mark.parametrize(
    ("line", "workload"),
    [
        pytest.param('{"id": "a", "params": {}}', "code-review", id="none named"),
        pytest.param('{"id": "a", "workload": "live-chat"}', "live-chat", id="one named"),
        pytest.param("{}", "code-review", id="nothing at all"),
    ],
)
def test_the_default_workload_is_given_to_lines_without_one(
    lanekeeper: Command, tmp_path: Path, system: System, line: str, workload: str
) -> None:
    lanekeeper("send", written(tmp_path, line), "--no-check", "-w", "code-review")
    (message,) = queued(system)
    assert json.loads(message["Body"]) == {**json.loads(line), "workload": workload}
    assert message["Attributes"]["MessageGroupId"] == workload


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(json.dumps([{"id": "a", **GOOD}, 7, {"id": "b", **GOOD}], indent=1).encode(), id="a JSON list"),
        pytest.param(
            f"\ufeff{json.dumps({'id': 'a', **GOOD})}\r\n7\r\n{json.dumps({'id': 'b', **GOOD})}".encode(),
            id="from Windows",
        ),
    ],
)
def test_other_spellings_of_a_file_are_read(
    lanekeeper: Command, tmp_path: Path, system: System, content: bytes
) -> None:
    result = lanekeeper("send", written(tmp_path, content), "--no-check")
    assert result.stdout.startswith("line 2 not sent: invalid_json: not a JSON object")
    assert ids(system) == ["a", "b"]


def test_bytes_that_are_no_text_are_not_sent_as_something_else(
    lanekeeper: Command, tmp_path: Path, system: System
) -> None:
    content = A.encode() + b'\n{"id": "b\xff"}\n'
    result = lanekeeper("send", written(tmp_path, content), "--no-check")
    assert result.stdout.startswith("line 2 not sent: invalid_json: not UTF-8")
    assert ids(system) == ["a"]


def test_stdin_is_a_file_too(lanekeeper: Command, system: System) -> None:
    result = lanekeeper("send", "-", "--no-check", stdin=A.encode())
    assert result.exit_code == 0
    assert ids(system) == ["a"]


def test_large_params_go_by_claim_check(lanekeeper: Command, tmp_path: Path, system: System) -> None:
    line = json.dumps({"id": "a", **GOOD, "params": params("x" * 1_100_000)})
    result = lanekeeper("send", written(tmp_path, line), "--no-check")
    (message,) = queued(system)
    assert result.exit_code == 0
    assert json.loads(message["Body"])["params_object"]["key"] in system.objects("inbox/content-pipeline/")


# interrupted


class Interruption:
    """Something that happens before a call to SQS, once."""

    def __init__(self, client: Any, error: BaseException, *, at: int) -> None:
        self._client, self._error, self._left = client, error, at
        client.meta.events.register("before-call.sqs.SendMessageBatch", self._happen)

    def _happen(self, **_: object) -> None:
        self._left -= 1
        if not self._left:
            raise self._error


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.sending.CALLS_AT_ONCE", 1)


@pytest.mark.parametrize(
    ("error", "exit_code", "words"),
    [
        pytest.param(EndpointConnectionError(endpoint_url="https://sqs"), 3, "AWS cannot be reached", id="no network"),
        pytest.param(KeyboardInterrupt(), 130, "interrupted", id="by the user"),
    ],
)
def test_a_run_that_stopped_goes_on_where_it_stopped(
    lanekeeper: Command,
    system: System,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    one_at_a_time: None,
    error: BaseException,
    exit_code: int,
    words: str,
) -> None:
    client = producer(system)
    lanekeeper = command_of(client, monkeypatch, tmp_path / "state")
    Interruption(client.sqs, error, at=2)
    path = many(tmp_path, 25)
    stopped = lanekeeper("send", path, "--no-check")
    heard = system.listen(client.sqs, "sqs.SendMessageBatch")
    resumed = lanekeeper("send", path, "--no-check")

    assert stopped.exit_code == exit_code
    assert "10 lines are on the queue; the same command goes on from there" in stopped.stderr
    assert words in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert (resumed.exit_code, resumed.stdout) == (0, golden("send-resumed.txt"))
    assert [len(call["Entries"]) for call in heard] == [10, 5]
    assert ids(system) == sorted(f"article-{n}" for n in range(25))
    assert states(tmp_path) == []


def test_calls_under_way_when_another_fails_are_noted(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = producer(system)
    lanekeeper = command_of(client, monkeypatch, tmp_path / "state")
    Interruption(client.sqs, EndpointConnectionError(endpoint_url="https://sqs"), at=1)
    path = many(tmp_path, 35)
    lanekeeper("send", path, "--no-check")
    lanekeeper("send", path, "--no-check")
    assert ids(system) == sorted(f"article-{n}" for n in range(35))


def test_a_refused_line_alone_is_sent_again(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = producer(system)
    lanekeeper = command_of(client, monkeypatch, tmp_path / "state")
    refusals: Iterator[bool] = iter([True, False])

    def refuse(parsed: dict[str, Any], **_: object) -> None:
        if next(refusals):
            parsed["Failed"] = [{"Id": "1", "Code": "InternalError", "Message": "try later", "SenderFault": False}]
            parsed["Successful"] = [entry for entry in parsed["Successful"] if entry["Id"] != "1"]

    client.sqs.meta.events.register_first("after-call.sqs.SendMessageBatch", refuse)
    heard = system.listen(client.sqs, "sqs.SendMessageBatch")
    path = many(tmp_path, 3)
    first, second = lanekeeper("send", path, "--no-check"), lanekeeper("send", path, "--no-check")

    assert first.exit_code == 1
    assert "line 2 not sent: InternalError: try later" in first.stdout
    assert second.exit_code == 0
    assert [len(call["Entries"]) for call in heard] == [3, 1]


def test_a_wait_that_timed_out_goes_on_without_sending_again(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting(system.run)
    client = producer(system, waiting)
    lanekeeper = command_of(client, monkeypatch, tmp_path / "state")
    path = many(tmp_path, 2)
    late = lanekeeper("send", path, "--wait", "--timeout", "60")
    system.run_until_answered()
    heard = system.listen(client.sqs, "sqs.SendMessageBatch")
    again = lanekeeper("send", path, "--wait")

    assert (late.exit_code, late.stdout) == (4, "2 taken, 0 answered, 2 still on their way\n")
    assert again.exit_code == 0
    assert again.stdout.splitlines()[-1] == "2 taken (2 by an earlier run), 2 answered"
    assert heard == []


def test_restart_sends_everything_again(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_at_a_time: None
) -> None:
    client = producer(system)
    lanekeeper = command_of(client, monkeypatch, tmp_path / "state")
    Interruption(client.sqs, KeyboardInterrupt(), at=2)
    path = many(tmp_path, 12)
    lanekeeper("send", path, "--no-check")
    heard = system.listen(client.sqs, "sqs.SendMessageBatch")
    lanekeeper("send", path, "--no-check", "--restart")
    assert [len(call["Entries"]) for call in heard] == [10, 2]


def test_another_file_another_workload_or_another_queue_is_other_work(tmp_path: Path, monkeypatch: Any) -> None:
    from cli.send_state import load

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    paths = {
        load(*work).path
        for work in (("a", "queue", None), ("b", "queue", None), ("a", "other", None), ("a", "queue", "live-chat"))
    }
    assert len(paths) == 4


def test_the_state_holds_no_content_and_is_the_users_alone(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_at_a_time: None
) -> None:
    client = producer(system)
    Interruption(client.sqs, KeyboardInterrupt(), at=2)
    command_of(client, monkeypatch, tmp_path / "state")("send", many(tmp_path, 12), "--no-check")
    (state,) = states(tmp_path)
    assert "article" not in state.read_text()
    assert state.parent.stat().st_mode & 0o077 == 0


def test_who_may_only_send_is_told_that_nothing_was_looked_at(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = producer(system)
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "BatchGetItem")

    def deny(**_: object) -> None:
        raise denied

    client.dynamodb.meta.events.register("before-call.dynamodb.BatchGetItem", deny)
    result = command_of(client, monkeypatch, tmp_path / "state")("send", many(tmp_path, 2))
    assert (result.exit_code, result.stdout) == (0, "2 taken, 2 still on the queue\n")
    assert "cannot look for rejections: these AWS credentials may not BatchGetItem" in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("[{", "begins with [ but is no JSON list", id="a cut list"),
        pytest.param(None, "requests.jsonl cannot be read: No such file", id="no file"),
    ],
)
def test_a_file_that_cannot_be_read_is_the_users_to_change(
    lanekeeper: Command, tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "requests.jsonl" if content is None else written(tmp_path, content)
    result = lanekeeper("send", path)
    assert result.exit_code == 2
    assert words in result.stderr
    assert _lines(result) == 1


def _lines(result: Result) -> int:
    return result.stderr.count("\n")
