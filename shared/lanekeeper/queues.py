"""The inner queues: what their messages say, and how records come in and go back."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_DELAY = 900  # seconds, by SQS
WORN_RECEIVES = 400  # of 1000 that a queue allows
WORN_AGE = timedelta(days=5)  # of 10 days that a queue keeps a message
INLINE_LIMIT = 256 * 1024  # bytes; a larger body travels through S3


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One record of an SQS event."""

    id: str
    receipt: str
    body: str
    sent_at: datetime
    receives: int
    group: str | None = None  # whose it is: fair queues keep one producer's flood from delaying the others

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Message":
        attributes = record["attributes"]
        return cls(
            id=record["messageId"],
            receipt=record["receiptHandle"],
            body=record["body"],
            sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
            receives=int(attributes["ApproximateReceiveCount"]),
            group=attributes.get("MessageGroupId"),
        )


def messages_of(event: Mapping[str, Any]) -> list[Message]:
    return [Message.of(record) for record in event["Records"]]


def partial_failures(ids: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Lambda's answer to SQS: these messages come again, all others are done."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in ids]}


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue that we send to."""

    sqs: "SQSClient"
    url: str

    def send(self, body: Mapping[str, Any], *, delay_seconds: int = 0, group: str | None = None) -> None:
        fairness: dict[str, Any] = {"MessageGroupId": group} if group else {}
        self.sqs.send_message(QueueUrl=self.url, MessageBody=_text(body), DelaySeconds=delay_seconds, **fairness)

    def send_many(self, bodies: Iterable[tuple[Mapping[str, Any], str | None]]) -> list[bool]:
        """Sends (body, message group) pairs, ten a call and within a call's 1 MiB; says of each whether SQS took it."""
        taken: list[bool] = []
        for chunk in _chunks((_text(body), group) for body, group in bodies):
            entries = [
                {"Id": str(n), "MessageBody": body} | ({"MessageGroupId": group} if group else {})
                for n, (body, group) in enumerate(chunk)
            ]
            answer = self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
            failed = {entry["Id"] for entry in answer.get("Failed", [])}
            taken += [entry["Id"] not in failed for entry in entries]
        return taken

    def delay(self, message: Message, visible_in: int) -> None:
        """Sets when an unacknowledged message comes again, in seconds."""
        self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message.receipt, VisibilityTimeout=visible_in
        )

    def delay_many(self, messages: Sequence[Message], visible_in: int) -> None:
        """The same for up to ten messages. Best effort: what fails keeps the queue's own visibility timeout."""
        self.delay_each([(message, visible_in) for message in messages])

    def delay_each(self, delays: Sequence[tuple[Message, int]]) -> None:
        """The same with a time for each."""
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt, "VisibilityTimeout": visible_in}
            for number, (message, visible_in) in enumerate(delays)
        ]
        self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]

    def renew(self, message: Message, visible_in: int) -> None:
        """Sends a fresh copy, to come in so many seconds. The old one is to be acknowledged then.

        Whoever dies in between leaves two messages of one request, which its row makes harmless.
        """
        self.send(json.loads(message.body), delay_seconds=min(visible_in, LONGEST_DELAY), group=message.group)


def is_worn(message: Message, now: datetime) -> bool:
    """Whether a message has been received so often, or has waited so long, that its queue would give it up some day."""
    return message.receives >= WORN_RECEIVES or now - message.sent_at >= WORN_AGE


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))  # ASCII: SQS refuses some characters, U+FFFF for one


def _chunks(messages: Iterable[tuple[str, str | None]]) -> Iterator[list[tuple[str, str | None]]]:
    chunk: list[tuple[str, str | None]] = []
    size = 0
    for message in messages:
        length = len(message[0].encode())
        if chunk and (len(chunk) == 10 or size + length > 1_000_000):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += length
    if chunk:
        yield chunk
