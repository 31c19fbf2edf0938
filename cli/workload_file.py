"""Reads a list of workloads from CSV, JSON or YAML, and says of every wrong cell where it is and what to write."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from cli.output import BadInputError
from lanekeeper.planning import Forecast, unpriced_model
from lanekeeper.pricing import PriceList

COLUMNS = ("name", "latency_minutes", "requests_per_day", "input_tokens", "output_tokens", "model")

_LARGEST = Decimal(10) ** 12
_ERRORS_SHOWN = 10
_Row = tuple[str, Any]  # where it stands, and its fields


class _CellError(Exception):
    """One cell that cannot be read; the message continues `<place>, <column>: `."""


def read_csv(lines: Iterable[str]) -> Iterator[_Row]:
    """Rows under a header line; raises BadInputError where the header is not ours."""
    reader = csv.DictReader(lines, skipinitialspace=True)
    header = [name.strip() for name in reader.fieldnames or ()]
    if missing := [column for column in COLUMNS if column not in header]:
        raise BadInputError(f"line 1: there is no column {', '.join(missing)}; write the header {','.join(COLUMNS)}")
    reader.fieldnames = header
    try:
        for fields in reader:
            if None in fields:
                raise BadInputError(f"line {reader.line_num}: more cells than columns; write numbers without a comma")
            yield f"line {reader.line_num}", fields
    except csv.Error as error:
        raise BadInputError(f"line {reader.line_num + 1}: not CSV; write one workload a line") from error


def read_json(text: str) -> Iterator[_Row]:
    """The objects of a JSON list."""
    try:
        document = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "the file"
        raise BadInputError(f"{place}: not JSON; write a list of workloads, [{{...}}, ...]") from error
    return _listed(document)


def read_yaml(text: str) -> Iterator[_Row]:
    """The mappings of a YAML list."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "the file"
        raise BadInputError(f"{place}: not YAML; write a list of workloads, - {{name: ..., ...}}") from error
    return _listed(document)


def forecasts(rows: Iterable[_Row], prices: PriceList) -> list[Forecast]:
    """Checks every row; raises BadInputError with all that is wrong."""
    found: list[Forecast] = []
    errors: list[str] = []
    for place, fields in rows:
        cells, wrong = _cells(fields, prices)
        errors += [f"{place}, {error}" for error in wrong]
        if not wrong:
            errors += _repeated(place, cells["name"], found)
            found.append(Forecast(**cells))
    if errors:
        more = len(errors) - _ERRORS_SHOWN
        raise BadInputError("\n".join(errors[:_ERRORS_SHOWN] + [f"and {more} more"] * (more > 0)))
    if not found:
        raise BadInputError(f"there is no workload in the file; a workload has {', '.join(COLUMNS)}")
    return found


def _listed(document: Any) -> Iterator[_Row]:
    if not isinstance(document, list):
        raise BadInputError(f"not a list of workloads; write a list, each with {', '.join(COLUMNS)}")
    return ((f"workload {number}", fields) for number, fields in enumerate(document, start=1))


def _cells(fields: Any, prices: PriceList) -> tuple[dict[str, Any], list[str]]:
    if not isinstance(fields, Mapping):
        return {}, [f"all: not a workload; give it {', '.join(COLUMNS)}"]
    cells, wrong = {}, []
    for column in COLUMNS:
        try:
            cells[column] = _READERS[column](fields.get(column), prices)
        except _CellError as error:
            wrong.append(f"{column}: {error}")
    return cells, wrong


def _repeated(place: str, name: str, found: Iterable[Forecast]) -> list[str]:
    is_known = any(forecast.name == name for forecast in found)
    return [f"{place}, name: {name} stands in the list twice; give each workload its own name"] if is_known else []


def _text(value: Any, _: PriceList) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or not text.isprintable():
        raise _CellError("is empty or cannot be shown; give the workload a name")
    return text


def _model(value: Any, prices: PriceList) -> str:
    model = value.strip() if isinstance(value, str) else ""
    if not model or not model.isprintable():
        raise _CellError("is empty or cannot be shown; name a model, like claude-sonnet-4-6")
    if not prices.knows(model):
        raise _CellError(unpriced_model(model, prices))
    return model


def _number(remedy: str) -> Callable[[Any, PriceList], Decimal]:
    def read(value: Any, _: PriceList) -> Decimal:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or not 0 <= number <= _LARGEST:
            raise _CellError(f"{_shown(value)}; {remedy}")
        return number

    return read


def _whole_number(remedy: str) -> Callable[[Any, PriceList], int]:
    def read(value: Any, prices: PriceList) -> int:
        number = _number(remedy)(value, prices)
        if number != number.to_integral_value():
            raise _CellError(f"{_shown(value)} is not whole; {remedy}")
        return int(number)

    return read


def _shown(value: Any) -> str:
    return "is empty" if value in (None, "") else repr(str(value)[:40])


_READERS: Mapping[str, Callable[[Any, PriceList], Any]] = {
    "name": _text,
    "latency_minutes": _number("write how long an answer may take as minutes, like 5, or 1440 for a day"),
    "requests_per_day": _number("write the requests of a day as a number, like 500 or 6666.67"),
    "input_tokens": _whole_number("write the tokens of an average request's prompt, like 3000"),
    "output_tokens": _whole_number("write the tokens of an average answer, like 1000"),
    "model": _model,
}
