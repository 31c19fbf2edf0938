"""The emulator's own routes, and how it is run."""

import json
import socket
from contextlib import suppress

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.emulator.clock import ManualClock
from local.emulator.errors import ApiError
from local.emulator.faults import Fault
from local.emulator.server import Emulator, serve
from local.emulator.world import World
from tests.emulator.builders import params, request, requests


def test_a_reset_forgets_everything_but_the_time(http: httpx2.Client, world: World) -> None:
    world.create_batch({"requests": requests(1)})
    world.faults.queue(Fault(route="messages", fault="drop"))
    world.clock.advance(1800)
    before = http.get("/_emulator/clock").json()
    assert http.post("/_emulator/reset").status_code == 200
    assert http.get("/_emulator/account").json()["batches"] == 0
    assert http.get("/_emulator/faults").json() == []
    assert http.get("/v1/messages/batches").json()["data"] == []
    assert http.get("/_emulator/clock").json() == before


def test_time_can_be_moved_from_outside(http: httpx2.Client, world: World) -> None:
    batch = world.create_batch({"requests": requests(1)})
    answer = http.post("/_emulator/clock", json={"advance_seconds": 1800})
    assert answer.json() == {"now": "2026-11-23T09:30:00.000000Z", "speed": 0}
    assert http.get(f"/v1/messages/batches/{batch.id}").json()["processing_status"] == "ended"


@pytest.mark.parametrize("body", ["{}", '{"advance_seconds": -1}', '{"advance_seconds": "soon"}', "soon"])
def test_time_cannot_be_moved_by_nonsense(http: httpx2.Client, body: str) -> None:
    assert http.post("/_emulator/clock", content=body).status_code == 400


def test_a_taken_port_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), serve(World(clock=ManualClock()), port):
            pass


def test_an_emulator_that_has_stopped_leaves_its_port_free() -> None:
    with serve(World(clock=ManualClock())) as emulator:
        url, port = emulator.url, int(emulator.url.rsplit(":", 1)[1])
        assert httpx2.get(url + "/_emulator/clock").status_code == 200
    with serve(World(clock=ManualClock()), port) as again:
        assert again.url == url


def test_an_emulator_stops_at_once_and_quietly_while_somebody_waits(caplog: pytest.LogCaptureFixture) -> None:
    with serve(World(clock=ManualClock())) as emulator:
        emulator.world.faults.queue(Fault(route="models", fault="hang_after_accept"))
        host, port = emulator.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)))
        connection.sendall(
            b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n\r\n"
        )
        while emulator.world.faults.waiting:
            continue
    with connection, suppress(ConnectionResetError):
        assert connection.recv(1000) == b""
    assert caplog.records == []


def test_a_batch_sent_by_half_does_not_exist(
    running: Emulator, http: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = running.url.removeprefix("http://").split(":")
    head = b"POST /v1/messages/batches HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + b'content-length: 1000\r\n\r\n{"requests":[')
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000) == b""
    assert http.get("/v1/messages/batches").json()["data"] == []
    assert caplog.records == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(sorted([*params(), "system", "tools", "cache_control", "temperature", "stop_sequences"]))


@settings(deadline=None)
@given(changes=st.dictionaries(names, json_values, max_size=3))
def test_no_parameters_whatever_make_it_stumble(changes: dict) -> None:
    world = World(clock=ManualClock())
    with suppress(ApiError):
        world.finish_message(world.begin_message(params() | changes))
    batch = world.create_batch({"requests": [{"custom_id": "a", "params": params() | changes}]})
    world.clock.advance(7200)
    assert json.loads(next(world.batch_results(batch.id)))["custom_id"] == "a"


@settings(deadline=None)
@given(body=json_values | st.lists(json_values).map(lambda items: {"requests": [request("a"), *items]}))
def test_no_batch_whatever_makes_it_stumble(body: object) -> None:
    world = World(clock=ManualClock())
    with suppress(ApiError):
        world.create_batch(body)
