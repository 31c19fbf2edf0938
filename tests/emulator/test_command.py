"""`lanekeeper emulator` as a process, and what it says to options that make no sense."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from click.testing import CliRunner

from local.emulator.__main__ import main
from tests.emulator.builders import params, requests

HEADERS = {"authorization": "Bearer CANARY", "anthropic-version": "2026-10-21"}


class Running(NamedTuple):
    """The process, what it said at its start, and a client of it."""

    process: subprocess.Popen[str]
    said: list[str]
    http: httpx2.Client

    def interrupt(self) -> tuple[int, str, str]:
        """How it ended, and what it said after its start."""
        self.process.send_signal(signal.SIGINT)
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output, errors


@contextmanager
def running(*options: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "local.emulator", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        said = [process.stdout.readline().strip() for _ in range(3)]
        with httpx2.Client(base_url=said[0], headers=HEADERS, timeout=60) as client:
            try:
                yield Running(process, said, client)
            finally:
                process.kill()


def test_it_prints_its_url_and_how_to_point_a_client_at_it_and_ends_quietly_on_interrupt() -> None:
    with running("--speed", "600", "--seed", "1") as emulator:
        assert emulator.http.post("/v1/messages", json=params("CANARY")).status_code == 200
        assert emulator.interrupt() == (0, "", "")
    url, pointer, pace = emulator.said
    assert f"ANTHROPIC_BASE_URL={url} " in pointer
    assert "a batch takes 0.5 s to 4 s" in pace
    assert "CANARY" not in pointer + pace


def test_an_interrupt_ends_it_quietly_while_clients_wait_for_slow_answers() -> None:
    with running("--speed", "6000") as emulator:
        http = emulator.http
        body = json.dumps(params("[[emulator: hang-after-accept]]")).encode()
        head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n"
        connection = socket.create_connection((http.base_url.host, http.base_url.port or 0))
        connection.sendall(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))
        while http.get("/_emulator/account").json()["requests_executed"] == 0:
            continue
        assert emulator.interrupt() == (0, "", "")
        connection.close()


def test_its_options_hold_after_a_reset_too(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"route": "cancel", "fault": "overloaded", "count": null}]', encoding="utf-8")
    options = ["--seed", "1", "--batch-minutes", "1", "1", "--list-lag", "3600", "--row-faults", "1"]
    with running(*options, "--messages-per-minute", "1", "--faults", str(faults)) as emulator:
        http = emulator.http
        for _ in range(2):
            http.post("/_emulator/reset").raise_for_status()
            batch_id = http.post("/v1/messages/batches", json={"requests": requests(20)}).json()["id"]
            assert http.post(f"/v1/messages/batches/{batch_id}/cancel").status_code == 529
            http.post("/_emulator/clock", json={"advance_seconds": 60}).raise_for_status()
            batch = http.get(f"/v1/messages/batches/{batch_id}").json()
            assert (batch["processing_status"], batch["request_counts"]["succeeded"]) == ("ended", 0)
            assert http.get("/v1/messages/batches").json()["data"] == []
            http.post("/_emulator/clock", json={"advance_seconds": 3600}).raise_for_status()
            assert len(http.get("/v1/messages/batches").json()["data"]) == 1
        answers = [http.post("/v1/messages", json=params()).status_code for _ in range(2)]
    assert answers == [200, 429]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["--batch-minutes", "5", "4"], "LEAST is more than MOST", id="minutes-upside-down"),
        pytest.param(["--speed", "0"], "--speed", id="time-stands-still"),
        pytest.param(["--row-faults", "2"], "--row-faults", id="more-than-all-rows"),
        pytest.param(["--tier", "gold"], "--tier", id="unknown-tier"),
        pytest.param(["--port", "70000"], "--port", id="no-port"),
        pytest.param(["--faults", "none.json"], "does not exist", id="no-file"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str], says: str) -> None:
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 2
    assert says in result.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("[{", "not JSON", id="not-json"),
        pytest.param('{"route": "create", "fault": "drop"}', "should be a valid list", id="no-list"),
        pytest.param('[{"route": "create", "fault": "shrug"}]', "0.fault: Input should be", id="unknown-fault"),
    ],
)
def test_a_file_of_faults_that_makes_no_sense_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "faults.json"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["--faults", str(file)])
    assert result.exit_code == 2
    assert says in re.sub(r"\s+", " ", result.output)


def test_a_taken_port_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["--port", str(port)])
    assert result.exit_code == 1
    assert result.output == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
