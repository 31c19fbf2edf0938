"""Ways in which Claude, or the way to it, fails a call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.standins.claude_wire import Reply, document


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One misbehaviour, for the next calls of its kind.

    `how`: `status` (refused, nothing happened), `unreachable`, `drop` (the connection breaks, nothing happened), `hang`
    (the same after the whole timeout); with `after` the call happens first and only its answer is lost. For results:
    `cut` (ends inside a row), `short` (a row is missing), `doubled`, `broken` (the connection breaks between rows).
    With `about`, only a call whose body has these words.
    """

    call: str  # Create, List, Retrieve, Results, Cancel, Messages, CountTokens
    how: str = "status"
    status: int = 529
    kind: str = "overloaded_error"
    code: str | None = None
    retry_after: float | None = None
    after: bool = False
    times: int = 1
    about: str = ""

    @property
    def before(self) -> bool:
        return not self.after and self.how in ("status", "unreachable", "drop", "hang")


@dataclass
class Faults:
    waiting: list[Fault] = field(default_factory=list)
    draw: Callable[[str], Fault | None] | None = None  # one for any call, at random

    def queue(self, **fields: Any) -> None:
        fault = Fault(**fields)
        self.waiting += [fault] * fault.times

    def next(self, call: str, body: bytes = b"") -> Fault | None:
        for fault in self.waiting:
            if fault.call == call and fault.about.encode() in body:
                self.waiting.remove(fault)
                return fault
        return self.draw(call) if self.draw is not None else None

    def spoil(self, rows: list[bytes], fault: Fault | None) -> Reply:
        """The results' answer, as the fault has it."""
        match fault.how if fault is not None else "":
            case "cut":
                return Reply(200, [b"".join(rows)[:-7]])
            case "short":
                return Reply(200, rows[1:])
            case "doubled":
                return Reply(200, [rows[0], *rows])
            case "broken":
                return Reply(200, _broken(rows[: len(rows) // 2]))
        return Reply(200, rows)


def failing(fault: Fault, pass_time: Callable[[float], None], timeout: float) -> Reply:
    """Raises, or returns the error that takes the answer's place."""
    match fault.how:
        case "unreachable":
            raise httpx2.ConnectError("unreachable")
        case "drop":
            raise httpx2.ReadError("dropped")
        case "hang":
            pass_time(timeout)
            raise httpx2.ReadTimeout("too slow")
    return error_reply(fault.status, fault.kind, code=fault.code, retry_after=fault.retry_after)


def error_reply(status: int, kind: str, *, code: str | None = None, retry_after: float | None = None) -> Reply:
    error = {"type": kind, "message": "no"} | ({"details": {"error_code": code}} if code else {})
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return document({"type": "error", "error": error, "request_id": "req_test"}, status, headers)


def _broken(rows: list[bytes]) -> Iterator[bytes]:
    yield from rows
    raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")
