"""LIVE=1: a handful of small requests for the real Claude API, and the most that they can cost."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from lanekeeper.pricing import Usage, standard_prices
from local.demo.traffic import Line, line_of

MODEL = "claude-haiku-4-5"
MAX_TOKENS = 120
TOKENS_AROUND = 100  # that the API may add to a short prompt
TIMES = 2  # even if each call were paid twice: a worker can die in flight

_URGENT = (
    "A customer asks: 'My tent's pole snapped at the joint, can I buy one section?' Answer in two sentences.",
    "A customer asks: 'Can I still change the address of an order that is in picking?' Answer in two sentences.",
    "A customer asks: 'Do you exchange boots that were worn indoors only?' Answer in two sentences.",
)
_PATIENT = (
    "Write a search description of at most 155 characters for an article on leeks that stand until March.",
    "Name three headings for an article on making old wooden windows tight without replacing them.",
)


def live_lines() -> list[Line]:
    """Three urgent requests and two patient ones."""
    urgent = [_request("live-chat", number, prompt) | {"priority": "high"} for number, prompt in enumerate(_URGENT)]
    patient = [_request("content-pipeline", number, prompt) for number, prompt in enumerate(_PATIENT)]
    return [line_of(number, json.dumps(request)) for number, request in enumerate([*urgent, *patient], start=1)]


def most_it_can_cost(now: datetime) -> Decimal:
    """Micro-dollars: all in real time and paid twice, each character a token, each answer as long as allowed."""
    total = Decimal(0)
    for prompt in (*_URGENT, *_PATIENT):
        usage = Usage(input_tokens=len(prompt) + TOKENS_AROUND, output_tokens=MAX_TOKENS)
        cost = standard_prices().price(MODEL, usage, batch=False, at=now)
        if cost is None:
            raise LookupError(f"{MODEL} has no price")
        total += cost.micro_usd
    return total * TIMES


def _request(workload: str, number: int, prompt: str) -> dict[str, Any]:
    params = {"model": MODEL, "max_tokens": MAX_TOKENS, "messages": [{"role": "user", "content": prompt}]}
    return {"id": f"live-{number}", "workload": workload, "params": params}
