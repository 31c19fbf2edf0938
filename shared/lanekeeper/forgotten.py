"""What stays of a request's lines when its content is deleted: names, states and usage, in exactly as many bytes.

Rows find answers by byte range and batches find prompts by their place in a segment, so no line may change its length
and no neighbour may move. Done again, each of these changes nothing.
"""

import json
from collections.abc import Mapping
from typing import Any

_ANSWER = ("workload", "batch", "ended_at", "custom_id")
_MESSAGE = ("model", "stop_reason", "usage")  # with the usage, the ledger still equals what is stored


def forgotten_answer(line: bytes) -> bytes:
    """A result row without the producer's id, metadata, the answer, or an error's words, which may quote the prompt."""
    document = json.loads(line)
    kept = _of(document, *_ANSWER) | {"forgotten": True}
    if isinstance(document.get("result"), Mapping):
        kept["result"] = _result(document["result"])
    return _in_its_place(line, kept)


def forgotten_prompt(line: bytes) -> bytes:
    """A segment's line without its params."""
    return _in_its_place(line, {"custom_id": json.loads(line)["custom_id"], "params": {}})


def forgotten_entry(line: bytes) -> bytes:
    """A line of a segment's index without the producer's id and metadata; the request's key still finds it."""
    return _in_its_place(line, json.loads(line) | {"id": "", "metadata": {}})


def forgotten_message(line: bytes, key: str) -> bytes:
    """A line of a large real-time request's object: who asks (by the request's key), what is asked, or both in one.

    It stays readable, since a late delivery may still ask for it.
    """
    document = json.loads(line)
    if document.get("key") != key:
        return _in_its_place(line, {})
    kept = _of(document, "key", "workload", "model") | {"id": "", "metadata": {}}
    if "params" in document:
        kept["params"] = _of(document["params"], "model")
    return _in_its_place(line, kept)


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = _of(result, "type")
    message, error = result.get("message"), result.get("error")
    if isinstance(message, Mapping):
        kept["message"] = _of(message, *_MESSAGE) | {"content": []}
    if isinstance(error, Mapping):
        inner = error.get("error")
        kept["error"] = _of(error, "type") | ({"error": _of(inner, "type")} if isinstance(inner, Mapping) else {})
    return kept


def _of(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: document[name] for name in names if name in document}


def _in_its_place(line: bytes, kept: Mapping[str, Any]) -> bytes:
    """One JSON object, filled up with spaces before its last brace: whatever reads JSON reads it."""
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
    end = b"\n" if line.endswith(b"\n") else b""
    room = len(line) - len(end) - len(text)
    if room < 0:  # a number that Python spells longer than Claude did
        return _in_its_place(line, {"forgotten": True})
    return text[:-1] + b" " * room + b"}" + end
