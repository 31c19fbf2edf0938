"""Builds the real template for both architectures and imports each handler out of what was built.

arm64 is built as the template has it, for its default Python, where an interpreter of that version with pip is at hand;
else for this one's. x86_64 is built for this interpreter's version, since it is imported here.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path
from shutil import which

import click
import yaml

from local.host import BUILDER, PYTHON, ROOT, WORKER
from local.parameters import defaults
from local.sam import Sam

OUT = ROOT / ".ci-out"
MACHINE = {"arm64": "aarch64", "x86_64": "x86_64"}  # as wheels call the architectures of Lambda


def main() -> None:
    default = defaults()["PythonRuntime"]
    builder = _with_pip(default)
    if builder is None:
        click.echo(f"no {default} with pip at hand: arm64 is built for {PYTHON} instead of the template's default")
    _check("arm64", default if builder else PYTHON, builder or BUILDER)
    x86_64 = _check("x86_64", PYTHON, BUILDER)
    if platform.machine() == MACHINE["x86_64"] and sys.platform == "linux":
        _import_handlers(x86_64.built)


def _check(architecture: str, python: str, builder: Path) -> Sam:
    sam = Sam(OUT / architecture, {"Architecture": architecture, "PythonRuntime": python}, builder)
    sam.build()
    binaries = sorted(each.name for each in (sam.built / "SharedLayer/python").rglob("*-linux-gnu.so"))
    foreign = [name for name in binaries if MACHINE[architecture] not in name]
    if foreign or not binaries:
        sys.exit(f"the layer for {architecture} holds {foreign or 'no compiled module at all'}")
    click.echo(f"built for {architecture} and {python}, with {', '.join(binaries)}")
    return sam


def _import_handlers(built: Path) -> None:
    """Each in a process of its own that sees what Lambda would show it: the function, the layer, boto3."""
    resources = yaml.safe_load((built / "template.yaml").read_text())["Resources"]
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            module, _, handler = resource["Properties"]["Handler"].rpartition(".")
            path = os.pathsep.join([str(built / name), str(built / "SharedLayer/python")])
            environment = {"PATH": os.defpath, "PYTHONPATH": path, "AWS_DEFAULT_REGION": "us-east-1"}
            statement = (
                f"import {module}, lanekeeper.registry as r; r.deployed_registry(); assert callable({module}.{handler})"
            )
            subprocess.run([str(WORKER), "-c", statement], env=environment, cwd=built, check=True)  # noqa: S603
            click.echo(f"imported {module}.{handler}")


def _with_pip(python: str) -> Path | None:
    """An interpreter called `python3.13` or the like that works and has pip: on the PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    at_hand = [Path(found)] if (found := which(python)) else []
    for candidate in [*at_hand, *sorted(pyenv.glob(f"{python.removeprefix('python')}.*/bin/{python}"))]:
        tried = subprocess.run([str(candidate), "-m", "pip", "--version"], capture_output=True, check=False)  # noqa: S603
        if tried.returncode == 0:
            return candidate
    return None


if __name__ == "__main__":
    main()
