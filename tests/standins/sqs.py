"""SQS, as far as the front door uses it: queues that are sent to."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

MOST_BYTES = 1_048_576  # of one message, and of one call


@dataclass
class Sqs:
    sent: dict[str, list[str]] = field(default_factory=dict)  # bodies by queue

    def send_message(self, *, QueueUrl: str, MessageBody: str, **_: Any) -> dict[str, Any]:
        if len(MessageBody.encode()) > MOST_BYTES:
            raise ClientError({"Error": {"Code": "InvalidParameterValue", "Message": ""}}, "SendMessage")
        self.sent.setdefault(QueueUrl, []).append(MessageBody)
        return {"MessageId": "sent"}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if len(Entries) > 10:
            raise _refusal("AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
        if sum(len(entry["MessageBody"].encode()) for entry in Entries) > MOST_BYTES:
            raise _refusal("AWS.SimpleQueueService.BatchRequestTooLong")
        self.sent.setdefault(QueueUrl, []).extend(entry["MessageBody"] for entry in Entries)
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "SendMessageBatch")
