"""Asks three questions through Lanekeeper and prints the answers as they come: python examples/client.py [STACK]"""

import sys

import lanekeeper.client
from lanekeeper.client import ContentGoneError, FailedError, RejectedError, Request

QUESTIONS = {
    "leeks": "Name three leeks that stand until March.",
    "windows": "How are old wooden windows made tight without replacing them?",
    "boots": "How often should leather boots be waxed?",
}

client = lanekeeper.client.connect(*sys.argv[1:2])
tickets = client.submit_many(
    Request(
        workload="content-pipeline",
        id=f"example-{name}",
        params={
            "model": "claude-sonnet-4-6",
            "max_tokens": 200,
            "messages": [{"role": "user", "content": question}],
        },
    )
    for name, question in QUESTIONS.items()
)
for end in client.answers(tickets, timeout=24 * 3600):
    try:
        print(f"{end.id}: {end.text}\n")
    except (RejectedError, FailedError, ContentGoneError) as error:
        print(f"{end.id}: {error}\n")
