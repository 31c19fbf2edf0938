"""`lanekeeper plan`: which lane pays, from a list of workloads or from a log of requests."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import chain
from pathlib import PurePath
from typing import Any

import click

from cli.output import BadInputError
from cli.plan_tables import show_log, show_workloads
from cli.request_log import read_log
from cli.workload_file import forecasts, read_csv, read_json, read_yaml
from lanekeeper.planning import Thresholds, UnpricedModelError, recommend, weigh
from lanekeeper.pricing import standard_prices

_KINDS = {".csv": "csv", ".yaml": "yaml", ".yml": "yaml", ".jsonl": "log", ".ndjson": "log"}


class _DecimalType(click.ParamType[Decimal]):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number < 0:
            self.fail(f"{value!r} is not a number of 0 or more", param, ctx)
        return number


@click.command(short_help="Which lane pays for a workload, and what batches save.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--min-latency",
    type=_DecimalType(),
    default=str(Thresholds().latency_minutes),
    show_default=True,
    metavar="MINUTES",
    help="Answers that may take this long may travel in a batch.",
)
@click.option(
    "--min-saving",
    type=_DecimalType(),
    default=str(Thresholds().monthly_saving),
    show_default=True,
    metavar="DOLLARS",
    help="What batches must save in a month to be worth it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, dollars with two decimals.")
def plan(*, file: str, min_latency: Decimal, min_saving: Decimal, as_json: bool) -> None:
    """Recommends a lane for each workload, with what a month of 30 days costs in either.

    FILE is a list of workloads as CSV, JSON or YAML, each with name, latency_minutes, requests_per_day, input_tokens,
    output_tokens and model. Or it is a log of requests, one JSON object a line, with the usage that the API reported
    or the params that were sent: then the shares of urgent and normal requests are shown, and what batches would save.
    A request is urgent with "priority": "high" or a max_latency_minutes under the minimum. FILE can be - for stdin.
    """
    thresholds = Thresholds(latency_minutes=min_latency, monthly_saving=min_saving)
    try:
        with click.open_file(file, encoding="utf-8-sig") as lines:
            _plan(file, lines, thresholds, as_json=as_json)
    except UnicodeDecodeError as error:
        raise BadInputError(f"{file} is not UTF-8 text; save it as UTF-8") from error
    except (BadInputError, UnpricedModelError) as error:
        raise BadInputError("\n  ".join([f"{file} cannot be planned:", *str(error).splitlines()])) from error


def _plan(name: str, file: Iterable[str], thresholds: Thresholds, *, as_json: bool) -> None:
    prices, now = standard_prices(), datetime.now(UTC)
    first, lines = _peek(file)
    kind = _kind(name, first)
    if kind == "log":
        show_log(weigh(read_log(lines, thresholds.latency_minutes), prices, at=now), prices, as_json=as_json)
        return
    rows = read_csv(lines) if kind == "csv" else {"json": read_json, "yaml": read_yaml}[kind]("".join(lines))
    recommendations = [recommend(forecast, prices, thresholds, at=now) for forecast in forecasts(rows, prices)]
    show_workloads(recommendations, as_json=as_json)


def _peek(file: Iterable[str]) -> tuple[str, Iterator[str]]:
    """The first line that is not blank, and all lines."""
    lines, head = iter(file), []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    return "".join(head).strip(), chain(head, lines)


def _kind(name: str, first: str) -> str:
    """By the name where it is clear, else by how the content begins."""
    if kind := _KINDS.get(PurePath(name).suffix.lower()):
        return kind
    if first.startswith(("[", "{")):
        return "json" if first.startswith("[") else "log"
    return "csv" if "latency_minutes" in first.split("#")[0] and "," in first and ":" not in first else "yaml"
