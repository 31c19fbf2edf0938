"""The HTTP side of the emulator: the API's routes over a `World`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from local.emulator.billing import load_prices
from local.emulator.catalogue import MODELS, model_json
from local.emulator.control import control_routes
from local.emulator.errors import ApiError
from local.emulator.limits import Allowance
from local.emulator.markers import Marker
from local.emulator.misbehaviour import misbehave
from local.emulator.outcomes import Outcome
from local.emulator.pages import page_of
from local.emulator.params import find_model
from local.emulator.plan import message_json
from local.emulator.wire import (
    batch_json,
    check_headers,
    cursor_of,
    list_json,
    names_beta,
    rate_limit_headers,
    read_json,
)
from local.emulator.world import World

CHUNK_BYTES = 65_536

Handler = Callable[[Request], Awaitable[Response]]


def create_app(world: World) -> Starlette:
    """The emulated API over `world`, with its control routes under `/_emulator`."""
    load_prices()
    api = _Api(world)
    batches, batch = "/v1/messages/batches", "/v1/messages/batches/{batch_id}"
    table: list[tuple[str, str, str, Handler]] = [
        ("messages", "POST", "/v1/messages", api.messages),
        ("count_tokens", "POST", "/v1/messages/count_tokens", api.count_tokens),
        ("create", "POST", batches, api.create),
        ("list", "GET", batches, api.list),
        ("retrieve", "GET", batch, api.retrieve),
        ("delete", "DELETE", batch, api.delete),
        ("cancel", "POST", batch + "/cancel", api.cancel),
        ("results", "GET", batch + "/results", api.results),
        ("models", "GET", "/v1/models", api.models),
        ("model", "GET", "/v1/models/{model_id}", api.model),
    ]
    routes = [Route(path, _endpoint(world, name, handler), methods=[method]) for name, method, path, handler in table]
    return Starlette(routes=[*routes, *control_routes(world)], exception_handlers={HTTPException: _http_error(world)})


class _Api:
    """One method per route. Each may raise `ApiError`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def messages(self, request: Request) -> Response:
        params = await read_json(request, self._world.limits.request_bytes)
        marker = self._world.take_marker(params) or Marker()

        async def answer(request: Request) -> Response:
            return await self._answer(params, marker.outcome, request)

        return await misbehave(marker.call, answer, request, self._world.clock)

    async def _answer(self, params: object, outcome: Outcome | None, request: Request) -> Response:
        answer = self._world.begin_message(params, beta=names_beta(request), outcome=outcome)
        await self._world.clock.sleep(answer.seconds)
        self._world.finish_message(answer)
        return JSONResponse(message_json(answer.id, answer.plan, answer.usage))

    async def count_tokens(self, request: Request) -> Response:
        params = await read_json(request, self._world.limits.request_bytes)
        return JSONResponse({"input_tokens": self._world.count_tokens(params, beta=names_beta(request))})

    async def create(self, request: Request) -> Response:
        body = await read_json(request, self._world.limits.batch_bytes)
        batch = self._world.create_batch(body, beta=names_beta(request))
        return JSONResponse(batch_json(batch, self._world.clock.now(), str(request.base_url)))

    async def retrieve(self, request: Request) -> Response:
        batch = self._world.retrieve_batch(request.path_params["batch_id"])
        return JSONResponse(batch_json(batch, self._world.clock.now(), str(request.base_url)))

    async def list(self, request: Request) -> Response:
        listing = self._world.list_batches(cursor_of(request))
        now, base_url = self._world.clock.now(), str(request.base_url)
        shown = [batch_json(batch, now, base_url) for batch in listing.batches]
        return JSONResponse(list_json(shown, has_more=listing.has_more))

    async def results(self, request: Request) -> Response:
        lines = self._world.batch_results(request.path_params["batch_id"])
        return StreamingResponse(_chunks(lines), media_type="application/x-jsonl")

    async def cancel(self, request: Request) -> Response:
        batch = self._world.cancel_batch(request.path_params["batch_id"])
        return JSONResponse(batch_json(batch, self._world.clock.now(), str(request.base_url)))

    async def delete(self, request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        self._world.delete_batch(batch_id)
        return JSONResponse({"id": batch_id, "type": "message_batch_deleted"})

    async def models(self, request: Request) -> Response:
        page = page_of(MODELS, cursor_of(request), lambda model: model.id)
        return JSONResponse(list_json([model_json(model) for model in page.items], has_more=page.has_more))

    async def model(self, request: Request) -> Response:
        return JSONResponse(model_json(find_model(request.path_params["model_id"])))


def _endpoint(world: World, route: str, handler: Handler) -> Handler:
    async def respond(request: Request) -> Response:
        request_id = world.new_request_id()
        refused: ApiError | None = None
        try:
            check_headers(request)
            response = await misbehave(world.faults.take(route), handler, request, world.clock)
        except ApiError as error:
            refused, response = error, _error_response(error, request_id)
        except ClientDisconnect:
            # The client went away while it was sending: nothing was taken, and nobody reads this answer.
            response = Response(status_code=400)
        if route == "messages":
            response.headers.update(_rate_limit(world, refused))
        response.headers["request-id"] = request_id
        return response

    return respond


def _error_response(error: ApiError, request_id: str) -> Response:
    headers = {"retry-after": error.retry_after} if error.retry_after is not None else {}
    return JSONResponse(error.body(request_id), error.status, headers)


def _rate_limit(world: World, refused: ApiError | None) -> dict[str, str]:
    """What the answer to a message says of the rate limit: nothing is left where it was refused for that."""
    allowance = world.message_allowance()
    if refused and refused.is_rate_limit:
        wait = refused.retry_after or ""
        reset = world.clock.now() + timedelta(seconds=int(wait) if wait.isdecimal() else 60)
        allowance = Allowance(allowance.limit if allowance else None, 0, reset)
    return rate_limit_headers(allowance) if allowance else {}


def _http_error(world: World) -> Callable[[Request, Any], Response]:
    """An unknown path or method, in the API's own words."""

    def respond(request: Request, error: HTTPException) -> Response:  # noqa: ARG001 - an exception handler's shape
        request_id = world.new_request_id()
        response = _error_response(ApiError(error.status_code, error.detail), request_id)
        response.headers["request-id"] = request_id
        return response

    return respond


async def _chunks(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines in pieces large enough for the socket."""
    chunk = bytearray()
    for line in lines:
        chunk += line
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)
