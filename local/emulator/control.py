"""The emulator's own routes, for those who test against it: its account, its faults, its clock, a fresh start."""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.emulator.errors import ApiError, invalid
from local.emulator.faults import ROUTES, Duration, Fault
from local.emulator.params import sentence
from local.emulator.wire import read_json, timestamp
from local.emulator.world import World

MAX_BODY_BYTES = 1_000_000

Handler = Callable[[Request], Awaitable[Response]]


class Advance(BaseModel):
    """The body of POST /_emulator/clock."""

    model_config = ConfigDict(extra="forbid")

    advance_seconds: Duration


def control_routes(world: World) -> list[Route]:
    control = _Control(world)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/_emulator/account", control.account),
        ("GET", "/_emulator/faults", control.waiting_faults),
        ("POST", "/_emulator/faults", control.add_faults),
        ("DELETE", "/_emulator/faults", control.clear_faults),
        ("GET", "/_emulator/clock", control.clock),
        ("POST", "/_emulator/clock", control.advance),
        ("POST", "/_emulator/reset", control.reset),
    ]
    return [Route(path, _with_errors(handler), methods=[method]) for method, path, handler in table]


class _Control:
    def __init__(self, world: World) -> None:
        self._world = world

    async def account(self, request: Request) -> Response:  # noqa: ARG002 - a route's shape
        return JSONResponse(self._world.account.report())

    async def waiting_faults(self, request: Request) -> Response:  # noqa: ARG002 - a route's shape
        return JSONResponse([_shown(fault) for fault in self._world.faults.waiting])

    async def add_faults(self, request: Request) -> Response:
        """One fault or a list of them; all or none are queued."""
        body = await read_json(request, MAX_BODY_BYTES)
        faults = [Fault.model_validate(fault) for fault in (body if isinstance(body, list) else [body])]
        for fault in faults:
            self._world.faults.queue(fault)
        return await self.waiting_faults(request)

    async def clear_faults(self, request: Request) -> Response:
        """Lift all faults, or those of the query's `route`."""
        route = request.query_params.get("route")
        if route is not None and route not in ROUTES:
            raise invalid(f"route: Input should be one of {', '.join(ROUTES)}")
        self._world.faults.clear(route)
        return await self.waiting_faults(request)

    async def clock(self, request: Request) -> Response:  # noqa: ARG002 - a route's shape
        clock = self._world.clock
        return JSONResponse({"now": timestamp(clock.now()), "speed": clock.speed})

    async def advance(self, request: Request) -> Response:
        """Jump ahead by `advance_seconds` of emulated time."""
        jump = Advance.model_validate(await read_json(request, MAX_BODY_BYTES))
        self._world.clock.advance(jump.advance_seconds)
        return await self.clock(request)

    async def reset(self, request: Request) -> Response:  # noqa: ARG002 - a route's shape
        self._world.reset()
        return JSONResponse({})


def _shown(fault: Fault) -> dict[str, Any]:
    """What was said of it, and what is left of its count: null until it is cleared."""
    return fault.model_dump(exclude_defaults=True) | {"count": fault.count}


def _with_errors(handler: Handler) -> Handler:
    async def respond(request: Request) -> Response:
        try:
            return await handler(request)
        except ValidationError as error:
            refusal = invalid(sentence(error.errors(include_url=False, include_input=False)[0]))
        except ApiError as error:
            refusal = error
        return JSONResponse(refusal.body(request_id=None), refusal.status)

    return respond
