"""How an answer is shown: its text for people, the row and the stored line for programs."""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from cli.output import micro_money
from lanekeeper import moments
from lanekeeper.client import Answer, ContentGoneError, FailedError, Outcome, Status
from lanekeeper.models import Lane

LANES = {Lane.REALTIME: "real time", Lane.BATCH: "batch"}


def show(request_id: str, status: Status | None, answer: Answer | None, *, as_json: bool) -> None:
    """Text to stdout and facts to stderr; with `as_json` one line to stdout."""
    if as_json:
        click.echo(_line(request_id, status, answer))
        return
    click.echo(f"{request_id}: {_facts(status)}", err=True)
    if answer is not None:
        _show_answer(answer)


def _show_answer(answer: Answer) -> None:
    try:
        click.echo(_safe("\n".join(_shown(answer.message))))
    except FailedError as error:
        if error.error is not None:
            click.echo(_safe(json.dumps(error.error, ensure_ascii=False)), err=True)
    except ContentGoneError as error:
        click.echo(str(error), err=True)


def _facts(status: Status | None) -> str:
    if status is None:
        return "unknown: none of this id was accepted, or none yet; `lanekeeper send` says what was rejected"
    if status.outcome is None:
        return f"on its way in the {LANES[status.lane]} lane, wanted by {moments.to_text(status.deadline)}"
    cost = "cost unknown" if status.cost_micro_usd is None else micro_money(status.cost_micro_usd)
    cost = "nothing billed" if status.outcome is Outcome.FAILED and status.cost_micro_usd == 0 else cost
    return f"{status.outcome} ({status.reason}), {status.workload}, {LANES[status.lane]}, {status.model}, {cost}"


def _shown(message: Mapping[str, Any]) -> Iterator[str]:
    """The text as it is, and what else a person might look for, a tool call for one, as JSON."""
    for block in message["content"]:
        if block["type"] == "text":
            yield block["text"]
        elif block["type"] not in {"thinking", "redacted_thinking"}:
            yield json.dumps(block, ensure_ascii=False)


def _safe(text: str) -> str:
    """On a terminal without control characters: an answer must not steer it."""
    if not sys.stdout.isatty():
        return text
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)


def _line(request_id: str, status: Status | None, answer: Answer | None) -> str:
    """The stored line goes out as it is: its numbers keep their digits."""
    row = json.dumps({"id": request_id, "request": None if status is None else _row(status)}, ensure_ascii=False)
    line = "null" if answer is None or answer.line is None else answer.line.decode().strip()
    return f'{row[:-1]}, "answer": {line}}}'


def _row(status: Status) -> dict[str, Any]:
    return {
        "request_key": status.key,
        "workload": status.workload,
        "model": status.model,
        "lane": status.lane.value,
        "lane_reason": status.lane_reason,
        "sent_at": moments.to_text(status.sent_at),
        "deadline": moments.to_text(status.deadline),
        "outcome": None if status.outcome is None else status.outcome.value,
        "reason": status.reason,
        "cost_micro_usd": None if status.cost_micro_usd is None else str(status.cost_micro_usd),
        "finished_at": _text(status.finished_at),
        "forgotten_at": _text(status.forgotten_at),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moments.to_text(moment)
