"""The command line as a person meets it, beside the system."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from lanekeeper.client import Client

GOLDEN = Path(__file__).parent / "unit" / "golden"
Command = Callable[..., Result]


def command_of(client: Client, monkeypatch: pytest.MonkeyPatch, state: Path) -> Command:
    """Runs `lanekeeper` with these arguments against the client's stack."""
    for module in ("cli.send_run", "cli.result_run"):
        monkeypatch.setattr(f"{module}.connected", lambda _: client)
    environment = {"COLUMNS": "80", "NO_COLOR": None, "FORCE_COLOR": None, "TTY_COMPATIBLE": None}

    def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
        settings = environment | {"XDG_STATE_HOME": str(state)}
        return CliRunner().invoke(main, list(map(str, arguments)), env=settings, input=stdin)

    return run


def golden(name: str, **sentences: str) -> str:
    """A file of what is printed; `<code>` stands in it for a sentence that is said elsewhere."""
    text = (GOLDEN / name).read_text(encoding="utf-8")
    for code, sentence in sentences.items():
        text = text.replace(f"<{code}>", sentence)
    return text
