"""The emulated Claude API in a process of its own, for the time of the demo."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from local.host import ROOT, is_running
from local.stack import AlreadyRunningError

SPEED = 60  # emulated seconds in one of the wall's
BATCH_MINUTES = (5, 15)  # emulated: 5 to 15 s of the wall's time
START_SECONDS = 20.0


class EmulatorFailedError(Exception):
    """The emulator did not start; the message names its log."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator."""

    pid: int
    url: str

    def account(self) -> dict[str, Any]:
        """What it executed and would bill, by its own reckoning."""
        with urlopen(f"{self.url}/_emulator/account", timeout=30) as answer:  # noqa: S310 - ours, on this machine
            account: dict[str, Any] = json.load(answer)
        return account

    def answers(self) -> bool:
        """Whether an emulator runs there, and not somebody else's process under the same number."""
        try:
            self.account()
        except (URLError, OSError, ValueError):
            return False
        return True

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def start(folder: Path) -> Emulator:
    """Starts an emulator on a free port; its log and its address lie in the folder.

    Raises EmulatorFailedError, and AlreadyRunningError where another demo's emulator runs.
    """
    stop_leftover(folder)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "emulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            _command(), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    emulator = Emulator(process.pid, _first_line(process, log))
    _state(folder).write_text(json.dumps({"owner": os.getpid(), "pid": emulator.pid, "url": emulator.url}))
    return emulator


def stop_leftover(folder: Path) -> None:
    """Ends the emulator that an earlier demo left running; raises AlreadyRunningError where that demo still runs."""
    if not _state(folder).exists():
        return
    state = json.loads(_state(folder).read_text())
    left = Emulator(state["pid"], state["url"])
    if left.answers():
        if is_running(state["owner"]):
            raise AlreadyRunningError(f"process {state['owner']} runs the demo: end it first")
        left.stop()
    forget(folder)


def forget(folder: Path) -> None:
    """The emulator has been stopped: nothing is left for the next demo to end."""
    _state(folder).unlink(missing_ok=True)


def _command() -> list[str]:
    least, most = map(str, BATCH_MINUTES)
    options = ["--port", "0", "--speed", str(SPEED), "--batch-minutes", least, most]
    return [sys.executable, "-u", "-m", "local.emulator", *options]


def _first_line(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        line, newline, _ = log.read_text(errors="replace").partition("\n")
        if newline and line.startswith("http"):
            return line
        time.sleep(0.05)
    process.kill()
    raise EmulatorFailedError(f"the Claude API emulator did not start; its log is {log}")


def _state(folder: Path) -> Path:
    return folder / "emulator.json"
