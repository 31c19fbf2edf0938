"""A marker in a prompt, such as `[[emulator: 529 retry-after=7 times=2]]`: misbehaviour for one request alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

from pydantic import ValidationError

from local.emulator.downloads import LineFault
from local.emulator.errors import ApiError, invalid
from local.emulator.faults import Fault
from local.emulator.outcomes import OUTCOMES, STOP_REASONS, Outcome, OutcomeName, errored
from local.emulator.refusals import REFUSALS

_OPENING = "[[emulator:"
_STATUS = re.compile("[45][0-9][0-9]")
_MARKER = re.compile(re.escape(_OPENING) + r"([^\[\]]*)\]\]")

# What befalls a Messages call, and leaves a batch's row alone.
CALLS = ("drop", "drop_after_accept", "hang", "hang_after_accept", "delay")
# What befalls a batch's row, and leaves a Messages call alone.
ROWS: tuple[OutcomeName, ...] = ("expired", "canceled", "unknown")
# What befalls a row's line in a download of the results.
LINES: tuple[LineFault, ...] = get_args(LineFault)
NAMES = (*REFUSALS, *CALLS, *ROWS, *sorted(STOP_REASONS), *LINES)
OPTIONS = ("times", "retry_after", "seconds")


@dataclass(frozen=True, slots=True)
class Marker:
    """What one request provokes, in each of the places where it can come by; None: nothing there."""

    call: Fault | None = None  # on its Messages call
    outcome: Outcome | None = None  # of its row in a batch; a stop reason holds for a message too
    line: LineFault | None = None  # in a download of its batch's results
    times: int | None = None  # how often; None: each time


_PLAIN: dict[str, Marker] = {
    **{name: Marker(outcome=OUTCOMES[name]) for name in (*ROWS, *STOP_REASONS)},
    **{line: Marker(line=line) for line in LINES},
}


def find_marker(params: object) -> Marker | None:
    """The marker in the last user message of these parameters, whatever else they are.

    Raises `ApiError` (400) for one that is not understood, and for more than one. It names those that are known and
    never repeats the prompt.
    """
    text = "\n".join(_last_user_texts(params))
    if _OPENING not in text:
        return None
    found = _MARKER.findall(text)
    if len(found) != 1 or text.count(_OPENING) != 1:
        raise _not_understood()
    return _parse(found[0])


def _parse(inside: str) -> Marker:
    name, *rest = inside.replace("-", "_").split() or [""]
    options = dict(_option(word) for word in rest)
    times = _times(options.pop("times", None))
    if name in _PLAIN and not options:
        return replace(_PLAIN[name], times=times)
    kind = {"fault": "status", "status": name} if _STATUS.fullmatch(name) else {"fault": name}
    try:
        call = Fault.model_validate({"route": "messages", **kind, **options})
    except ValidationError as error:
        raise _not_understood() from error
    return Marker(call=call, outcome=errored(call.error) if call.error else None, times=times)


def _option(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if name not in OPTIONS:
        raise _not_understood()
    return name, value


def _times(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("[1-9][0-9]{0,5}", text):
        raise _not_understood()
    return int(text)


def _not_understood() -> ApiError:
    return invalid(
        "The emulator's marker is not understood. One marker in the last user message reads [[emulator: NAME]], with "
        f"options such as times=2. Names: a status from 400 to 599, {', '.join(NAMES)}. Options: "
        f"{', '.join(OPTIONS)}. See docs/emulator.md."
    )


def _last_user_texts(params: object) -> Iterator[str]:
    messages = params.get("messages") if isinstance(params, dict) else None
    turns = [turn for turn in messages if isinstance(turn, dict)] if isinstance(messages, list) else []
    users = [turn for turn in turns if turn.get("role") == "user"]
    content = users[-1].get("content") if users else None
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str):
            yield block["text"]
