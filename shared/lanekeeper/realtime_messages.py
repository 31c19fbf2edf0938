"""A request on its way from the classifier to the real-time invoker: inline, or through S3 where it is large."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lanekeeper import moments
from lanekeeper.models import Request
from lanekeeper.queues import INLINE_LIMIT
from lanekeeper.rescue import Asked
from lanekeeper.results import custom_id
from lanekeeper.segments import params_of_line
from lanekeeper.spool import Spool, lines_key


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeRequest:
    """What the invoker needs to know of a request."""

    key: str
    id: str
    workload: str
    model: str
    metadata: Mapping[str, Any]
    body: bytes  # the params as they go to Claude
    deadline: str | None = None  # of messages that were sent by an older version, only the row tells it


def write_message(request: Request, spool: Spool) -> dict[str, Any]:
    """The message's body; a large request is put into the content bucket, under a name that says its content.

    The object's first line says who asks, the rest is the params: nobody has to parse 32 MB to send them.
    """
    asked = {
        "key": request.key,
        "id": request.id,
        "workload": request.workload,
        "model": request.model,
        "metadata": request.metadata,
        "deadline": moments.to_text(request.deadline),
    }
    first = json.dumps(asked, ensure_ascii=False).encode() + b"\n"
    if len(first) + len(request.body) <= INLINE_LIMIT:
        return asked | {"params": request.params}
    place = f"requests/{request.key}-{request.content_hash[:16]}.json"
    spool.put(place, first + request.body)
    return {"key": request.key, "deadline": asked["deadline"], "object": place}


def rescue_message(asked: Asked) -> dict[str, Any]:
    """The message of a request that lies in the batch lane: where its line is, so that nobody copies its params."""
    entry = asked.entry
    return {
        "key": entry.key,
        "id": entry.id,
        "workload": entry.workload,
        "model": entry.model,
        "metadata": entry.metadata,
        "deadline": entry.deadline,
        "line": {"segment": asked.segment, "sequence": asked.sequence, "start": entry.start, "end": entry.end},
    }


def is_large(body: str) -> bool:
    """Whether a message only points to its request."""
    return not json.loads(body).keys().isdisjoint({"object", "line"})


def deadline_of(body: str) -> str | None:
    """When the request of a message is to be answered at the latest, where the message says it."""
    told = json.loads(body).get("deadline")
    return None if told is None else str(told)


def read_message(body: str, spool: Spool) -> RealtimeRequest:
    """The request that a message carries or points to."""
    document = json.loads(body)
    if "object" in document:
        first, _, params = spool.get(document["object"]).partition(b"\n")
        return RealtimeRequest(**json.loads(first), body=params)
    if "line" in document:
        return RealtimeRequest(body=_params_of_line(document.pop("line"), spool), **document)
    params = json.dumps(document.pop("params"), ensure_ascii=False, separators=(",", ":")).encode()
    return RealtimeRequest(**document, body=params)


def _params_of_line(place: Mapping[str, Any], spool: Spool) -> bytes:
    line = spool.get(lines_key(place["segment"]), start=place["start"], end=place["end"])
    return params_of_line(line, custom_id(place["segment"], place["sequence"]))
