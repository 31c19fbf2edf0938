"""How a fault changes a call: around the route's handler, which knows nothing of it."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from local.emulator.faults import Fault

# The server offers this ASGI extension: a function that closes the connection without another byte.
DROP = "emulator.drop"


class Dropped(Response):
    """No answer at all: the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's shape
        scope["extensions"][DROP]()
        # The server must have noticed before this returns, or it would try to answer 500.
        while (await receive())["type"] != "http.disconnect":
            continue


async def misbehave(
    fault: Fault | None, handler: Callable[[Request], Awaitable[Response]], request: Request
) -> Response:
    """Call the handler as the fault wants it. Raises `ApiError` for the faults that answer with a status."""
    kind = fault.fault if fault else None
    if fault and kind == "status":
        raise fault.error
    if kind == "drop":
        return Dropped()
    response = await handler(request)
    if kind == "drop_after_accept":
        return Dropped()
    if fault and kind == "status_after_accept":
        raise fault.error
    if fault and kind == "cut" and isinstance(response, StreamingResponse):
        response.body_iterator = _first_rows(response.body_iterator, fault.rows or 0)
    return response


async def _first_rows(chunks: AsyncIterable[Any], rows: int) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        lines = chunk.splitlines(keepends=True)[:rows]
        yield b"".join(lines)
        rows -= len(lines)
        if rows == 0:
            return
