"""The demo's producer: lines of a file onto the request queue, ten messages and at most 1 MiB a call."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lanekeeper.identity import request_key

MOST_MESSAGES = 10  # of one SendMessageBatch
MOST_BYTES = 1_048_576  # of one message, and of all messages of one call
_GROUP = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, whatever it holds."""

    number: int
    text: str
    group: str  # the message group: keeps the queue fair between workloads
    key: str | None  # of the request's row; None where the line names no request

    @property
    def size(self) -> int:
        return len(self.text.encode())


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
    group = workload if isinstance(workload, str) and _GROUP.fullmatch(workload) else "unreadable"
    return Line(number, text, group, request_key(str(workload), str(request_id)) if named else None)


def send(sqs: Any, queue_url: str, lines: Sequence[Line]) -> Iterator[list[Sent]]:
    """Sends every line once, in order; yields after each call what became of its lines."""
    yield [Sent(line, None, "message_too_long") for line in lines if line.size > MOST_BYTES]
    for pack in packs(line for line in lines if line.size <= MOST_BYTES):
        yield _send_pack(sqs, queue_url, pack)


def packs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """As many lines as one call takes, and again."""
    pack: list[Line] = []
    size = 0
    for line in lines:
        if pack and (len(pack) == MOST_MESSAGES or size + line.size > MOST_BYTES):
            yield pack
            pack, size = [], 0
        pack.append(line)
        size += line.size
    if pack:
        yield pack


def _send_pack(sqs: Any, queue_url: str, pack: Sequence[Line]) -> list[Sent]:
    entries = [{"Id": str(n), "MessageBody": line.text, "MessageGroupId": line.group} for n, line in enumerate(pack)]
    try:
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
    except ClientError as error:
        return _refused_whole(sqs, queue_url, pack, str(error.response["Error"]["Code"]))
    ids = {entry["Id"]: entry["MessageId"] for entry in answer.get("Successful", [])}
    codes = {entry["Id"]: entry["Code"] for entry in answer.get("Failed", [])}
    return [Sent(line, ids.get(str(n)), codes.get(str(n))) for n, line in enumerate(pack)]


def _refused_whole(sqs: Any, queue_url: str, pack: Sequence[Line], code: str) -> list[Sent]:
    """One line spoils a call: send each by itself, so that only that one is refused."""
    if len(pack) == 1:
        return [Sent(pack[0], None, code)]
    return [sent for line in pack for sent in _send_pack(sqs, queue_url, [line])]


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
