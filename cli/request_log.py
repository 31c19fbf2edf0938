"""Reads a request log as JSON lines, one request at a time: queue messages, or rows with the usage the API reported."""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from cli.output import BadInputError
from lanekeeper.models import Priority
from lanekeeper.planning import LoggedRequest
from lanekeeper.pricing import Usage

CHARACTERS_PER_TOKEN = 4  # English prose; code and other languages have fewer

_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_NO_PROSE = {"type", "role", "id", "tool_use_id", "cache_control", "source"}  # a source is an image's or a file's bytes


def read_log(lines: Iterable[str], batch_latency_minutes: Decimal) -> Iterator[LoggedRequest]:
    """One request a line; raises BadInputError with the line's number, and never with its content."""
    empty = True
    for number, line in enumerate(lines, start=1):
        if line.strip():
            empty = False
            yield _request(f"line {number}", _object(f"line {number}", line), batch_latency_minutes)
    if empty:
        raise BadInputError("the log is empty; write one request a line, as a JSON object")


def _object(place: str, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise BadInputError(f"{place}: not a JSON object; a log has one whole object a line, and a list starts with [")
    return row


def _request(place: str, row: Mapping[str, Any], batch_latency_minutes: Decimal) -> LoggedRequest:
    params = _mapping(row, "params")
    model = row.get("model") or params.get("model")
    if not isinstance(model, str):
        raise BadInputError(f"{place}: no model; give it as model or as params.model")
    reported = _reported(row)
    return LoggedRequest(
        model=model,
        usage=Usage.from_api(reported) if reported else _estimate(place, params),
        is_urgent=_is_urgent(place, row, batch_latency_minutes),
        is_estimated=not reported,
    )


def _reported(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The API's usage object, or the counts that stand in the row itself."""
    return _mapping(row, "usage") or {field: row[field] for field in _COUNTS if field in row}


def _estimate(place: str, params: Mapping[str, Any]) -> Usage:
    max_tokens = params.get("max_tokens")
    if type(max_tokens) is not int or max_tokens < 0 or "messages" not in params:
        raise BadInputError(f"{place}: no usage, and no params with messages and max_tokens to estimate it from")
    characters = sum(_characters(params.get(part)) for part in ("system", "messages", "tools"))
    return Usage(input_tokens=-(-characters // CHARACTERS_PER_TOKEN), output_tokens=max_tokens)


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(map(_characters, value))
    if isinstance(value, dict):
        return sum(_characters(part) for name, part in value.items() if name not in _NO_PROSE)
    return 0


def _is_urgent(place: str, row: Mapping[str, Any], batch_latency_minutes: Decimal) -> bool:
    latency = row.get("max_latency_minutes")
    if latency is not None and type(latency) not in (int, float):
        raise BadInputError(f"{place}: max_latency_minutes is not a number")
    try:
        priority = Priority(row.get("priority") or Priority.NORMAL)
    except ValueError as error:
        raise BadInputError(f"{place}: priority is {' or '.join(Priority)}") from error
    return priority is Priority.HIGH or (latency is not None and latency < batch_latency_minutes)


def _mapping(row: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = row.get(field)
    return value if isinstance(value, dict) else {}
