"""The edge to Claude: one call is one call, no error quotes a request, and our key goes to no other host."""

import json
import socket
from collections.abc import Callable, Iterator

import pytest

from lanekeeper.claude import Claude, batch_of, connect
from lanekeeper.errors import ClaudeError, ClaudeUnclearError, ClaudeUnreachableError
from local.emulator.faults import Fault
from local.emulator.server import Emulator
from tests.system import params

CANARY = "canary-7f3a@example.org"


def call(claude: Claude) -> None:
    claude.answer(json.dumps(params(CANARY)).encode(), timeout=5)


def create(claude: Claude) -> None:
    body = json.dumps({"requests": [{"custom_id": "S_0", "params": params(CANARY)}]}).encode()
    claude.create(lambda: iter([body]), size=len(body), timeout=5)


@pytest.fixture
def silence() -> Iterator[str]:
    """A host that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__ if not error.__suppress_context__ else error.__cause__


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"fault": "status", "status": 400, "message": CANARY}, id="refused"),
        pytest.param({"fault": "status", "status": 500, "message": CANARY}, id="server-error"),
        pytest.param({"fault": "drop"}, id="dropped"),
    ],
)
@pytest.mark.parametrize(("route", "deed"), [("messages", call), ("create", create)])
def test_an_error_brings_no_cause_that_may_quote_the_request(
    emulator: Emulator, route: str, deed: Callable[[Claude], None], fault: dict[str, object]
) -> None:
    emulator.world.faults.queue(Fault(route=route, **fault))
    with pytest.raises(ClaudeError) as caught:
        deed(Claude(connect("sk-test", emulator.url)))

    errors = list(chain(caught.value))
    assert errors == [caught.value]
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("deed", [call, create])
def test_a_call_that_reached_nobody_is_told_from_one_in_doubt(deed: Callable[[Claude], None]) -> None:
    with pytest.raises(ClaudeUnreachableError) as caught:
        deed(Claude(connect("sk-test", "http://127.0.0.1:9")))
    assert list(chain(caught.value)) == [caught.value]


def test_a_call_that_ran_out_of_time_says_so(silence: str) -> None:
    with pytest.raises(ClaudeUnclearError) as caught:
        Claude(connect("sk-test", silence)).answer(b"{}", timeout=0.05)
    assert (caught.value.timed_out, caught.value.status) == (True, None)


@pytest.mark.parametrize("fault", ["drop_after_accept", "status_after_accept"])
@pytest.mark.parametrize(("route", "deed"), [("messages", call), ("create", create)])
def test_no_call_is_repeated_by_the_client_itself(
    emulator: Emulator, route: str, deed: Callable[[Claude], None], fault: str
) -> None:
    status = {"status": 500} if fault == "status_after_accept" else {}
    for _ in range(2):
        emulator.world.faults.queue(Fault(route=route, fault=fault, **status))
    with pytest.raises(ClaudeUnclearError):
        deed(Claude(connect("sk-test", emulator.url)))

    assert len(emulator.world.faults.waiting) == 1


def test_results_are_fetched_from_claude_whatever_host_their_address_names(emulator: Emulator) -> None:
    created = emulator.world.create_batch({"requests": [{"custom_id": "S_0", "params": params()}]})
    emulator.world.clock.advance(3600)
    claude = Claude(connect("sk-test", emulator.url))
    address = f"http://127.0.0.1:9/v1/messages/batches/{created.id}/results"
    listed = batch_of(claude._get(f"/v1/messages/batches/{created.id}").json() | {"results_url": address})

    with claude.results(listed) as lines:
        assert [json.loads(line)["custom_id"] for line in lines if line] == ["S_0"]


def test_an_answer_that_is_no_batch_is_unclear_and_quotes_nothing(emulator: Emulator) -> None:
    with pytest.raises(ClaudeUnclearError) as caught:
        Claude(connect("sk-test", emulator.url)).retrieve("../../models/claude-sonnet-4-6")
    assert list(chain(caught.value)) == [caught.value]
