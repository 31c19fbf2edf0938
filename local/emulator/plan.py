"""What the emulator will answer to a request, settled from its content alone: the same request, the same answer."""

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from local.emulator.catalogue import Model
from local.emulator.errors import invalid, too_large
from local.emulator.outcomes import StopReason
from local.emulator.params import message_params
from local.emulator.prompt import Breakpoint, measure
from local.emulator.prose import answer_text

MAX_REQUEST_BYTES = 32_000_000
_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer in outline. It holds none of the request's text, so that a large batch stays small."""

    digest: bytes  # of the parameters in canonical JSON
    model: Model
    geo: str
    prompt_tokens: int
    breakpoints: tuple[Breakpoint, ...]
    output_tokens: int
    max_tokens: int
    stop_reason: str

    @property
    def text(self) -> str:
        return answer_text(_number(self.digest), self.output_tokens)

    def stopped(self, reason: StopReason | None) -> "Plan":
        """The same answer, stopped for this reason: at its full length, before its first word, or underway."""
        if reason is None:
            return self
        tokens = {"max_tokens": self.max_tokens, "refusal": 0}.get(reason, self.output_tokens)
        return replace(self, stop_reason=reason, output_tokens=tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one executed request is billed for. `input_tokens` leaves out what the cache served or took."""

    input_tokens: int
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int
    service_tier: str
    geo: str

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens


def plan_message(
    params: object, *, batch: bool = False, beta: bool = False, most_bytes: int = MAX_REQUEST_BYTES
) -> Plan:
    """Check the parameters and settle the answer. Raises `ApiError` as the Messages API would."""
    checked, model = message_params(params, batch=batch, beta=beta)
    canonical = canonical_json(params)
    if len(canonical) > most_bytes:
        raise too_large(f"Request exceeds the maximum size of {most_bytes} bytes")
    shape = measure(checked)
    if shape.tokens > model.max_input_tokens:
        raise invalid(f"prompt is too long: {shape.tokens} tokens > {model.max_input_tokens} maximum")
    digest = sha256(canonical).digest()
    geo = (checked.inference_geo or "global") if model.takes_geo else "not_available"
    return Plan(
        digest=digest,
        model=model,
        geo=geo,
        prompt_tokens=shape.tokens,
        breakpoints=shape.breakpoints,
        output_tokens=_output_tokens(digest, checked.max_tokens),
        max_tokens=checked.max_tokens,
        stop_reason="end_turn" if checked.max_tokens else "max_tokens",
    )


def canonical_json(params: object) -> bytes:
    """The same bytes for the same parameters, in whatever order they came."""
    return _canonical(params).encode()


def message_json(message_id: str, plan: Plan, usage: Usage) -> dict[str, Any]:
    """The message as the Messages API and a batch's row show it."""
    details = {"type": "refusal", "category": None, "explanation": None}
    return {
        "model": plan.model.id,
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": plan.text}] if usage.output_tokens else [],
        "stop_reason": plan.stop_reason,
        "stop_sequence": None,
        **({"stop_details": details} if plan.stop_reason == "refusal" else {}),
        "usage": _usage_json(usage),
    }


def _usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "service_tier": usage.service_tier,
        "inference_geo": usage.geo,
    }


def _output_tokens(digest: bytes, max_tokens: int) -> int:
    """Three quarters of `max_tokens` to all of it."""
    least = -(-max_tokens * 3 // 4)
    return least + _number(digest[8:]) % (max_tokens - least + 1)


def _number(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big")
