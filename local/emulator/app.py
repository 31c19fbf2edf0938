"""The HTTP side of the emulator: the API's routes over a `World`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
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
from local.emulator.misbehaviour import misbehave
from local.emulator.params import find_model
from local.emulator.plan import message_json
from local.emulator.wire import batch_json, check_headers, list_json, names_beta, page_json, page_limit, read_json
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
        answer = self._world.begin_message(params, beta=names_beta(request))
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
        query = request.query_params
        page = self._world.list_batches(page_limit(request), query.get("after_id"), query.get("before_id"))
        return JSONResponse(page_json(page, self._world.clock.now(), str(request.base_url)))

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

    async def models(self, request: Request) -> Response:  # noqa: ARG002 - a route's shape
        return JSONResponse(list_json([model_json(model) for model in MODELS], has_more=False))

    async def model(self, request: Request) -> Response:
        return JSONResponse(model_json(find_model(request.path_params["model_id"])))


def _endpoint(world: World, route: str, handler: Handler) -> Handler:
    async def respond(request: Request) -> Response:
        request_id = world.new_request_id()
        try:
            check_headers(request)
            response = await misbehave(world.faults.take(route), handler, request)
        except ApiError as error:
            response = _error_response(error, request_id)
        except ClientDisconnect:
            # The client went away while it was sending: nothing was taken, and nobody reads this answer.
            response = Response(status_code=400)
        response.headers["request-id"] = request_id
        return response

    return respond


def _error_response(error: ApiError, request_id: str) -> Response:
    headers = {"retry-after": error.retry_after} if error.retry_after is not None else {}
    return JSONResponse(error.body(request_id), error.status, headers)


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
