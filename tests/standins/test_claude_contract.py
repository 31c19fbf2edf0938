"""The stand-in of Claude answers our own edge as the emulator's socket does, call by call: through the official client,
and by the short cut past it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from lanekeeper.advance import TooLateToSendError
from lanekeeper.claude import Claude, connect
from lanekeeper.errors import ClaudeError, ClaudeRefusedError, ClaudeUnclearError
from local.emulator.faults import Fault
from local.emulator.server import Emulator
from tests.standins.claude import Claude as StandIn
from tests.standins.claude import Delays
from tests.system import params, refusable

Known = dict[str, Any]


class Ours:
    """The stand-in, and what a script may do to it."""

    def __init__(self, connected: Callable[[StandIn], Any]) -> None:
        self.now = datetime(2026, 11, 23, 9, tzinfo=UTC)
        self.world = StandIn(clock=lambda: self.now, random=Random(1), delays=Delays(batch=(60, 60)))
        self.world.truth.plan(refusable(), "invalid_request_error", "invalid_request_error")
        self.claude = Claude(connected(self.world))

    def pass_time(self) -> None:
        self.now += timedelta(hours=2)

    def fault(self, call: str, how: str, **more: Any) -> None:
        self.world.faults.queue(call=call, how=how, **more)


class Theirs:
    """The emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.claude = Claude(connect("sk-test", emulator.url))

    def pass_time(self) -> None:
        self.emulator.world.clock.advance(7200)

    def fault(self, call: str, how: str, **more: Any) -> None:
        named = {"kind": "error_type", "code": "error_code"}
        fields: dict[str, Any] = {named.get(name, name): value for name, value in more.items() if name != "after"}
        kind = how + ("_after_accept" if more.get("after") else "")
        self.emulator.world.faults.queue(
            Fault(route=ROUTES[call], **{"fault": kind, **fields, **DOWNLOADS.get(how, {})})
        )


ROUTES: Any = {
    "Create": "create",
    "List": "list",
    "Retrieve": "retrieve",
    "Results": "results",
    "Cancel": "cancel",
    "Messages": "messages",
    "CountTokens": "count_tokens",
}
DOWNLOADS: dict[str, Any] = {
    "short": {"fault": "missing"},
    "cut": {"fault": "cut", "at_byte": 100, "ending": "clean"},
    "broken": {"fault": "cut", "rows": 1, "ending": "broken_chunk"},
}


Step = Callable[[Any, Known], Any]


def create(*requests: dict[str, Any]) -> Step:
    rows = [{"custom_id": f"S_{number}", "params": each} for number, each in enumerate(requests)]
    body = json.dumps({"requests": rows}).encode()

    def step(side: Any, known: Known) -> Any:
        made = side.claude.create(lambda: iter([body]), size=len(body), timeout=5)
        known["batch"] = made
        return made.ended, made.ended_at, made.results_path, dict(made.counts), made.total

    return step


def answer(asked: dict[str, Any]) -> Step:
    def step(side: Any, _: Known) -> Any:
        message = json.loads(side.claude.answer(json.dumps(asked).encode(), timeout=5))
        return message["model"], message["stop_reason"], message["usage"]["service_tier"]

    return step


def newest(side: Any, known: Known) -> Any:
    found = side.claude.newest()
    return found if found is None else found.id == known["batch"].id


def adopt_newest(side: Any, known: Known) -> Any:
    (known["batch"],) = side.claude.listed()
    return known["batch"].total


def since_nothing(side: Any, _: Known) -> Any:
    return [batch.total for batch in side.claude.listed()]


def retrieve(side: Any, known: Known) -> Any:
    known["batch"] = side.claude.retrieve(known["batch"].id)
    return known["batch"].ended, dict(known["batch"].counts)


def results(side: Any, known: Known) -> Any:
    with side.claude.results(known["batch"]) as lines:
        rows = [json.loads(line) for line in lines if line]
    return sorted((row["custom_id"], row["result"]["type"]) for row in rows)


def last_row_is_whole(side: Any, known: Known) -> bool:
    with side.claude.results(known["batch"]) as lines:
        *_, last = (line for line in lines if line)
    return bool(last.endswith(b"}"))


def cancel(side: Any, known: Known) -> Any:
    return side.claude.cancel(known["batch"].id).ended


def takes_prompt(asked: dict[str, Any]) -> Step:
    return lambda side, _: side.claude.takes_prompt(asked, timeout=5)


def too_short(side: Any, _: Known) -> Any:
    return side.claude.create(lambda: iter([b"{}"]), size=3, timeout=5)


def too_late(side: Any, _: Known) -> Any:
    def body() -> Iterator[bytes]:
        raise TooLateToSendError("the time of this function was over")
        yield b""

    return side.claude.create(body, size=3, timeout=5)


def pass_time(side: Any, _: Known) -> None:
    side.pass_time()


def fault(call: str, how: str, **more: Any) -> Step:
    return lambda side, _: side.fault(call, how, **more)


TWO = create(params("one"), params("two"))
ENDED = [TWO, pass_time, retrieve]
EVERY_CALL: dict[str, Step] = {
    "List": since_nothing,
    "Retrieve": retrieve,
    "Results": results,
    "Cancel": cancel,
    "Messages": answer(params()),
    "CountTokens": takes_prompt(params()),
    "Create": TWO,
}
REFUSALS: dict[str, Any] = {
    "dropped": {"how": "drop"},
    "refused": {"how": "status", "status": 429, "kind": "rate_limit_error", "retry_after": 7},
    "failing": {"how": "status", "status": 502, "kind": "api_error"},
}


def spoiled(call: str, how: str, **more: Any) -> list[Step]:
    """A call that meets a fault, and once more without."""
    return [fault(call, how, **more), EVERY_CALL[call], EVERY_CALL[call]]


SCRIPTS: dict[str, list[Step]] = {
    "a-message": [answer(params()), answer(refusable())],
    "a-count": [takes_prompt(params())],
    "a-batch": [newest, TWO, newest, since_nothing, retrieve, results, pass_time, retrieve, results],
    "a-bad-row": [create(params(), refusable()), pass_time, retrieve, results],
    "several-batches": [TWO, create(params()), newest, since_nothing],
    "a-cancel": [TWO, cancel, cancel],
    "overloaded": [fault("Create", "status", status=529, kind="overloaded_error"), TWO, since_nothing],
    "a-code-and-a-time": [
        fault("Create", "status", status=429, kind="rate_limit_error", code="ramp_limit_exceeded", retry_after=7),
        TWO,
    ],
    "an-answer-lost": [fault("Create", "drop", after=True), TWO, adopt_newest, retrieve],
    "an-error-after-all": [fault("Create", "status", status=500, kind="api_error", after=True), TWO, adopt_newest],
    "a-row-twice": [*ENDED, fault("Results", "doubled"), lambda side, known: len(results(side, known))],
    "a-row-missing": [*ENDED, fault("Results", "short"), lambda side, known: len(results(side, known))],
    "a-row-cut": [*ENDED, fault("Results", "cut"), last_row_is_whole, last_row_is_whole],
    "a-stream-broken": [*ENDED, fault("Results", "broken"), results, results],
    "a-body-that-is-not-all": [too_short, since_nothing],
    "a-body-that-comes-too-late": [too_late, since_nothing],
} | {
    f"every-call-{name}": [*ENDED, *(step for call in EVERY_CALL for step in spoiled(call, **fields))]
    for name, fields in REFUSALS.items()
}
# The emulator would take real time for the one, and for the other it must not be there.
UNTOLD_BY_THE_EMULATOR: dict[str, list[Step]] = {
    f"{how}{'-after' * after}": [*ENDED, *(step for call in EVERY_CALL for step in spoiled(call, how, after=after))]
    for how in ("hang", "unreachable")
    for after in (False, True)
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_stand_in_answers_as_the_emulator_does(emulator: Emulator, script: str) -> None:
    theirs = run(SCRIPTS[script], Theirs(emulator))
    assert run(SCRIPTS[script], Ours(StandIn.connect)) == theirs
    assert run(SCRIPTS[script], Ours(StandIn.short_cut)) == theirs


@pytest.mark.parametrize("script", UNTOLD_BY_THE_EMULATOR)
def test_the_short_cut_fails_as_the_official_client_does(script: str) -> None:
    steps = UNTOLD_BY_THE_EMULATOR[script]
    assert run(steps, Ours(StandIn.short_cut)) == run(steps, Ours(StandIn.connect))


def test_the_short_cut_passes_as_much_time_in_a_call_that_hangs() -> None:
    waits: list[float] = []
    for connected in (StandIn.connect, StandIn.short_cut):
        side = Ours(connected)
        side.world.pass_time = waits.append
        run([TWO, *(step for call in EVERY_CALL for step in spoiled(call, "hang"))], side)
    assert waits[: len(waits) // 2] == waits[len(waits) // 2 :]


def run(steps: list[Step], side: Any) -> list[Any]:
    known: Known = {}
    return [outcome(step, side, known) for step in steps]


def outcome(step: Step, side: Any, known: Known) -> Any:
    try:
        return step(side, known)
    except ClaudeRefusedError as error:
        return error.status, error.error_type, error.error_code, error.retry_after
    except ClaudeUnclearError as error:
        return type(error).__name__, error.status, error.timed_out
    except ClaudeError as error:
        return type(error).__name__
