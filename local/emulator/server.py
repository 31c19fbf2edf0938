"""The emulator behind a real socket."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.emulator.app import create_app
from local.emulator.misbehaviour import CONNECTION, until_gone
from local.emulator.world import World

STARTUP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator: `url` is what a client takes as its base URL."""

    url: str
    world: World


class _Protocol(H11Protocol):
    """HTTP/1.1 that lets the application do with its connection what no proper answer would."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        application = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {CONNECTION: transport}
            try:
                await application(scope, receive, send)
            except asyncio.CancelledError:
                transport.abort()
                await until_gone(receive)

        self.app = with_connection


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers that are under way, for emulated hours perhaps, end with the server: their connections close."""
        for task in self.server_state.tasks:
            task.cancel()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()


@contextmanager
def serve(world: World, port: int = 0) -> Iterator[Emulator]:
    """Serve `world` on 127.0.0.1 from a thread; port 0 takes a free one. Raises `OSError` where the port is taken."""
    listening = threading.Event()
    with _listen("127.0.0.1", port) as listener:
        server = _Server(_config(world), listening.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="emulator", daemon=True)
        thread.start()
        try:
            if not listening.wait(STARTUP_SECONDS):
                raise TimeoutError("the emulator did not start")
            yield Emulator(_url(listener), world)
        finally:
            server.should_exit = True
            thread.join()


def run(world: World, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Serve until interrupted; `on_listening` is told the URL. Raises `OSError` where the port is taken."""
    # The server hands an interrupt on once it has stopped; here it is the ordinary way to end.
    with _listen(host, port) as listener, suppress(KeyboardInterrupt):
        _Server(_config(world), lambda: on_listening(_url(listener))).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    # Named as TCP, asyncio sends small writes at once; unnamed, each answer would wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def _config(world: World) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(world),
        http=_Protocol,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=1,
        # Nothing that a client sends is ever written down, and how warnings are logged is the caller's choice.
        access_log=False,
        log_level="warning",
        log_config=None,
    )
