"""What pip installs: the client with boto3 alone, nothing of the functions' or the emulator's dependencies."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What a producer's machine has besides Python: boto3 and what it brings. All else cannot be imported there.
PRELUDE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
sys.path.insert(0, {installed!r})
import lanekeeper
assert lanekeeper.__file__.startswith({installed!r}), lanekeeper.__file__
"""
FUNCTIONS = {"anthropic", "aws_lambda_powertools", "httpx2", "pydantic"}
EMULATOR = {"genai_prices", "pydantic", "starlette", "uvicorn"}
CLI = {"click", "rich", "yaml"}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(  # noqa: S603 - our own tools
        build, cwd=ROOT, check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def python(installed: Path, code: str, *, absent: set[str]) -> subprocess.CompletedProcess[str]:
    """Runs code where the wheel is installed and these packages are not."""
    prelude = PRELUDE.format(absent=absent, installed=str(installed))
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = kept | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", prelude + code],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_client_needs_boto3_alone(installed: Path) -> None:
    code = """
import json
from lanekeeper import client
from lanekeeper.pricing import standard_prices
print(client.connect.__name__, standard_prices().knows("claude-sonnet-4-6"))
"""
    ran = python(installed, code, absent=FUNCTIONS | EMULATOR | CLI)
    assert (ran.stdout, ran.stderr) == ("connect True\n", "")


def test_a_command_without_its_extra_says_in_one_line_what_to_install(installed: Path) -> None:
    ran = python(installed, "from cli.entry import main; main()", absent=FUNCTIONS | EMULATOR | CLI)
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert 'pip install "lanekeeper[cli]"' in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "absent", "exit_code"),
    [
        pytest.param(
            ["result", "x", "-w", "live-chat", "--stack", "none"], FUNCTIONS | EMULATOR, 3, id="the cli extra"
        ),
        pytest.param(
            ["emulator", "--help"], {"anthropic", "aws_lambda_powertools", "rich", "yaml"}, 0, id="the emulator extra"
        ),
    ],
)
def test_a_command_needs_no_more_than_its_extra(
    installed: Path, arguments: list[str], absent: set[str], exit_code: int
) -> None:
    ran = python(installed, f"sys.argv[1:] = {arguments}\nfrom cli.entry import main; main()", absent=absent)
    assert "Traceback" not in ran.stderr
    assert ran.returncode == exit_code


def test_the_emulator_without_its_extra_says_what_to_install(installed: Path) -> None:
    code = "sys.argv[1:] = ['emulator']\nfrom cli.entry import main; main()"
    ran = python(installed, code, absent=FUNCTIONS | EMULATOR)
    assert ran.returncode == 2
    assert ran.stderr == 'Error: `lanekeeper emulator` needs its extra: pip install "lanekeeper[cli,emulator]"\n'


def test_the_wheel_holds_prices_and_types_and_neither_tests_nor_the_demo(installed: Path) -> None:
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    folders = {name.partition("/")[0] for name in files if not name.startswith("lanekeeper-")}

    assert {"lanekeeper/prices.json", "lanekeeper/py.typed", "lanekeeper/client/__init__.py"} <= files
    assert folders == {"lanekeeper", "cli", "local"}
    assert not [name for name in files if "test" in name or name.startswith("local/demo")]
