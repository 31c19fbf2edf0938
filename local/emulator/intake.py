"""The part of a batch that is checked at once: its shape and its custom_ids. Parameters come later, row by row."""

import re
from typing import Any, NamedTuple

from local.emulator.errors import invalid, too_large

CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class BatchItem(NamedTuple):
    """One request as it arrived."""

    custom_id: str
    params: dict[str, Any]


def batch_items(body: object, most: int) -> list[BatchItem]:
    """The requests of a batch. Raises `ApiError` for the whole batch at the first thing that is wrong."""
    requests = _requests(body)
    if len(requests) > most:
        raise too_large(f"requests: a batch holds at most {most} requests")
    items = [_item(place, request) for place, request in enumerate(requests)]
    _check_unique(items)
    return items


def _requests(body: object) -> list[object]:
    if not isinstance(body, dict) or "requests" not in body:
        raise invalid("requests: Field required")
    for name in body:
        if name != "requests":
            raise invalid(f"{name}: Extra inputs are not permitted")
    requests = body["requests"]
    if not isinstance(requests, list) or not requests:
        raise invalid("requests: a list of at least one request is required")
    return requests


def _item(place: int, request: object) -> BatchItem:
    if not isinstance(request, dict):
        raise invalid(f"requests.{place}: Input should be an object")
    for name in ("custom_id", "params"):
        if name not in request:
            raise invalid(f"requests.{place}.{name}: Field required")
    if request.keys() - {"custom_id", "params"}:
        raise invalid(f"requests.{place}: Extra inputs are not permitted")
    custom_id, params = request["custom_id"], request["params"]
    if not isinstance(custom_id, str) or not CUSTOM_ID.fullmatch(custom_id):
        raise invalid(f"requests.{place}.custom_id: String should match pattern '^{CUSTOM_ID.pattern}$'")
    if not isinstance(params, dict):
        raise invalid(f"requests.{place}.params: Input should be an object")
    return BatchItem(custom_id, params)


def _check_unique(items: list[BatchItem]) -> None:
    seen: set[str] = set()
    for place, item in enumerate(items):
        if item.custom_id in seen:
            raise invalid(f"requests.{place}.custom_id: must be unique within the batch")
        seen.add(item.custom_id)
