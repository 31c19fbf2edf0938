"""A call of the Claude API and its answer, as the stand-in sees them, whoever carries them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is asked of Claude."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None  # of the body, as the header says
    timeout: float  # seconds that the caller waits for an answer


@dataclass(frozen=True)
class Reply:
    """What Claude answers; a stream of blocks may break."""

    status: int
    blocks: Iterable[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)


def document(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, [json.dumps(content).encode()], headers or {})


def call_of(request: httpx2.Request) -> Call:
    """A call that the official SDK makes."""
    length = request.headers.get("content-length")
    return Call(
        method=request.method,
        path=request.url.path,
        query=request.url.params,
        body=request.content,
        length=None if length is None else int(length),
        timeout=float(request.extensions["timeout"]["read"]),
    )


def response_of(reply: Reply) -> httpx2.Response:
    """An answer for the official SDK."""
    return httpx2.Response(reply.status, content=iter(reply.blocks), headers=reply.headers)
