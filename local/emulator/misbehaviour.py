"""How a fault changes a call: around the route's handler, which knows nothing of it."""

from collections.abc import Awaitable, Callable
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from local.emulator.clock import Clock
from local.emulator.downloads import LineFault, cut, spoiled
from local.emulator.faults import Fault

# The server offers this ASGI extension: the connection itself.
CONNECTION = "emulator.connection"

Handler = Callable[[Request], Awaitable[Response]]


class Dropped(Response):
    """No answer at all: the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        scope["extensions"][CONNECTION].abort()
        await until_gone(receive)


class Hanging(Response):
    """No answer at all, and the connection stays open for as long as the client has patience."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        await until_gone(receive)


class Raw(Response):
    """These bytes after these headers, whether they fit together or not; then the connection closes."""

    def __init__(self, payload: bytes, headers: dict[str, str], media_type: str | None) -> None:
        super().__init__(headers={"connection": "close", **headers}, media_type=media_type)
        if "content-length" not in headers:
            del self.headers["content-length"]
        self._payload = payload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        lines = [b"HTTP/1.1 200 OK", *(name + b": " + value for name, value in self.raw_headers)]
        connection = scope["extensions"][CONNECTION]
        connection.write(b"\r\n".join(lines) + b"\r\n\r\n" + self._payload)
        connection.close()
        await until_gone(receive)


async def misbehave(fault: Fault | None, handler: Handler, request: Request, clock: Clock) -> Response:
    """Call the handler as the fault wants it. Raises `ApiError` for the faults that answer with an error."""
    if fault is None:
        return await handler(request)
    if fault.fault == "delay":
        await clock.sleep(fault.seconds or 0)
    if fault.fault == "drop":
        return Dropped()
    if fault.fault == "hang":
        return Hanging()
    if fault.error and fault.fault != "status_after_accept":
        raise fault.error
    return await _spoil(fault, await handler(request))


async def _spoil(fault: Fault, response: Response) -> Response:
    """The call was carried out; what the client gets to see of it is the fault's to say."""
    if fault.error:
        raise fault.error
    if fault.fault == "drop_after_accept":
        return Dropped()
    if fault.fault == "hang_after_accept":
        return Hanging()
    if isinstance(response, StreamingResponse):
        return _spoiled_download(fault, await _whole(response), response.media_type)
    return response


def _spoiled_download(fault: Fault, body: bytes, media_type: str | None) -> Response:
    for line in get_args(LineFault):
        if fault.fault == line:
            return _stream(spoiled(body, line, 1 if fault.rows is None else fault.rows), media_type)
    if fault.fault == "cut":
        return _cut_download(fault, body, media_type)
    return _stream(body, media_type)


def _cut_download(fault: Fault, body: bytes, media_type: str | None) -> Response:
    part = cut(body, rows=fault.rows, at_byte=fault.at_byte)
    match fault.ending:
        case "connection_close":
            return Raw(part, {}, media_type)
        case "broken_chunk":
            # The chunk says that more will come than does.
            return Raw(b"%x\r\n%b" % (len(body) + 1, part), {"transfer-encoding": "chunked"}, media_type)
        case "length_too_long":
            return Raw(part, {"content-length": str(len(body))}, media_type)
        case "length_too_short":
            return Raw(body, {"content-length": str(len(part))}, media_type)
        case _:
            return _stream(part, media_type)


def _stream(body: bytes, media_type: str | None) -> Response:
    return StreamingResponse(iter([body]), media_type=media_type)


async def _whole(response: StreamingResponse) -> bytes:
    return b"".join([bytes(chunk) async for chunk in response.body_iterator])  # type: ignore[arg-type]


async def until_gone(receive: Receive) -> None:
    """The server must have noticed that the connection is closed, or it would try to answer 500."""
    while (await receive())["type"] != "http.disconnect":
        continue
