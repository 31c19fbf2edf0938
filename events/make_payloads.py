"""Writes events/<function>.json: one payload per trigger, in the shape in which Lambda delivers it.

    python -m events.make_payloads [folder]

For `sam local invoke ClassifierFunction -e events/classifier.json` and for the tests, which compare the files with
what this program writes. A request's text goes into md5OfBody and its id into keys, so nobody edits them by hand.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

ACCOUNT, REGION = "123456789012", "us-east-1"
SENT_AT = 1_795_428_551_204  # 2026-11-23T10:09:11.204Z, in milliseconds
SEGMENT = "01KAQZ2F8W6M3T9XJ5V0C4HRNE"
BATCH = "01KAQZ7RGN4D1B8Y2PKS6EWVTA"

CHAT = {
    "id": "chat-2026-11-23-03117",
    "workload": "live-chat",
    "params": {
        "model": "claude-sonnet-4-6",
        "max_tokens": 1024,
        "system": "You are Wren, the support assistant of Tarnwick Outfitters. Answer in the customer's language, in "
        "at most 150 words. Orders in picking cannot be changed any more; the parcel can be sent to a parcel shop.",
        "messages": [
            {"role": "user", "content": "Hi, I've just ordered the Skerry 2 tent to my old address. Order TW-448120."},
            {"role": "assistant", "content": "Let's see whether it can still be stopped. What does its status say?"},
            {"role": "user", "content": "It says In picking. What can I do? I need it by Friday."},
        ],
    },
    "priority": "high",
    "metadata": {"team": "support-north"},
}
ARTICLE = {
    "id": "article-lm-2027-02-026",
    "workload": "content-pipeline",
    "params": {
        "model": "claude-sonnet-4-6",
        "max_tokens": 3072,
        "system": "You write for Larkmoss, a magazine about kitchen gardens. Facts come from the notes only.",
        "messages": [
            {
                "role": "user",
                "content": "Working title: Leeks that stand until March. 1,500 words.\n\nNotes: planted on 28 June in "
                "holes 18 cm deep; shafts of 16 to 21 cm in December; fleece brought 2 degrees; losses were by wet.",
            }
        ],
    },
    "max_latency_minutes": 1440,
    "metadata": {"team": "editorial", "issue": "2027-02"},
}
CUT_OFF = '{"id": "pr-2260-4f1c09e", "workload": "code-review", "params": {"model": "claude-sonnet-4-6", "max_tok'


def payloads() -> dict[str, Any]:
    """File name to event."""
    return {
        "classifier": _sqs(
            "RequestQueue",
            (_text(CHAT), "live-chat"),
            (_text(ARTICLE), "content-pipeline"),
            (CUT_OFF, "code-review"),  # never valid: goes to RejectedQueue
        ),
        "realtime_invoker": _sqs("RealtimeQueue", (_text(_inner(CHAT)), "live-chat")),
        "batch_submitter": _sqs("BatchQueue", (_text({"class_id": "content-pipeline.24h", "segment": SEGMENT}), None)),
        "poller": _tick(),
        "collector": _sqs("CollectQueue", (_text({"batch": BATCH}), "content-pipeline")),
    }


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, event in payloads().items():
        text = json.dumps(event, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


def _inner(request: dict[str, Any]) -> dict[str, Any]:
    """What the classifier sends on to the real-time lane."""
    key = hashlib.sha256(f"{request['workload']}\0{request['id']}".encode()).hexdigest()
    asked = {name: request[name] for name in ("id", "workload", "params", "metadata")}
    return {"key": key, "model": request["params"]["model"], **asked}


def _sqs(queue: str, *messages: tuple[str, str | None]) -> dict[str, Any]:
    return {"Records": [_record(queue, number, body, group) for number, (body, group) in enumerate(messages)]}


def _record(queue: str, number: int, body: str, group: str | None) -> dict[str, Any]:
    name = str(uuid5(NAMESPACE_URL, f"{queue}/{number}"))
    attributes = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": str(SENT_AT + 40 * number),
        "SenderId": "AROAEXAMPLEROLEIDENT1:producer",
        "ApproximateFirstReceiveTimestamp": str(SENT_AT + 40 * number + 900),
    }
    return {
        "messageId": name,
        "receiptHandle": f"AQEB{hashlib.sha256(name.encode()).hexdigest()}==",
        "body": body,
        "attributes": attributes | ({"MessageGroupId": group} if group else {}),
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:lanekeeper-{queue}-4KQXZ8T1A2BC",
        "awsRegion": REGION,
    }


def _tick() -> dict[str, Any]:
    """What EventBridge Scheduler sends where the target names no input of its own."""
    return {
        "version": "0",
        "id": str(uuid5(NAMESPACE_URL, "PollerSchedule")),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": "2026-11-23T10:10:00Z",
        "region": REGION,
        "resources": [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/lanekeeper-PollerSchedule-1H2J3K4L5M6N"],
        "detail": "{}",
    }


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
