"""A request on its way from the classifier to the real-time invoker: inline, or through S3 where it is large."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lanekeeper.models import Request
from lanekeeper.queues import INLINE_LIMIT
from lanekeeper.spool import Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeRequest:
    """What the invoker needs to know of a request."""

    key: str
    id: str
    workload: str
    params: Mapping[str, Any]
    metadata: Mapping[str, Any]


def write_message(request: Request, spool: Spool) -> dict[str, Any]:
    """The message's body; a large request is put into the content bucket, under a name that says its content."""
    whole = {
        "key": request.key,
        "id": request.id,
        "workload": request.workload,
        "params": request.params,
        "metadata": request.metadata,
    }
    text = json.dumps(whole, ensure_ascii=False).encode()
    if len(text) <= INLINE_LIMIT:
        return whole
    place = f"requests/{request.key}-{request.content_hash[:16]}.json"
    spool.put(place, text)
    return {"key": request.key, "object": place}


def read_message(body: str, spool: Spool) -> RealtimeRequest:
    """The request that a message carries or points to."""
    document = json.loads(body)
    return RealtimeRequest(**(json.loads(spool.get(document["object"])) if "object" in document else document))
