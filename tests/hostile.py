"""Messages by somebody who means harm or knows no better: good ones damaged in their structure, and bytes at random.

Everything is drawn from one seed: `HOSTILE_SEED=… HOSTILE=… pytest tests/flow/test_hostile.py` runs a finding again.
"""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

CANARY = "canary-5b1e@example.org"

GOOD: tuple[dict[str, Any], ...] = (
    {
        "id": "article-1",
        "workload": "content-pipeline",
        "params": {
            "model": "claude-sonnet-4-6",
            "max_tokens": 1024,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "Write."}],
            "temperature": 0.5,
        },
        "max_latency_minutes": 1440,
        "metadata": {"team": {"name": "docs", "floor": 3}},
    },
    {
        "id": "chat-1",
        "workload": "live-chat",
        "priority": "high",
        "params": {
            "model": "claude-opus-5-5",
            "max_tokens": 200,
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Hello.", "cache_control": {"ttl": "1h"}}],
                },
                {"role": "assistant", "content": "Yes?"},
                {"role": "user", "content": "Where is it?"},
            ],
            "tools": [{"name": "track", "input_schema": {"type": "object", "properties": {"id": {"type": "string"}}}}],
            "tool_choice": {"type": "auto"},
            "stop_sequences": ["END"],
        },
    },
    {
        "id": "review-1",
        "workload": "code-review",
        "params_object": {"key": "inbox/code-review/1.json", "version": "1", "sha256": "0" * 64},
        "deadline": "2026-11-24T09:00:00Z",
        "priority": "normal",
    },
)
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**63, -(2**70), 10**400, 0.1, 1e308, -0.0, float("nan"), float("inf"), "", " ", "\0",
    "x" * 5000, "\ud800", "\udfff\ud800", "\u202e", "\ufeff", "𝒳", CANARY, "high", "user", "9" * 400, "1e999",
    "2026-11-23T08:00:00Z", "9999-12-31T23:59:59+23:59", "0000-00-00", [], {}, [[]], [None], {"": None},
    {CANARY: CANARY},
    "../../etc/passwd", "inbox/content-pipeline/x", "s3://other/key", "claude-sonnet-4-6-20250929", "claude-opus-5-5",
)  # fmt: skip
NAMES = (
    "id", "workload", "params", "params_object", "priority", "deadline", "max_latency_minutes", "metadata", "model",
    "max_tokens", "messages", "role", "content", "stream", "speed", "system", "key", "version", "sha256", "top_p",
    "store", "fallbacks", "temperature", "inference_geo", "__proto__", "constructor", "$ref", "", "\0", CANARY,
)  # fmt: skip


def mutant(random: Random, number: int) -> str:
    """A good message with one to four things wrong in it, and sometimes damaged as a text, too."""
    message = copy.deepcopy(random.choice(GOOD))
    message["id"] = f"mutant-{number}"
    for _ in range(random.randint(1, 4)):
        random.choice(DAMAGES)(message, random)
    text = json.dumps(message, ensure_ascii=random.random() < 0.5)
    return random.choice(TEXT_DAMAGES)(text, random) if random.random() < 0.3 else text


def noise(random: Random) -> bytes:
    """Up to 300 bytes, half of the time of the kind that JSON is made of."""
    alphabet = b'{}[]",:0123456789.eE+-truefalsnl \\u' if random.random() < 0.5 else bytes(range(256))
    return bytes(random.choices(alphabet, k=random.randint(0, 300)))


def _containers(value: Any) -> list[Any]:
    """Every object and list in the value, itself included; not recursive, since a mutant can be deeper than a stack."""
    found, waiting = [], [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            found.append(each)
            waiting += each.values() if isinstance(each, dict) else each
    return found


def _place(message: dict[str, Any], random: Random) -> tuple[Any, Any] | None:
    """A container somewhere in the message and a key or index of it; None where the drawn one is empty."""
    container = random.choice(_containers(message))
    if not container:
        return None
    return container, random.choice(list(container) if isinstance(container, dict) else range(len(container)))


def _replace(message: dict[str, Any], random: Random) -> None:
    if place := _place(message, random):
        place[0][place[1]] = copy.deepcopy(random.choice(SCALARS))


def _remove(message: dict[str, Any], random: Random) -> None:
    if place := _place(message, random):
        del place[0][place[1]]


def _add(message: dict[str, Any], random: Random) -> None:
    container, value = random.choice(_containers(message)), copy.deepcopy(random.choice(SCALARS))
    if isinstance(container, dict):
        container[random.choice(NAMES)] = value
    else:
        container.append(value)


def _swap(message: dict[str, Any], random: Random) -> None:
    """A part of the message in the place of another."""
    if place := _place(message, random):
        place[0][place[1]] = json.loads(json.dumps(random.choice(_containers(message))))


def _bury(message: dict[str, Any], random: Random) -> None:
    if place := _place(message, random):
        value = place[0][place[1]]
        for _ in range(random.choice((1, 50, 190, 210))):
            value = [value]
        place[0][place[1]] = value


def _double_key(text: str, random: Random) -> str:
    name = random.choice(NAMES)
    return text.replace("{", "{" + json.dumps(name) + ": 1, " + json.dumps(name) + ": 2, ", 1)


def _cut(text: str, random: Random) -> str:
    return text[: random.randrange(len(text))]


def _scramble(text: str, random: Random) -> str:
    place = random.randrange(len(text))
    return text[:place] + chr(random.choice((0, 9, 34, 92, 125, 0xFEFF, 0xD800, 0x10FFFF))) + text[place + 1 :]


def _surround(text: str, random: Random) -> str:
    return random.choice(("\ufeff{}", "{} {}", "[{}]", "// x\n{}", "{},", "<a>{}</a>")).replace("{}", text)


DAMAGES: tuple[Callable[[dict[str, Any], Random], None], ...] = (_replace, _replace, _remove, _add, _add, _swap, _bury)
TEXT_DAMAGES: tuple[Callable[[str, Random], str], ...] = (_double_key, _cut, _scramble, _surround)
