"""Each error meets each call, through the real handlers: nothing is lost, nothing is billed twice, and the move made is
the table's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from lanekeeper import telemetry
from lanekeeper.claude import Claude, connect
from lanekeeper.errors import ClaudeError
from lanekeeper.models import BatchState
from lanekeeper.refusals import MOVES, Call, Kind, Move, kind_of
from local.emulator.faults import Fault
from local.emulator.server import Emulator
from tests.system import System, params

SETTLE = 1800
AFTER_ANY_HOLD = 700  # a person's hold, a lane's, and a retry with its jitter

BY_STATUS: dict[Kind, dict[str, Any]] = {
    Kind.BAD_REQUEST: {"status": 400},
    Kind.ON_HOLD: {"status": 400, "error_code": "organization_on_hold"},
    Kind.AUTHENTICATION: {"status": 401},
    Kind.BILLING: {"status": 402},
    Kind.PERMISSION: {"status": 403},
    Kind.NOT_FOUND: {"status": 404},
    Kind.REQUEST_TIMED_OUT: {"status": 408},
    Kind.CONFLICT: {"status": 409},
    Kind.TOO_LARGE: {"status": 413},
    Kind.UNPROCESSABLE: {"status": 422},
    Kind.RATE_LIMIT: {"status": 429},
    Kind.RATE_LIMIT_WITH_TIME: {"status": 429, "retry_after": "120"},
    Kind.ENFORCED_LIMIT: {"status": 429, "error_code": "enforced_spend_limit_reached"},
    Kind.CONTRACT_LIMIT: {"status": 429, "error_code": "contract_spend_limit_reached"},
    Kind.RAMP_LIMIT: {"status": 429, "error_code": "ramp_limit_exceeded", "retry_after": "60"},
    Kind.CLIENT_GONE: {"status": 499},
    Kind.ANOTHER_4XX: {"status": 418},
    Kind.FAILED: {"status": 500},
    Kind.BAD_GATEWAY: {"status": 502},
    Kind.UNAVAILABLE: {"status": 503},
    Kind.GATEWAY_TIMED_OUT: {"status": 504},
    Kind.PROXY: {"status": 524},
    Kind.OVERLOADED: {"status": 529},
    Kind.ANOTHER_5XX: {"status": 511},
}
ADDRESSES: dict[Call, Callable[[str, str], bool]] = {
    Call.CREATE: lambda method, path: method == "POST" and path.endswith("/batches"),
    Call.LIST: lambda method, path: method == "GET" and path.endswith("/batches"),
    Call.RETRIEVE: lambda method, path: method == "GET" and "/batches/" in path and not path.endswith("/results"),
    Call.RESULTS: lambda _, path: path.endswith("/results"),
    Call.CANCEL: lambda _, path: path.endswith("/cancel"),
    Call.MESSAGES: lambda _, path: path.endswith("/messages"),
}


def _no_connection(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused")


def _no_time(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("too slow")


def _nonsense(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, content=b"<html>Welcome to the airport</html>")


ON_THE_WAY = {Kind.UNREACHABLE: _no_connection, Kind.TIMED_OUT: _no_time, Kind.UNREADABLE: _nonsense}


def strike(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, kind: Kind, call: Call) -> None:
    """The next such call ends in such an error."""
    if kind in BY_STATUS:
        emulator.world.faults.queue(Fault(route=call.value, fault="status", **BY_STATUS[kind]))
    elif kind is Kind.DROPPED:
        emulator.world.faults.queue(Fault(route=call.value, fault="drop"))
    else:
        _on_the_way(monkeypatch, kind, call)


def _on_the_way(monkeypatch: pytest.MonkeyPatch, kind: Kind, call: Call) -> None:
    handle = httpx2.HTTPTransport.handle_request
    struck: list[Call] = []

    def once(transport: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if struck or not ADDRESSES[call](request.method, request.url.path):
            return handle(transport, request)
        struck.append(call)
        return ON_THE_WAY[kind](request)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", once)


@dataclass
class Struck:
    """A system whose next call of a kind ends in an error of a kind."""

    system: System
    kind: Kind
    counted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.system.monkeypatch.setattr(telemetry, "_add", self._count)

    def _count(self, name: str, _unit: object, value: float) -> None:
        if value:
            self.counted.append(name)

    def strike(self, call: Call) -> Move:
        self.counted.clear()
        strike(self.system.emulator, self.system.monkeypatch, self.kind, call)
        return MOVES[self.kind][call]

    @property
    def calls_a_person(self) -> bool:
        return "HoldsForAPerson" in self.counted

    def states(self) -> list[str]:
        return sorted(batch["state"] for batch in self.system.batches())

    def held_lane(self, lane: str) -> str | None:
        (row,) = [item for item in self.system.items("BatchesTable") if item["item_id"] == f"lane#{lane}"] or [{}]
        return row.get("remedy") if "open_until" in row else None


@pytest.fixture(params=Kind, ids=lambda kind: kind.name.lower())
def struck(system: System, request: pytest.FixtureRequest) -> Struck:
    return Struck(system, request.param)


PERSONAL = {Move.HELD_FOR_A_PERSON, Move.AGAIN_FOR_A_PERSON, Move.LATER_FOR_A_PERSON, Move.EVIDENCE}


def test_a_message_is_answered_in_the_end_or_fails_for_its_own_fault(struck: Struck) -> None:
    system = struck.system
    asked = system.ask(workload="live-chat", priority="high")
    system.deliver("RequestQueue")
    move = struck.strike(Call.MESSAGES)
    system.deliver("RealtimeQueue")

    row = system.row(asked, "live-chat") or {}
    kinds = [record["kind"] for record in system.items("LedgerTable")]
    assert row.get("outcome") == ("failed" if move is Move.FAIL else None)
    assert kinds == (["possible_duplicate"] if move is Move.LATER_PERHAPS_BILLED else [])
    assert ("refused_turn" in row) is (move is Move.EVIDENCE)
    assert struck.calls_a_person is (move in PERSONAL)
    assert struck.held_lane("realtime") == ("person" if move is Move.LATER_FOR_A_PERSON else None)

    system.pass_time(AFTER_ANY_HOLD)
    system.make_visible("RealtimeQueue")
    system.deliver("RealtimeQueue")
    row = system.row(asked, "live-chat") or {}
    assert row["outcome"] == ("failed" if move is Move.FAIL else "succeeded")
    assert system.executed() == (0 if move is Move.FAIL else 1)
    assert sum(record["cost_micro_usd"] or 0 for record in system.items("LedgerTable")) == system.billed()
    assert not system.waiting("RealtimeDeadLetterQueue")
    assert struck.held_lane("realtime") is None


def after_a_listing(move: Move, kind: Kind) -> list[str]:
    """A refused listing holds the batch with its reason; one without an answer is simply made again."""
    refused = kind in BY_STATUS and 400 <= BY_STATUS[kind]["status"] < 500
    in_doubt = MOVES[kind][Call.MESSAGES] is Move.LATER_PERHAPS_BILLED
    return ["HELD"] if move is Move.AGAIN_FOR_A_PERSON or (refused and not in_doubt) else ["SEALED"]


AT_ONCE = {kind for kind, row in MOVES.items() if row[Call.MESSAGES] is Move.LATER_FOR_A_PERSON}
AFTER_A_CREATE: dict[Move, list[str]] = {
    Move.HELD: ["HELD"],
    Move.HELD_FOR_A_PERSON: ["HELD"],
    Move.SPLIT: ["SEALED", "SEALED", "SPLIT"],
    Move.SPLIT_ON_EVIDENCE: ["SEALED", "SEALED", "SPLIT"],
    Move.DOUBTFUL: ["SENDING"],
}


def test_a_batch_gets_through_every_call_and_each_request_is_executed_once(struck: Struck) -> None:
    system = struck.system
    asked = [system.ask(params=params(text)) for text in ("One.", "Two.")]

    move = struck.strike(Call.LIST)
    system.run()
    assert struck.states() == after_a_listing(move, struck.kind)
    assert struck.calls_a_person is (move in PERSONAL)
    assert struck.held_lane("batch") == ("person" if struck.kind in AT_ONCE else None)

    move = struck.strike(Call.CREATE)
    system.tick(in_seconds=AFTER_ANY_HOLD)
    assert struck.states() == AFTER_A_CREATE[move]
    assert {batch.get("hold_remedy") for batch in system.batches() if batch["state"] == "HELD"} <= {
        "person" if move in PERSONAL else "patience" if "429" in struck.kind else "none"
    }
    if move is Move.DOUBTFUL:
        system.tick(in_seconds=SETTLE)
    for _ in range(2):
        system.tick(in_seconds=AFTER_ANY_HOLD)
    assert set(struck.states()) <= {"OPEN", "SPLIT"}
    system.let_batches_end()
    system.tick()

    for call in (Call.RETRIEVE, Call.RESULTS):
        before = struck.states()
        move = struck.strike(call)
        collect_one(system)
        assert struck.states() == before
        assert struck.calls_a_person is (move in PERSONAL)
        system.tick(in_seconds=AFTER_ANY_HOLD)
    system.run()

    assert [(system.row(one) or {}).get("outcome") for one in asked] == ["succeeded"] * 2
    assert system.executed() == 2
    assert sum(record["cost_micro_usd"] for record in system.items("LedgerTable")) == system.billed()
    assert not system.waiting("BatchDeadLetterQueue")
    assert not system.waiting("CollectDeadLetterQueue")
    assert struck.held_lane("batch") is None


def collect_one(system: System) -> None:
    batch = min(each["item_id"] for each in system.batches() if each["state"] == BatchState.ENDED)
    body = f'{{"batch": "{batch.removeprefix("batch#")}"}}'
    record = {"messageId": "one", "body": body, "eventSource": "aws:sqs"}
    system.invoke("CollectorFunction", {"Records": [record]})


@pytest.mark.parametrize("kind", Kind)
def test_a_cancel_that_failed_is_told_apart_and_can_be_made_again(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    claude = Claude(connect("sk-test", emulator.url))
    created = emulator.world.create_batch({"requests": [{"custom_id": "S_0", "params": params()}]})
    strike(emulator, monkeypatch, kind, Call.CANCEL)
    with pytest.raises(ClaudeError) as caught:
        claude.cancel(created.id)

    assert kind_of(caught.value) is kind
    assert not emulator.world.retrieve_batch(created.id).ended_at
    assert claude.cancel(created.id).id == created.id
