"""A call of each route, and a clock that remembers."""

import httpx2

from local.emulator.clock import ManualClock
from tests.emulator.builders import params, requests

# A call of each route, on a batch that has ended.
CALLS = {
    "messages": ("POST", "/v1/messages", params()),
    "count_tokens": ("POST", "/v1/messages/count_tokens", params(max_tokens=None)),
    "create": ("POST", "/v1/messages/batches", {"requests": requests(1)}),
    "list": ("GET", "/v1/messages/batches", None),
    "retrieve": ("GET", "/v1/messages/batches/{id}", None),
    "results": ("GET", "/v1/messages/batches/{id}/results", None),
    "models": ("GET", "/v1/models", None),
    "model": ("GET", "/v1/models/claude-sonnet-5", None),
    "cancel": ("POST", "/v1/messages/batches/{id}/cancel", None),
    "delete": ("DELETE", "/v1/messages/batches/{id}", None),
}


def call(http: httpx2.Client, route: str, batch_id: str) -> httpx2.Response:
    method, path, body = CALLS[route]
    return http.request(method, path.replace("{id}", batch_id), json=body)


class RecordingClock(ManualClock):
    """Notes how long somebody wanted to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)
