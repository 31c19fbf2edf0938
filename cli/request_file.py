"""Reads a file of requests, one JSON object a line, or one JSON list; says of each bad line where it is."""

import codecs
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cli.output import BadInputError
from lanekeeper.client.sending import json_text

_BLOCK = 1024 * 1024
_NOT_AN_OBJECT = "not a JSON object: write one whole request a line"
_UNSENDABLE = {code: f"\\u{code:04x}" for code in (0xFFFE, 0xFFFF)}  # by SQS; JSON has another spelling for them


@dataclass(frozen=True, slots=True)
class Line:
    """One request of the file, in its own words."""

    number: int
    body: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one line, and what to change."""

    line: int
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RequestFile:
    """An open file, of which it is known what is in it."""

    file: IO[bytes]
    digest: str  # of the content: the same content is the same work
    total: int  # requests, bad ones among them

    def read(self, default_workload: str | None) -> Iterator[Line | Problem]:
        """From the start; blank lines are none."""
        if (requests := _list_in(self.file)) is not None:
            yield from _listed(requests, default_workload)
            return
        for number, raw in enumerate(self.file, start=1):
            if raw.strip():
                yield _line(number, raw.strip(), default_workload)


@contextmanager
def opened(name: str) -> Iterator[RequestFile]:
    """The file of this name; `-` is stdin, which is copied first, so that it too can be gone on with."""
    if name == "-":
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            yield _measured(copy)
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - what the block raises is not about the opening
    except OSError as error:
        raise BadInputError(f"{name} cannot be read: {error.strerror}") from error
    with file:
        yield _measured(file)


def _measured(file: IO[bytes]) -> RequestFile:
    file.seek(0)
    digest, lines = hashlib.sha256(), 0
    for raw in file:
        digest.update(raw)
        lines += bool(raw.strip())
    requests = _list_in(file)
    return RequestFile(file, digest.hexdigest(), lines if requests is None else len(requests))


def _list_in(file: IO[bytes]) -> list[Any] | None:
    """The file's JSON list, where it begins like one; raises BadInputError where it is none. Goes to the start."""
    file.seek(0)
    begins = file.read(_BLOCK).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    file.seek(0)
    if begins != b"[":
        return None
    try:
        requests: list[Any] = json.loads(file.read().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadInputError("it begins with [ but is no JSON list: write a list, or one request a line") from error
    return requests


def _listed(requests: list[Any], default_workload: str | None) -> Iterator[Line | Problem]:
    for number, fields in enumerate(requests, start=1):
        if isinstance(fields, dict):
            whole = fields if default_workload is None else {"workload": default_workload, **fields}
            yield Line(number, json_text(whole), whole)
        else:
            yield Problem(number, "invalid_json", _NOT_AN_OBJECT)


def _line(number: int, raw: bytes, default_workload: str | None) -> Line | Problem:
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        fields = json.loads(text)
    except UnicodeDecodeError:
        return Problem(number, "invalid_json", "not UTF-8: save the file as UTF-8")
    except (ValueError, RecursionError):
        return Problem(number, "invalid_json", _NOT_AN_OBJECT)
    if not isinstance(fields, dict):
        return Problem(number, "invalid_json", _NOT_AN_OBJECT)
    if default_workload is not None and "workload" not in fields:
        comma = ", " if fields else ""
        text = f'{{"workload": {json.dumps(default_workload)}{comma}{text.lstrip()[1:].lstrip()}'
        fields = {"workload": default_workload, **fields}
    return Line(number, text.translate(_UNSENDABLE), fields)
