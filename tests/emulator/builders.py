"""Requests for the emulator's tests: valid ones, to be changed in one place."""

from typing import Any

MODEL = "claude-sonnet-4-6"


def params(text: str = "Where is my parcel?", **changes: Any) -> dict[str, Any]:
    """Parameters of a message; a change to None takes the parameter out."""
    whole = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]} | changes
    return {name: value for name, value in whole.items() if value is not None}


def request(custom_id: str, **changes: Any) -> dict[str, Any]:
    """One request of a batch; each has its own text."""
    return {"custom_id": custom_id, "params": params(**{"text": f"Question {custom_id}", **changes})}


def requests(count: int, **changes: Any) -> list[Any]:
    """`count` requests of a batch, r-0 and on."""
    return [request(f"r-{number}", **changes) for number in range(count)]


def cached(characters: int, ttl: str = "5m", text: str = "x") -> list[dict[str, Any]]:
    """A system prompt with a cache breakpoint at its end."""
    return [{"type": "text", "text": text * characters, "cache_control": {"type": "ephemeral", "ttl": ttl}}]
