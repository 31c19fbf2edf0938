"""The demo's producer: lines of a file onto the request queue, as they are."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lanekeeper.client.sending import MOST_BYTES, group_of, packs, send_pack, size_of
from lanekeeper.identity import request_key

TOO_LONG = "message_too_long"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, whatever it holds."""

    number: int
    body: str
    group: str  # the message group: keeps the queue fair between workloads
    key: str | None  # of the request's row; None where the line names no request


@dataclass(frozen=True, slots=True)
class Sent:
    """What SQS said of a line: the message's id, or the code of its refusal."""

    line: Line
    message_id: str | None
    refusal: str | None = None


def read_lines(path: Path) -> list[Line]:
    """All lines but empty ones. Bad ones too: what becomes of them is for Lanekeeper to say."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return [line_of(number, text.strip()) for number, text in enumerate(file, start=1) if text.strip()]


def line_of(number: int, text: str) -> Line:
    request = _object(text)
    workload, request_id = request.get("workload"), request.get("id")
    named = isinstance(workload, str) and isinstance(request_id, str)
    return Line(number, text, group_of(workload), request_key(str(workload), str(request_id)) if named else None)


def send(sqs: Any, queue_url: str, lines: Sequence[Line]) -> Iterator[list[Sent]]:
    """Sends every line once, in order; yields after each call what became of its lines."""
    yield [Sent(line, None, TOO_LONG) for line in lines if size_of(line) > MOST_BYTES]
    for pack in packs(line for line in lines if size_of(line) <= MOST_BYTES):
        receipts = zip(pack, send_pack(sqs, queue_url, pack), strict=True)
        yield [Sent(line, receipt.message_id, receipt.code or None) for line, receipt in receipts]


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
