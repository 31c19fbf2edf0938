"""How a download of results goes wrong: in one of its lines, or by its end."""

import json
from typing import Literal

LineFault = Literal["garbled", "doubled", "missing", "alien"]
# How a cut download ends. `clean` and `connection_close` look like a whole one.
Ending = Literal["clean", "connection_close", "broken_chunk", "length_too_long", "length_too_short"]

ALIEN = "emulator-alien"


def spoiled_line(line: bytes, fault: LineFault) -> bytes:
    """What comes in the place of one line, its newline included."""
    if fault == "missing":
        return b""
    if fault == "doubled":
        return line * 2
    if fault == "alien":
        return line + _alien(line)
    return line[: len(line) // 2] + b"\x00\xff\n"


def spoiled(body: bytes, fault: LineFault, rows: int) -> bytes:
    """A download whose first `rows` lines are spoiled; which rows come first differs by download."""
    lines = body.splitlines(keepends=True)
    return b"".join([*(spoiled_line(line, fault) for line in lines[:rows]), *lines[rows:]])


def cut(body: bytes, *, rows: int | None = None, at_byte: int | None = None) -> bytes:
    """The first `rows` whole lines, or the first `at_byte` bytes."""
    if rows is not None:
        return b"".join(body.splitlines(keepends=True)[:rows])
    return body[:at_byte]


def _alien(line: bytes) -> bytes:
    """A row that nobody asked for."""
    return json.dumps(json.loads(line) | {"custom_id": ALIEN}, separators=(",", ":")).encode() + b"\n"
