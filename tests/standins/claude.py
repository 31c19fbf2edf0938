"""Claude in virtual time: misbehaviour on demand, and the truth about every bill.

Our own `lanekeeper.claude` runs as it is. `connect` puts the official client before it; `install` takes a short cut
past that, for runs by the thousand.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import anthropic
import httpx2
import pytest

from lanekeeper import claude as edge
from lanekeeper import secret
from lanekeeper.identity import params_hash
from tests.standins.claude_client import URL, Client
from tests.standins.claude_faults import Fault, Faults, error_reply, failing
from tests.standins.claude_truth import Truth, message_for
from tests.standins.claude_wire import Call, Reply, call_of, document, response_of
from tests.standins.wire import Wire

BATCHES = "/v1/messages/batches"


@dataclass(kw_only=True)
class Delays:
    """How long things take, in seconds."""

    batch: tuple[float, float] = (300, 3_000)  # from created to ended, drawn
    message: float = 2
    listed: float = 0  # until a new batch is in the listing
    found: float = 0  # until a new batch can be retrieved
    results: float = 0  # until the results of an ended batch can be read


@dataclass
class Made:
    """One batch."""

    id: str
    created_at: datetime
    ends_at: datetime
    rows: list[tuple[str, dict[str, Any]]]  # custom_id and params; until it has ended
    canceled: bool = False
    results: list[bytes] | None = None  # a line each, once it has ended
    counts: Counter[str] = field(default_factory=Counter)  # of the results, by type
    told: dict[str, Any] | None = None  # its document, which does not change once it has ended

    @property
    def size(self) -> int:
        """How many requests it has, or had."""
        return len(self.rows) + self.counts.total()


@dataclass
class Claude:
    clock: Callable[[], datetime]
    random: Random
    wire: Wire = field(default_factory=Wire)
    pass_time: Callable[[float], None] = lambda _: None
    delays: Delays = field(default_factory=Delays)
    faults: Faults = field(default_factory=Faults)
    truth: Truth = field(default_factory=Truth)
    batches: list[Made] = field(default_factory=list)  # oldest first
    _by_id: dict[str, Made] = field(default_factory=dict)
    _going_on: list[Made] = field(default_factory=list)

    def connect(self) -> anthropic.Anthropic:
        """A client as lanekeeper.claude makes it."""
        transport = httpx2.MockTransport(lambda request: response_of(self.serve(call_of(request))))
        return anthropic.Anthropic(
            api_key="sk-test",
            base_url=URL,
            max_retries=0,
            timeout=60,
            http_client=httpx2.Client(transport=transport),
            open_telemetry=False,
        )

    def short_cut(self) -> Client:
        """The same without the official client's own work."""
        return Client(self.serve)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever connects to Claude gets to here, by the short cut."""
        client = self.short_cut()
        for module in (edge, secret):
            monkeypatch.setattr(module, "connect", lambda *_: client)

    def batch(self, batch_id: str) -> Made | None:
        return self._by_id.get(batch_id)

    def next_end(self) -> datetime | None:
        """When the next batch ends of those that have not."""
        now = self.clock()
        return min((made.ends_at for made in self._going_on if made.ends_at > now), default=None)

    def settle(self) -> None:
        """Ends every batch whose time has come: only then is anything billed."""
        now = self.clock()
        ended = [made for made in self._going_on if made.ends_at <= now]
        for made in ended:
            rows = [self._row(made, name, params) for name, params in made.rows]
            made.counts.update(row["result"]["type"] for row in rows)
            made.results = [json.dumps(row).encode() + b"\n" for row in rows]
            made.rows = []
            self._going_on.remove(made)

    # the wire

    def serve(self, call: Call) -> Reply:
        """What a call is answered with; raises httpx2's errors where the connection fails."""
        name, deed = self._route(call)
        fault = None

        def effect() -> Reply:
            nonlocal fault
            self.settle()
            fault = self.faults.next(name, call.body)
            if fault is not None and fault.before:
                return failing(fault, self.pass_time, call.timeout)
            if call.length is not None and call.length != len(call.body):
                raise httpx2.LocalProtocolError("the body is not as long as its header says")
            return deed(fault)

        reply = self.wire.call(f"claude.{name}", {"body": call.body, "path": call.path}, effect)
        return failing(fault, self.pass_time, call.timeout) if fault is not None and fault.after else reply

    def _route(self, call: Call) -> tuple[str, Callable[[Fault | None], Reply]]:
        batch_id, _, rest = call.path.removeprefix(BATCHES).lstrip("/").partition("/")
        match call.method, call.path, rest:
            case "POST", "/v1/messages", _:
                return "Messages", lambda _: self._message(json.loads(call.body))
            case "POST", "/v1/messages/count_tokens", _:
                return "CountTokens", lambda _: self._count(json.loads(call.body))
            case "POST", p, _ if p == BATCHES:
                return "Create", lambda _: self._create(json.loads(call.body)["requests"])
            case "GET", p, _ if p == BATCHES:
                return "List", lambda _: self._list(int(call.query.get("limit", 20)), call.query.get("after_id"))
            case "GET", _, "":
                return "Retrieve", lambda _: self._found(batch_id, self._document)
            case "GET", _, "results":
                return "Results", lambda fault: self._found(batch_id, lambda made: self._results(made, fault))
            case "POST", _, "cancel":
                return "Cancel", lambda _: self._found(batch_id, self._cancel)
        raise NotImplementedError(f"{call.method} {call.path}")

    # the calls

    def _message(self, params: dict[str, Any]) -> Reply:
        self.pass_time(self.delays.message)
        asked = params_hash(params)
        outcome = self.truth.outcome_in_realtime(asked)
        if outcome != "succeeded":
            return error_reply(400, outcome)
        message = message_for(asked, params["model"], batch=False)
        self.truth.bill(asked, message, batch=False, at=self.clock())
        return document(message)

    def _count(self, prompt: dict[str, Any]) -> Reply:
        if self.truth.is_bad_prompt(prompt):
            return error_reply(400, "invalid_request_error")
        return document({"input_tokens": len(str(prompt)) // 4})

    def _create(self, requests: list[dict[str, Any]]) -> Reply:
        rows = [(each["custom_id"], each["params"]) for each in requests]
        if not rows or len({name for name, _ in rows}) < len(rows):
            return error_reply(400, "invalid_request_error")
        now = self.clock()
        made = Made(
            id=f"msgbatch_{len(self.batches):06}",
            created_at=now,
            ends_at=now + timedelta(seconds=self.random.uniform(*self.delays.batch)),
            rows=rows,
        )
        self.batches.append(made)
        self._going_on.append(made)
        self._by_id[made.id] = made
        return self._document(made)

    def _list(self, limit: int, after_id: str | None) -> Reply:
        shown = self.clock() - timedelta(seconds=self.delays.listed)
        newest = [made for made in reversed(self.batches) if made.created_at <= shown]
        ids = [made.id for made in newest]
        start = ids.index(after_id) + 1 if after_id in ids else 0
        page = newest[start : start + limit]
        data = [self._describe(made) for made in page]
        return document({"data": data, "has_more": len(newest) > start + limit})

    def _found(self, batch_id: str, answer: Callable[[Made], Reply]) -> Reply:
        made = self.batch(batch_id)
        if made is None or self.clock() < made.created_at + timedelta(seconds=self.delays.found):
            return error_reply(404, "not_found_error")
        return answer(made)

    def _document(self, made: Made) -> Reply:
        return document(self._describe(made))

    def _results(self, made: Made, fault: Fault | None) -> Reply:
        if made.results is None or self.clock() < made.ends_at + timedelta(seconds=self.delays.results):
            return error_reply(404, "not_found_error")
        rows = made.results.copy()
        self.random.shuffle(rows)
        return self.faults.spoil(rows, fault)

    def _cancel(self, made: Made) -> Reply:
        if made.results is not None:
            return error_reply(400, "invalid_request_error")
        made.canceled, made.ends_at = True, min(made.ends_at, self.clock() + timedelta(seconds=30))
        return self._document(made)

    def _describe(self, made: Made) -> dict[str, Any]:
        if made.told is not None:
            return made.told
        counts = {kind: made.counts[kind] for kind in ("succeeded", "errored", "canceled", "expired")}
        ended = made.results is not None
        told = {
            "id": made.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "canceling" if made.canceled else "in_progress",
            "created_at": made.created_at.isoformat(),
            "ended_at": made.ends_at.isoformat() if ended else None,
            "request_counts": counts | {"processing": len(made.rows)},
            "results_url": f"{URL}{BATCHES}/{made.id}/results" if ended else None,
        }
        made.told = told if ended else None
        return told

    def _row(self, made: Made, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        asked = params_hash(params)
        outcome = "canceled" if made.canceled else self.truth.outcome_in_batch(asked)
        if outcome in ("canceled", "expired"):
            return {"custom_id": name, "result": {"type": outcome}}
        if outcome != "succeeded":
            error = {"type": "error", "error": {"type": outcome, "message": ""}, "request_id": None}
            return {"custom_id": name, "result": {"type": "errored", "error": error}}
        message = message_for(asked, params["model"], batch=True)
        self.truth.bill(asked, message, batch=True, at=made.ends_at)
        return {"custom_id": name, "result": {"type": "succeeded", "message": message}}
