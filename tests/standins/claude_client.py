"""A short cut to the stand-in of Claude: what lanekeeper.claude uses of the official client, without what that does on
the way. A torture run makes seventy calls, and the official client's own work was most of their time.

test_claude_contract.py holds it equal to the official client, fault by fault.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2

from tests.standins.claude_wire import Call, Reply

URL = "https://claude.test"
PATIENCE_SECONDS = 60.0
_REQUEST = httpx2.Request("POST", URL)  # what an error says that it came of; nobody looks


@dataclass
class Answer:
    """As much of an httpx2.Response as is used."""

    reply: Reply

    @property
    def content(self) -> bytes:
        return b"".join(self.reply.blocks)

    def json(self) -> Any:
        return json.loads(self.content)

    def iter_bytes(self) -> Iterator[bytes]:
        yield from self.reply.blocks

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Client:
    serve: Callable[[Call], Reply]
    api_key: str = "sk-test"
    base_url: httpx2.URL = httpx2.URL(f"{URL}/")  # noqa: RUF009 - it never changes

    def post(
        self,
        path: str,
        *,
        cast_to: object,
        content: bytes | Iterable[bytes] = b"",
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        return self._call("POST", path, options or {}, content)

    def get(self, path: str, *, cast_to: object, options: Mapping[str, Any] | None = None) -> Answer:
        return self._call("GET", path, options or {}, b"")

    def _call(self, method: str, path: str, options: Mapping[str, Any], content: bytes | Iterable[bytes]) -> Answer:
        """One call; whatever goes wrong is told by the official client's own exceptions."""
        try:
            reply = self.serve(_call(method, path, options, content))
        except NotImplementedError:
            raise
        except httpx2.TimeoutException as error:
            raise anthropic.APITimeoutError(request=_REQUEST) from error
        except Exception as error:
            raise anthropic.APIConnectionError(request=_REQUEST) from error
        if reply.status >= 300:
            raise _status_error(reply)
        return Answer(reply)


def _call(method: str, path: str, options: Mapping[str, Any], content: bytes | Iterable[bytes]) -> Call:
    body = content if isinstance(content, bytes) else b"".join(content)
    length = options.get("headers", {}).get("content-length")
    return Call(
        method=method,
        path=path,
        query=options.get("params", {}),
        body=body,
        length=None if length is None else int(length),
        timeout=float(options.get("timeout", PATIENCE_SECONDS)),
    )


def _status_error(reply: Reply) -> anthropic.APIStatusError:
    content = b"".join(reply.blocks)
    response = httpx2.Response(reply.status, content=content, headers=dict(reply.headers), request=_REQUEST)
    return anthropic.APIStatusError(f"Error code: {reply.status}", response=response, body=json.loads(content))
