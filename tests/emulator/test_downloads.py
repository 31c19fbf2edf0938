"""Each way in which a download of results can be wrong, as the official client and a plain one meet it."""

import json
import re
import socket
from collections.abc import Callable

import httpx2
import pytest
from anthropic import Anthropic

from local.emulator.downloads import ALIEN, LineFault
from local.emulator.faults import Fault
from local.emulator.world import World
from tests.emulator.builders import requests

ROWS = 10


@pytest.fixture
def batch_id(claude: Anthropic, world: World) -> str:
    """A batch of ten rows that has ended."""
    batch = claude.messages.batches.create(requests=requests(ROWS))
    world.clock.advance(1800)
    return batch.id


def lines_of(http: httpx2.Client, batch_id: str) -> list[bytes]:
    return http.get(f"/v1/messages/batches/{batch_id}/results").content.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("fault", "rows"),
    [
        pytest.param({"rows": 0}, 0, id="empty"),
        pytest.param({"rows": 3}, 3, id="clean-end"),
        pytest.param({"rows": 3, "ending": "clean"}, 3, id="clean-end-said"),
        pytest.param({"rows": 3, "ending": "connection_close"}, 3, id="connection-closed"),
        pytest.param({"rows": 0, "ending": "connection_close"}, 0, id="empty-connection-closed"),
        pytest.param({"rows": 3, "ending": "length_too_short"}, 3, id="content-length-too-short"),
    ],
)
def test_a_download_cut_at_a_line_end_can_look_like_a_whole_one(
    claude: Anthropic, world: World, batch_id: str, fault: dict, rows: int
) -> None:
    world.faults.queue(Fault(route="results", fault="cut", **fault))
    assert len(list(claude.messages.batches.results(batch_id))) == rows
    assert len(list(claude.messages.batches.results(batch_id))) == ROWS


@pytest.mark.parametrize(
    "place", [{"rows": 3}, {"at_byte": 700}, {"at_byte": 0}], ids=["line-end", "in-a-row", "start"]
)
@pytest.mark.parametrize("ending", ["broken_chunk", "length_too_long"])
def test_a_connection_that_breaks_is_a_protocol_error_that_the_client_does_not_wrap(
    claude: Anthropic, world: World, batch_id: str, ending: str, place: dict
) -> None:
    world.faults.queue(Fault(route="results", fault="cut", ending=ending, **place))
    with pytest.raises(httpx2.RemoteProtocolError):
        list(claude.messages.batches.results(batch_id))
    assert len(list(claude.messages.batches.results(batch_id))) == ROWS


@pytest.mark.parametrize("ending", ["clean", "connection_close", "length_too_short"])
def test_a_download_cut_in_a_row_ends_in_half_a_row(
    claude: Anthropic, http: httpx2.Client, world: World, batch_id: str, ending: str
) -> None:
    world.faults.queue(Fault(route="results", fault="cut", at_byte=700, ending=ending, count=2))
    assert sum(len(line) for line in lines_of(http, batch_id)) == 700
    with pytest.raises(json.JSONDecodeError):
        list(claude.messages.batches.results(batch_id))


def test_a_download_can_be_cut_at_every_byte(http: httpx2.Client, world: World) -> None:
    batch = world.create_batch({"requests": requests(1, max_tokens=1)})
    world.clock.advance(1800)
    (whole,) = lines_of(http, batch.id)
    for byte in range(len(whole)):
        world.faults.queue(Fault(route="results", fault="cut", at_byte=byte))
        assert b"".join(lines_of(http, batch.id)) == whole[:byte]


def test_a_content_length_too_short_leaves_more_on_the_wire_than_it_says(
    http: httpx2.Client, world: World, batch_id: str
) -> None:
    whole = sum(map(len, lines_of(http, batch_id)))
    world.faults.queue(Fault(route="results", fault="cut", rows=3, ending="length_too_short"))
    head = f"GET /v1/messages/batches/{batch_id}/results HTTP/1.1\r\nhost: x\r\n"
    with socket.create_connection((http.base_url.host, http.base_url.port or 0)) as connection:
        connection.sendall(f"{head}x-api-key: k\r\nanthropic-version: 2023-06-01\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    headers, _, sent = answer.partition(b"\r\n\r\n")
    (said,) = re.findall(rb"content-length: (\d+)", headers)
    assert int(said) < len(sent) == whole
    assert b"request-id: req_01" in headers


def not_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize(
    ("fault", "lines", "odd"),
    [
        pytest.param("garbled", ROWS, not_json, id="garbled"),
        pytest.param("doubled", ROWS + 2, None, id="doubled"),
        pytest.param("missing", ROWS - 2, None, id="missing"),
        pytest.param("alien", ROWS + 2, lambda line: json.loads(line)["custom_id"] == ALIEN, id="alien"),
    ],
)
def test_lines_can_be_wrong_in_a_download_that_is_whole_otherwise(
    http: httpx2.Client, world: World, batch_id: str, fault: LineFault, lines: int, odd: Callable[[bytes], bool] | None
) -> None:
    good = set(lines_of(http, batch_id))
    world.faults.queue(Fault(route="results", fault=fault, rows=2))
    spoiled = lines_of(http, batch_id)
    assert len(spoiled) == lines
    wrong = [line for line in spoiled if line not in good]
    assert len(wrong) == (2 if odd else 0)
    assert odd is None or all(odd(line) for line in wrong)
    assert set(lines_of(http, batch_id)) == good


def test_one_line_is_spoiled_unless_more_are_asked_for(http: httpx2.Client, world: World, batch_id: str) -> None:
    world.faults.queue(Fault(route="results", fault="missing"))
    assert len(lines_of(http, batch_id)) == ROWS - 1
