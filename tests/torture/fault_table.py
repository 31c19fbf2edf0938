"""The fault table as a command: `make fault-table`, or `python -m tests.torture.fault_table`."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from decimal import Decimal
from os import devnull
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from lanekeeper.telemetry import logger
from tests.deployed import pretend_credentials
from tests.torture.fault_scenes import REQUESTS, SCENES, Result, run

COLUMNS = ("fault", "billed", "kept", "orphans", "cost reported / true", "verdict")


@click.command()
@click.option("--json", "form", flag_value="json", help="The rows as JSON; costs in micro-dollars, as strings.")
@click.option("--markdown", "form", flag_value="markdown", help="The table in Markdown.")
def main(form: str | None) -> None:
    """Lanekeeper under the faults of docs/reliability.md, 20 requests each. Exit code 1 where a row is not clean."""
    pretend_credentials()
    with silence():
        results = [run(scene) for scene in SCENES]
    if form == "json":
        click.echo(json.dumps([as_json(result) for result in results], indent=2))
    elif form == "markdown":
        click.echo("\n".join(markdown(results)))
    else:
        Console().print(table(results))
    sys.exit(0 if all(result.is_clean for result in results) else 1)


@contextmanager
def silence() -> Iterator[None]:
    """The handlers' own log lines and metrics are not what is asked for."""
    logger.setLevel(logging.CRITICAL)
    with Path(devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield


def cells(result: Result) -> tuple[str, ...]:
    """One row in words."""
    counts = (str(result.billed), str(result.kept), str(result.orphans))
    return (result.fault, *counts, f"{dollars(result.reported)} / {dollars(result.owed)}", verdict(result))


def verdict(result: Result) -> str:
    if not result.struck:
        return "the fault did not come"
    return "clean" if result.is_clean else "NOT CLEAN"


def dollars(micro: Decimal | None) -> str:
    return "unknown" if micro is None else f"${(micro / 1_000_000).normalize():f}"


def as_json(result: Result) -> dict[str, object]:
    plain = {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(result).items()}
    return plain | {"clean": result.is_clean}


def markdown(results: Sequence[Result]) -> Iterable[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|" + "---|" * len(COLUMNS)
    yield from (f"| {' | '.join(cells(result))} |" for result in results)


def table(results: Sequence[Result]) -> Table:
    title = f"{REQUESTS} requests under each fault; afterwards nobody helps"
    drawn = Table(*COLUMNS, title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for result in results:
        drawn.add_row(*cells(result), style=None if result.is_clean else "bold red")
    return drawn


if __name__ == "__main__":
    main()
