"""A small healthy run, made by hand from the real functions: one urgent answer, a batch of two, one rejected line."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lanekeeper.identity import request_key
from lanekeeper.pricing import standard_prices
from lanekeeper.results import bill_of
from local.demo.evidence import Evidence
from local.demo.traffic import Sent, line_of

DAY = "2026-11-23"
BATCH = "01KAQZ7RGN4D1B8Y2PKS6EWVTA"
CHAT_KEY = f"results/workload=live-chat/date={DAY}/realtime-chat-1.jsonl"
BATCH_KEY = f"results/workload=content-pipeline/date={DAY}/{BATCH}.jsonl"


def line(request_id: str, workload: str, batch: str | None, output_tokens: int, model: str) -> dict[str, Any]:
    """An answer as it is stored."""
    usage = {"input_tokens": 1_001, "output_tokens": output_tokens, "service_tier": "batch" if batch else "standard"}
    message = {"model": model, "usage": usage, "stop_reason": "end_turn", "content": []}
    result = {"type": "succeeded", "message": message}
    return {"id": request_id, "workload": workload, "batch": batch, "metadata": {}, "result": result}


def healthy(model: str = "claude-sonnet-4-6") -> Evidence:
    chat = line("chat-1", "live-chat", None, 300, model)
    articles = [line(f"article-{n}", "content-pipeline", BATCH, 900 + n, model) for n in (1, 2)]
    objects = {CHAT_KEY: _jsonl([chat]), BATCH_KEY: _jsonl(articles)}
    rows = [_row(chat, CHAT_KEY, 0, objects[CHAT_KEY])]
    rows += [_row(article, BATCH_KEY, number, objects[BATCH_KEY]) for number, article in enumerate(articles)]
    ledger = [_ledger_row([chat], "realtime"), _ledger_row(articles, "batch")]
    sent = [_sent(n, answer) for n, answer in enumerate([chat, *articles], start=1)]
    return Evidence(
        sent=[*sent, Sent(line_of(4, "{"), "m4")],
        requests={row["request_key"]: row for row in rows},
        batches=[_batch_row()],
        ledger=ledger,
        objects=objects,
        rejected={"m4": "invalid_json"},
        dead_letters={"RequestDeadLetterQueue": 0, "RealtimeDeadLetterQueue": 0},
        account=_account(ledger),
        bucket="content",
    )


def without_account(evidence: Evidence) -> Evidence:
    return replace(evidence, account=None)


def _jsonl(documents: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def _sent(number: int, answer: dict[str, Any]) -> Sent:
    text = json.dumps({"id": answer["id"], "workload": answer["workload"], "params": {}})
    return Sent(line_of(number, text), f"m{number}")


def _row(answer: dict[str, Any], key: str, place: int, body: bytes) -> dict[str, Any]:
    ends = [position + 1 for position, byte in enumerate(body) if byte == ord("\n")]
    start = ends[place - 1] if place else 0
    return {
        "request_key": request_key(answer["workload"], answer["id"]),
        "workload": answer["workload"],
        "lane": "batch" if answer["batch"] else "realtime",
        "sent_at": f"{DAY}T09:00:00.000Z",
        "finished_at": f"{DAY}T09:00:{'30' if answer['batch'] else '02'}.500Z",
        "outcome": "succeeded",
        "outcome_reason": "end_turn",
        "answer_key": key,
        "answer_from": Decimal(start),
        "answer_to": Decimal(ends[place] - 1),
    }


def _ledger_row(answers: list[dict[str, Any]], lane: str) -> dict[str, Any]:
    messages = [answer["result"]["message"] for answer in answers]
    at = datetime.fromisoformat(DAY).replace(tzinfo=UTC)
    bills = [bill_of(message, standard_prices(), batch=lane == "batch", at=at) for message in messages]
    costs = [cost for _, cost in bills]
    priced = [cost for cost in costs if cost is not None]
    is_known = len(priced) == len(costs)
    return {
        "workload": answers[0]["workload"],
        "lane": lane,
        "model": messages[0]["model"],
        "kind": "answer",
        "requests": Decimal(len(answers)),
        "tokens": {kind: sum(usage.tokens()[kind] for usage, _ in bills) for kind in bills[0][0].tokens()},
        "cost_micro_usd": sum(cost.micro_usd for cost in priced) if is_known else None,
        "standard_micro_usd": sum(cost.standard_micro_usd for cost in priced) if is_known else None,
    }


def _batch_row() -> dict[str, Any]:
    return {
        "item_id": f"batch#{BATCH}",
        "workload": "content-pipeline",
        "state": "COLLECTED",
        "count": Decimal(2),
        "created_at": f"{DAY}T09:00:05.000Z",
        "ended_at": f"{DAY}T09:10:05.000Z",
    }


def _account(ledger: list[dict[str, Any]]) -> dict[str, Any]:
    known = [row["cost_micro_usd"] for row in ledger if row["cost_micro_usd"] is not None]
    return {"cost_micro_usd": str(sum(known)), "requests_executed": sum(int(row["requests"]) for row in ledger)}
