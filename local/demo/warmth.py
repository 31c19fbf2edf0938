"""Starts the functions' workers before the clock runs: on this machine each one's first start takes seconds."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from local.stack import FunctionFailedError, Stack

WORKERS = {"Classifier": 2, "RealtimeInvoker": 2, "BatchSubmitter": 1, "Poller": 1, "Collector": 1}
NOBODY = "0" * 26

# Events that find nothing to do: a function that raised would lose its worker again.
_BODIES: dict[str, dict[str, str]] = {
    "RealtimeInvoker": {"key": NOBODY, "object": f"requests/{NOBODY}.json"},
    "BatchSubmitter": {"class_id": NOBODY, "segment": NOBODY},
    "Collector": {"batch": NOBODY},
}


def warm(stack: Stack) -> None:
    """Calls every function as often at once as it has workers, and no more functions at once than there are cores."""
    calls = [function for function, workers in WORKERS.items() for _ in range(workers)]

    def call(function: str) -> None:
        with suppress(FunctionFailedError):
            stack.invoke(f"{function}Function", idle_event(function))

    at_once = max(os.cpu_count() or 1, *WORKERS.values())
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        list(pool.map(call, calls))


def idle_event(function: str) -> dict[str, Any]:
    """An event that makes the function do everything but work."""
    body = _BODIES.get(function)
    if body is None:
        return {"Records": []}
    record = {
        "messageId": "warm-up",
        "receiptHandle": "warm-up",
        "body": json.dumps(body),
        "attributes": {"SentTimestamp": str(int(time.time() * 1000)), "ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:warm-up",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}
