"""The command line as a person meets it, beside the system."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from lanekeeper.client import Client
from tests import stack
from tests.system import System

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


def reachable(system: System) -> None:
    """Makes the system a stack called lanekeeper, with the template's outputs, that a command finds by itself."""
    named = {name: _physical(each["Value"], system) for name, each in stack.translated()["Outputs"].items()}
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in named.items() if value},
    }
    boto3.client("cloudformation").create_stack(StackName="lanekeeper", TemplateBody=json.dumps(template))


def _physical(value: dict[str, Any], system: System) -> str | None:
    match value:
        case {"Ref": name} if name in system.parameters:
            return system.parameters[name]
        case {"Ref": name} | {"Fn::GetAtt": [name, "Id"]}:
            return system.ids.get(name)
    return None


def golden(name: str, **sentences: str) -> str:
    """A file of what is printed; `<code>` stands in it for a sentence that is said elsewhere."""
    text = (GOLDEN / name).read_text(encoding="utf-8")
    for code, sentence in sentences.items():
        text = text.replace(f"<{code}>", sentence)
    return text
