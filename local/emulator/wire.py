"""The API's JSON documents, and how a request's body and headers are read."""

from datetime import datetime
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

from local.emulator.batches import Batch
from local.emulator.errors import ApiError, invalid, too_large
from local.emulator.limits import Allowance
from local.emulator.pages import Cursor

VERSIONS = frozenset({"2023-01-01", "2023-06-01", "2026-10-21"})
MAX_PAGE = 1_000


def check_headers(request: Request) -> None:
    """A key by either header, and a version. Raises `ApiError`. Any key will do."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not request.headers.get("x-api-key") and not (scheme.lower() == "bearer" and token.strip()):
        raise ApiError(401, "x-api-key header is required")
    version = request.headers.get("anthropic-version")
    if version is None:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid("anthropic-version: not a valid version")


def names_beta(request: Request) -> bool:
    return bool(request.headers.get("anthropic-beta"))


async def read_json(request: Request, most_bytes: int) -> object:
    """The body, strictly parsed: no NaN, no lone surrogates, no bottomless nesting. Raises `ApiError`."""
    body = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        # What is too large is read to its end all the same: a client that is still sending would not see the answer.
        if size <= most_bytes:
            body += chunk
    if size > most_bytes:
        raise too_large(f"Request exceeds the maximum size of {most_bytes} bytes")
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise invalid("The request body is not valid JSON") from error


def batch_json(batch: Batch, now: datetime, base_url: str) -> dict[str, Any]:
    """A batch as the API shows it: counts stay 0 but for `processing`, and results null, until it has ended."""
    archived = now >= batch.archived_at
    has_results = batch.ended_at is not None and not archived
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": batch.status,
        "request_counts": {
            "processing": 0 if batch.ended_at else len(batch.rows),
            **{name: batch.counts[name] for name in ("succeeded", "errored", "canceled", "expired")},
        },
        "created_at": timestamp(batch.created_at),
        "expires_at": timestamp(batch.expires_at),
        "ended_at": timestamp(batch.ended_at),
        "cancel_initiated_at": timestamp(batch.cancel_initiated_at),
        "archived_at": timestamp(batch.archived_at if archived else None),
        "results_url": f"{base_url}v1/messages/batches/{batch.id}/results" if has_results else None,
    }


def list_json(data: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {
        "data": data,
        "has_more": has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def cursor_of(request: Request) -> Cursor:
    """Which page the query asks for. Raises `ApiError` where its `limit` is no number from 1 to 1,000."""
    query = request.query_params
    text = query.get("limit", "20")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:5]) <= MAX_PAGE:
        raise invalid(f"limit: Input should be a number from 1 to {MAX_PAGE}")
    return Cursor(int(text), query.get("after_id"), query.get("before_id"))


def rate_limit_headers(allowance: Allowance) -> dict[str, str]:
    """What the Messages API says of its rate limit with each answer; times to the second."""
    name = "anthropic-ratelimit-requests"
    return {
        **({} if allowance.limit is None else {f"{name}-limit": str(allowance.limit)}),
        f"{name}-remaining": str(allowance.left),
        f"{name}-reset": allowance.reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, with microseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else None
