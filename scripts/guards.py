"""Takes each safeguard out in turn and expects a test to die each time: `make guards`.

Each run works on a copy of the tracked files, so the tree stays as it is. First of all the tests are run on a copy with
every safeguard in its place: a test that fails there catches nothing.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from scripts.guard_table import GUARDS, Guard

ROOT = Path(__file__).resolve().parent.parent
TESTS_FAILED = 1  # pytest's exit code: tests ran and some failed, as opposed to 2 to 5, where none could be run
SECONDS = 600
FAILED = re.compile(r"^FAILED (\S+?)(?:\[.*?\])?(?: - (.*))?$", re.MULTILINE)  # a line of pytest's summary
# A test that dies of these says nothing of the safeguard: what was put in its place is no program.
NO_PROGRAM = re.compile(r"NameError|SyntaxError|IndentationError|ImportError|ValidationException|ParamValidationError")


class GuardNotFoundError(Exception):
    """The text of a safeguard is not there exactly once: the table has to follow the code."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a tree without one safeguard; `caught_by` is None where no test noticed."""

    guard: Guard
    seconds: float
    caught_by: str | None
    reason: str  # the first words of what the test said; of a survivor, of what pytest said

    @property
    def is_caught(self) -> bool:
        return self.caught_by is not None and not NO_PROGRAM.search(self.reason)


@click.command()
@click.option("--list", "listed", is_flag=True, help="The safeguards, and the test of each.")
@click.option("--only", metavar="TEXT", default="", help="Those whose name holds this text.")
@click.option("--jobs", default=2, show_default=True, help="How many at once.")
def main(listed: bool, only: str, jobs: int) -> None:  # noqa: FBT001 - click's flag
    """Takes each safeguard out in turn. Exit code 1 where one survives that, or is not found."""
    guards = [guard for guard in GUARDS if only in guard.name]
    console = Console(soft_wrap=True, highlight=False)
    if listed:
        console.print(_listing(guards))
        return
    broken = [problem for guard in guards if (problem := _problem(guard))]
    if broken:
        sys.exit("\n".join(broken))
    if failure := untouched(guards):
        sys.exit(f"{failure}\nthese tests fail with every safeguard in its place")
    survivors = []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for verdict in pool.map(run, guards):
            console.print(_line(verdict))
            survivors += [] if verdict.is_caught else [verdict.guard.name]
    console.print(f"{len(guards) - len(survivors)} of {len(guards)} safeguards are missed when they are gone")
    sys.exit(1 if survivors else 0)


def without_guard(guard: Guard, source: str) -> str:
    """The source text without this safeguard. Raises GuardNotFoundError."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    bodies = [node for node in functions if node.name == guard.within]
    if len(bodies) != 1:
        raise GuardNotFoundError(f"{guard.name}: {len(bodies)} functions {guard.within} in {guard.file}")
    lines = source.splitlines(keepends=True)
    first, last = bodies[0].lineno - 1, bodies[0].end_lineno
    body = "".join(lines[first:last])
    if body.count(guard.old) != 1:
        times = body.count(guard.old)
        raise GuardNotFoundError(f"{guard.name}: {times} times in {guard.within} of {guard.file}: {guard.old}")
    return "".join(lines[:first]) + body.replace(guard.old, guard.new) + "".join(lines[last:])


def run(guard: Guard) -> Verdict:
    """Its test on a copy of the tree without it."""
    began = time.monotonic()
    with copy_of_the_tree() as tree:
        target = tree / guard.file
        target.write_text(without_guard(guard, target.read_text()))
        code, output = _pytest(tree, [guard.test])
    failed = (
        re.search(r"^FAILED (\S+?)(?:\[.*?\])?(?: - (.*))?$", output, re.MULTILINE) if code == TESTS_FAILED else None
    )
    caught_by, reason = (failed[1], failed[2] or "") if failed else (None, output[-200:])
    return Verdict(guard, time.monotonic() - began, caught_by, reason)


def untouched(guards: Sequence[Guard]) -> str | None:
    """What pytest says where the tests of these safeguards do not pass on the tree as it is."""
    with copy_of_the_tree() as tree:
        code, output = _pytest(tree, sorted({guard.test for guard in guards}))
    return output if code else None


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """The tracked files as they are now, in a directory of their own."""
    with tempfile.TemporaryDirectory(prefix="lanekeeper-guards-") as directory:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
        for name in filter(None, listing.stdout.split("\0")):
            source, target = ROOT / name, Path(directory, name)
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        yield Path(directory)


def _pytest(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Its exit code and output; a run without end counts as one that could not be run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {
        "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'shared'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "1000",  # else pytest cuts off the reason, and with it whether what is left is a program
    }
    try:
        ran = subprocess.run(  # noqa: S603
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end within {SECONDS} seconds"
    return ran.returncode, ran.stdout + ran.stderr


def _problem(guard: Guard) -> str | None:
    try:
        without_guard(guard, (ROOT / guard.file).read_text())
    except (GuardNotFoundError, OSError) as error:
        return str(error)
    return None


def _listing(guards: Sequence[Guard]) -> Table:
    drawn = Table("safeguard", "where", "test", box=SIMPLE_HEAD)
    for guard in guards:
        drawn.add_row(guard.name, f"{guard.file} {guard.within}", guard.test)
    return drawn


def _line(verdict: Verdict) -> str:
    word = "caught" if verdict.is_caught else "SURVIVES"
    by = verdict.caught_by.partition("::")[2] if verdict.caught_by else verdict.guard.test
    line = f"{verdict.seconds:5.1f} s  {word:8}  {verdict.guard.name}: {by}"
    return line if verdict.is_caught else f"{line}\n{verdict.reason}"


if __name__ == "__main__":
    main()
