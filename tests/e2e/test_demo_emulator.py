"""The demo's own emulator: a process that ends with the demo, or with the next one."""

import json
import os
from pathlib import Path

import pytest

from local.demo import claude
from local.stack import AlreadyRunningError


def as_if_left_by(owner: int, folder: Path) -> None:
    state = folder / "emulator.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"owner": owner}))


def test_it_keeps_an_account_until_it_is_stopped(tmp_path: Path) -> None:
    emulator = claude.start(tmp_path)
    assert emulator.account()["cost_micro_usd"] == "0"
    emulator.stop()
    assert not emulator.answers()


def test_one_that_was_kept_ends_when_the_next_demo_starts(tmp_path: Path) -> None:
    kept = claude.start(tmp_path)
    as_if_left_by(2**22 + 1, tmp_path)  # above every process id
    claude.stop_leftover(tmp_path)
    assert not kept.answers()


def test_one_of_a_demo_that_still_runs_is_not_touched(tmp_path: Path) -> None:
    running = claude.start(tmp_path)
    as_if_left_by(os.getppid(), tmp_path)
    with pytest.raises(AlreadyRunningError, match=str(os.getppid())):
        claude.start(tmp_path)
    assert running.answers()
    running.stop()


def test_one_that_has_died_is_no_hindrance(tmp_path: Path) -> None:
    claude.start(tmp_path).stop()
    as_if_left_by(os.getppid(), tmp_path)
    claude.stop_leftover(tmp_path)
    assert not (tmp_path / "emulator.json").exists()
