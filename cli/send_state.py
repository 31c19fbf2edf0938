"""What earlier runs have sent of a file: which lines, and the ids that SQS gave them. No content.

One small file for each content, queue and default workload, under XDG_STATE_HOME (~/.local/state), which a finished
run deletes.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

KEPT_SECONDS = 14 * 86_400  # by then, SQS has forgotten the messages


@dataclass(slots=True)
class SendState:
    """The lines that are on the queue already."""

    path: Path
    taken: dict[int, str] = field(default_factory=dict)  # message ids by line number

    def add(self, taken: Iterable[tuple[int, str]]) -> None:
        """Notes what SQS has taken, at once: the next moment may be the last."""
        new = dict(taken)
        self.taken |= new
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.open("a", encoding="ascii") as file:
            file.write("".join(json.dumps(each) + "\n" for each in new.items()))

    def forget(self) -> None:
        """Nothing is known of this work any more."""
        self.taken.clear()
        self.path.unlink(missing_ok=True)


def load(digest: str, queue_url: str, workload: str | None, *, now: float | None = None) -> SendState:
    """What is known of this work; states that nobody came back to in two weeks are deleted."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "lanekeeper" / "send"
    for old in folder.glob("*.jsonl"):
        with suppress(FileNotFoundError):
            if old.stat().st_mtime < (time.time() if now is None else now) - KEPT_SECONDS:
                old.unlink()
    name = hashlib.sha256("\0".join([digest, queue_url, workload or ""]).encode()).hexdigest()[:32]
    path = folder / f"{name}.jsonl"
    return SendState(path, _read(path))


def _read(path: Path) -> dict[int, str]:
    taken: dict[int, str] = {}
    if path.exists():
        for line in path.read_text(encoding="ascii").splitlines():
            with suppress(ValueError):  # the last one may be cut: its pack is sent again, which is harmless
                number, message_id = json.loads(line)
                taken[number] = message_id
    return taken
