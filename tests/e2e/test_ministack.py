"""A real ministack, started and stopped; needs the tools that `make setup` installs."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ministack
from local.host import WORKER
from local.ministack import Ministack
from local.stack import AlreadyRunningError, LocalStack, client

pytestmark = pytest.mark.skipif(not WORKER.exists(), reason="ministack is not installed: run make setup")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Ministack]:
    started = ministack.start(tmp_path)
    yield started
    started.stop()
    ministack.delete_scratch(tmp_path)


def test_it_answers_until_it_is_stopped_and_leaves_only_its_log(running: Ministack, tmp_path: Path) -> None:
    assert client("sqs", running).create_queue(QueueName="any")["QueueUrl"].startswith(running.endpoint)
    running.stop()
    ministack.delete_scratch(tmp_path)
    assert not running.is_alive()
    assert [left for place in ministack._places(tmp_path) for left in place.glob("*")] == []
    assert [left.name for left in tmp_path.iterdir()] == ["ministack.log"]


def test_a_stack_that_somebody_else_runs_is_not_touched(running: Ministack, tmp_path: Path) -> None:
    _leave(running, tmp_path, owner=os.getppid())
    with pytest.raises(AlreadyRunningError, match=running.endpoint):
        LocalStack({}, folder=tmp_path).__enter__()
    assert running.is_alive()


def test_a_stack_that_a_killed_run_left_is_cleared_away(running: Ministack, tmp_path: Path) -> None:
    _leave(running, tmp_path, owner=running.pid + 10**6)
    said: list[str] = []
    LocalStack({}, folder=tmp_path, say=said.append).clear_leftovers()
    assert said == [f"ending the stack that an earlier run left at {running.endpoint}"]
    assert not running.is_alive()
    assert not (tmp_path / "stack.json").exists()


def test_a_note_of_a_stack_that_is_gone_is_no_hindrance(tmp_path: Path) -> None:
    gone = Ministack(pid=1, endpoint="http://127.0.0.1:9", certificate=None)
    _leave(gone, tmp_path, owner=os.getppid())
    said: list[str] = []
    LocalStack({}, folder=tmp_path, say=said.append).clear_leftovers()
    assert said == []


def _leave(stack: Ministack, folder: Path, *, owner: int) -> None:
    note = {"owner": owner, "pid": stack.pid, "endpoint": stack.endpoint, "certificate": None}
    (folder / "stack.json").write_text(json.dumps(note))
