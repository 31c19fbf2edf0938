"""Sends one urgent and one patient request: python examples/send.py REQUEST_QUEUE_URL"""

import json
import sys

import boto3

CHAT = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "Where is my parcel?"}],
}
ARTICLE = CHAT | {"max_tokens": 2000, "messages": [{"role": "user", "content": "Write 800 words on winter leeks."}]}
REQUESTS = [
    {"id": "chat-0002", "workload": "live-chat", "priority": "high", "params": CHAT},
    {"id": "article-0002", "workload": "content-pipeline", "max_latency_minutes": 1440, "params": ARTICLE},
]

sqs = boto3.client("sqs")
for request in REQUESTS:
    sqs.send_message(QueueUrl=sys.argv[1], MessageBody=json.dumps(request), MessageGroupId=request["workload"])
