"""The emulator of AWS as a child process that leaves nothing behind: ministack, in a process group of its own."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen
from zlib import crc32

from local.host import WORKER
from local.sam import CREDENTIALS, REGION

_START_SECONDS = 30
_STOP_SECONDS = 10
_TAIL_LINES = 25
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - not predictable files of others: a folder of our own, made by mkdir
_ROOMY = 4 * 2**30  # bytes: some thirty workers and much to spare

# What the functions need of the user's environment when they call the real Claude API: they inherit ministack's.
_PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy")


class MinistackFailedError(Exception):
    """ministack did not start; the message ends with the last lines of its log."""


@dataclass(frozen=True, kw_only=True)
class Ministack:
    """A ministack, of this process or left over from an earlier one."""

    pid: int  # also its process group, which holds the functions' workers
    endpoint: str
    certificate: Path | None  # there when it speaks TLS and enforces the functions' roles

    def is_alive(self) -> bool:
        """Whether a ministack answers at the endpoint."""
        return self._health() is not None

    def enforces_roles(self) -> bool:
        """Whether it checks each call against the caller's permissions, by its own account."""
        return (self._health() or {}).get("auth") == "enabled"

    def _health(self) -> dict[str, Any] | None:
        trust = ssl.create_default_context(cafile=self.certificate) if self.certificate_exists() else None
        try:
            with urlopen(f"{self.endpoint}/_ministack/health", timeout=5, context=trust) as answer:  # noqa: S310
                health: dict[str, Any] = json.load(answer)
        except (URLError, OSError, ValueError):
            return None
        return health

    def certificate_exists(self) -> bool:
        return self.certificate is not None and self.certificate.exists()

    def stop(self) -> None:
        """Asks it and its workers to end, and makes them when they do not within ten seconds."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGTERM)
            end = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < end and not _ended(self.pid):
                time.sleep(0.05)
            os.killpg(self.pid, signal.SIGKILL)


def start(folder: Path, *, secured: bool = False) -> Ministack:
    """Starts ministack on a free port of the loopback interface; its state and log lie in the folder.

    `secured` makes it enforce the functions' roles and the queues' and the bucket's TLS-only policies.
    """
    delete_scratch(folder)
    scratch = _new_scratch(folder)
    port = _free_port()
    ministack = Ministack(
        pid=_launch(scratch, folder / "ministack.log", _environment(scratch, port, secured=secured)),
        endpoint=f"https://localhost:{port}" if secured else f"http://127.0.0.1:{port}",
        certificate=scratch / "tmp/ministack-tls/server.crt" if secured else None,
    )
    _wait_until_alive(ministack, folder / "ministack.log")
    return ministack


def delete_scratch(folder: Path) -> None:
    """Deletes ministack's state and the copies of code and layer that its workers made, some 40 MB each."""
    for place in _places(folder):
        shutil.rmtree(place, ignore_errors=True)


def _launch(scratch: Path, log: Path, environment: dict[str, str]) -> int:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own tool
            [str(WORKER), "-m", "ministack"],
            env=environment,
            cwd=scratch,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process.pid


def _environment(scratch: Path, port: int, *, secured: bool) -> dict[str, str]:
    """All that ministack and the functions in it know: a stray AWS_ENDPOINT_URL or CA bundle breaks the handlers."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    places = {"HOME": str(scratch), "TMPDIR": str(scratch / "tmp"), "STATE_DIR": str(scratch / "state")}
    loopback = {"BIND_HOST": "127.0.0.1", "NO_PROXY": "localhost,127.0.0.1", "IOT_MTLS_ENABLED": "0"}
    address = {"GATEWAY_PORT": str(port), "MINISTACK_HOST": "localhost" if secured else "127.0.0.1"}
    checks = {"AUTH": "true", "USE_SSL": "1"} if secured else {}
    account = CREDENTIALS | {"AWS_DEFAULT_REGION": REGION}
    return passed_on | places | loopback | address | checks | account | {"PATH": os.defpath}


def _wait_until_alive(ministack: Ministack, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and not _ended(ministack.pid):
        if ministack.is_alive():
            return
        time.sleep(0.05)
    ministack.stop()
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
    raise MinistackFailedError(f"ministack did not start at {ministack.endpoint}. Its log {log} ends with:\n{tail}")


def _ended(pid: int) -> bool:
    """Whether the process has ended; one of our own is also taken off the system's table."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _new_scratch(folder: Path) -> Path:
    """In memory where there is room: unpacking the layer for a worker costs a quarter of what it does on disk."""
    in_memory, on_disk = _places(folder)
    has_room = in_memory.parent.is_dir() and shutil.disk_usage(in_memory.parent).free > _ROOMY
    scratch = in_memory if has_room else on_disk
    scratch.mkdir(mode=0o700)
    for each in ("tmp", "state"):
        (scratch / each).mkdir()
    return scratch


def _places(folder: Path) -> tuple[Path, Path]:
    """Where the scratch of this folder's stack can lie, on every run the same: a killed run's is found again."""
    return _SHARED_MEMORY / f"lanekeeper-{crc32(str(folder.resolve()).encode()):08x}", folder / "ministack"
