"""Writes events/daily_requests.jsonl: one day's requests of three producers, one in twenty, in the order of the clock.

    python -m events.make_daily_requests [file]

Deterministic: the same file comes out on every machine; a test compares it byte for byte.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from events.daily import articles, live_chat, reviews
from events.daily.draw import Draw

OUTPUT = Path(__file__).parent / "daily_requests.jsonl"
DAY = "2026-11-23"
MODEL = "claude-sonnet-4-6"
COUNTS = {"live-chat": 330, "content-pipeline": 25, "code-review": 5}  # 6,667 : 500 : 100, one in twenty
CHAT_HOURS = (
    1,
    1,
    0,
    0,
    0,
    1,
    3,
    7,
    13,
    19,
    23,
    24,
    21,
    20,
    22,
    22,
    21,
    20,
    22,
    26,
    27,
    20,
    12,
    5,
)  # relative, from 0:00
BUSY_HOURS = {"content-pipeline": (6, 9), "code-review": (10, 16)}


def requests() -> list[dict[str, Any]]:
    """The messages of the day in the order in which they are sent."""
    timed = [*_chats(), *_articles(), *_reviews()]
    return [message for _, message in sorted(timed, key=lambda item: item[0])]


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    lines = [json.dumps(request, ensure_ascii=False, separators=(",", ":")) for request in requests()]
    output.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _chats() -> Iterator[tuple[int, dict[str, Any]]]:
    draw = Draw("live-chat")
    minutes = sorted(_chat_minute(draw) for _ in range(COUNTS["live-chat"]))
    for number, minute in enumerate(minutes):
        request_id = f"chat-{DAY}-{number * 20 + draw.number(1, 20):05d}"
        own = Draw(request_id)
        params = live_chat.params(own, f"{minute // 60:02d}:{minute % 60:02d}")
        yield minute, _message(request_id, "live-chat", params) | {"priority": "high"} | _team(own)


def _chat_minute(draw: Draw) -> int:
    hours = [hour for hour, weight in enumerate(CHAT_HOURS) for _ in range(weight)]
    return draw.pick(hours) * 60 + draw.number(0, 59)


def _team(draw: Draw) -> dict[str, Any]:
    return {"metadata": {"team": draw.pick(["support-north", "support-south"])}} if draw.chance(0.3) else {}


def _articles() -> Iterator[tuple[int, dict[str, Any]]]:
    for number in range(COUNTS["content-pipeline"]):
        request_id = f"article-lm-2027-02-{number + 1:03d}"
        draw = Draw(request_id)
        message = _message(request_id, "content-pipeline", articles.params(draw, number))
        if draw.chance(0.5):
            message["max_latency_minutes"] = 1440
        yield _minute(draw, "content-pipeline"), message | {"metadata": {"team": "editorial", "issue": "2027-02"}}


def _reviews() -> Iterator[tuple[int, dict[str, Any]]]:
    for number in range(COUNTS["code-review"]):
        request_id = f"pr-{2218 + 7 * number}-{Draw(f'commit {number}').number(0x1000000, 0xFFFFFFF):x}"
        message = _message(request_id, "code-review", reviews.params(number)) | {"max_latency_minutes": 120}
        yield _minute(Draw(request_id), "code-review"), message | {"metadata": {"team": "yard-platform"}}


def _minute(draw: Draw, workload: str) -> int:
    first, last = BUSY_HOURS[workload]
    return draw.number(first * 60, last * 60 + 59)


def _message(request_id: str, workload: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"id": request_id, "workload": workload, "params": {"model": MODEL, **params}}


if __name__ == "__main__":
    main()
