"""SQS, as far as we use it: standard queues by a clock of ours, and their messages as Lambda hands them over."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from tests.standins.wire import Wire, refusal, remote

MOST_BYTES = 1_048_576  # of one message, and of one call
LONGEST = 43_200  # seconds out of sight, counted from the receive


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a queue's resource says of it."""

    visibility: float = 30
    retention: float = 345_600
    dead_letters: str | None = None  # the queue that takes what was received too often
    most_receives: int = 0


@dataclass
class Held:
    """One message in a queue."""

    id: str
    body: str
    sent_at: datetime  # stays when it moves to the dead-letter queue
    visible_at: datetime
    group: str | None = None
    receives: int = 0
    received_at: datetime | None = None
    gone: bool = False


@dataclass
class Sqs:
    rules: dict[str, Rules] = field(default_factory=dict)  # by queue URL
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wire: Wire = field(default_factory=Wire)
    expired: list[Held] = field(default_factory=list)  # what nobody took for as long as its queue keeps it
    done_with: Callable[[str, str, str | None], None] = lambda *_: None  # hears queue, body and group of what is done
    lateness: Callable[[], float] = lambda: 0  # seconds until a message that was sent can be received
    service = "sqs"
    _queues: dict[str, list[tuple[datetime, int, Held]]] = field(default_factory=dict)  # heaps by visible-at
    _held: dict[str, dict[str, Held]] = field(default_factory=dict)  # by queue and message id
    _deleted: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @remote
    def send_message(
        self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0, MessageGroupId: str | None = None
    ) -> dict[str, Any]:
        if len(MessageBody.encode()) > MOST_BYTES:
            raise refusal("InvalidParameterValue", "SendMessage")
        return {"MessageId": self.place(QueueUrl, MessageBody, DelaySeconds, MessageGroupId).id}

    @remote
    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if len(Entries) > 10:
            raise refusal("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "SendMessageBatch")
        if sum(len(entry["MessageBody"].encode()) for entry in Entries) > MOST_BYTES:
            raise refusal("AWS.SimpleQueueService.BatchRequestTooLong", "SendMessageBatch")
        for entry in Entries:
            self.place(QueueUrl, entry["MessageBody"], entry.get("DelaySeconds", 0), entry.get("MessageGroupId"))
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    @remote
    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:
        self._hide(QueueUrl, ReceiptHandle, VisibilityTimeout)
        return {}

    @remote
    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        done, failed = [], []
        for entry in Entries:
            try:
                self._hide(QueueUrl, entry["ReceiptHandle"], entry["VisibilityTimeout"])
                done.append({"Id": entry["Id"]})
            except ClientError as error:
                failed.append({"Id": entry["Id"], "Code": error.response["Error"]["Code"], "SenderFault": True})
        return {"Successful": done} | ({"Failed": failed} if failed else {})

    @remote
    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:
        if f"{QueueUrl}/{_id(ReceiptHandle)}" not in self._deleted:
            self._drop(QueueUrl, self._by_receipt(QueueUrl, ReceiptHandle, "DeleteMessage"))
        return {}

    @remote
    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int = 1, VisibilityTimeout: int | None = None, **_: Any
    ) -> dict[str, Any]:
        taken = self._take(QueueUrl, MaxNumberOfMessages, VisibilityTimeout)
        found = [
            {"MessageId": held.id, "ReceiptHandle": receipt, "Body": held.body, "Attributes": _attributes(held)}
            for held, receipt in taken
        ]
        return {"Messages": found} if found else {}

    # as Lambda uses it, unseen by our code

    def receive(self, queue: str, most: int) -> list[dict[str, Any]]:
        """Up to so many visible messages, as the records of a function's event."""
        return [
            {
                "messageId": held.id,
                "receiptHandle": receipt,
                "body": held.body,
                "attributes": _attributes(held),
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
                "awsRegion": "us-east-1",
            }
            for held, receipt in self._take(queue, most, None)
        ]

    def done(self, queue: str, record: dict[str, Any]) -> None:
        """Deletes what a function has dealt with."""
        held = self._held.get(queue, {}).get(_id(record["receiptHandle"]))
        if held is not None:
            self._drop(queue, held)
            self.done_with(queue, held.body, held.group)

    def messages(self, queue: str) -> list[Held]:
        """Everything in a queue, visible or not."""
        return list(self._held.get(queue, {}).values())

    def bodies(self, queue: str) -> list[str]:
        return [held.body for held in self.messages(queue)]

    def next_visible(self, queue: str) -> datetime | None:
        """When a message of this queue can be received; None for an empty one."""
        heap = self._heap(queue)
        while heap and (heap[0][2].gone or heap[0][0] != heap[0][2].visible_at):  # deleted, or hidden anew since
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def clear(self) -> None:
        self._queues.clear()
        self._held.clear()

    # what calls are made of

    def _heap(self, queue: str) -> list[tuple[datetime, int, Held]]:
        if queue not in self.rules:
            raise refusal("AWS.SimpleQueueService.NonExistentQueue", "SendMessage")
        return self._queues.setdefault(queue, [])

    def place(self, queue: str, body: str, delay: float = 0, group: str | None = None) -> Held:
        """Puts a message as somebody else would, unheard on the wire."""
        now = self.clock()
        held = Held(
            f"message-{next(self._numbers)}", body, now, now + timedelta(seconds=delay + self.lateness()), group
        )
        self._push(queue, held)
        return held

    def _push(self, queue: str, held: Held) -> None:
        self._held.setdefault(queue, {})[held.id] = held
        heapq.heappush(self._heap(queue), (held.visible_at, next(self._numbers), held))

    def _take(self, queue: str, most: int, visibility: float | None) -> list[tuple[Held, str]]:
        now, rules, taken = self.clock(), self.rules.get(queue, Rules()), []
        while len(taken) < most and (visible := self.next_visible(queue)) is not None and visible <= now:
            held = heapq.heappop(self._heap(queue))[2]
            if now - held.sent_at >= timedelta(seconds=rules.retention):
                self._drop(queue, held)
                self.expired.append(held)
            elif rules.dead_letters and held.receives >= rules.most_receives:
                self._drop(queue, held)
                self._push(rules.dead_letters, Held(held.id, held.body, held.sent_at, now, held.group, held.receives))
            else:
                taken.append((held, self._receive(held, now)))
                held.visible_at = now + timedelta(seconds=rules.visibility if visibility is None else visibility)
        for held, _ in taken:
            self._push(queue, held)
        return taken

    def _receive(self, held: Held, now: datetime) -> str:
        held.receives += 1
        held.received_at = now
        return f"{held.id}/{held.receives}"

    def _drop(self, queue: str, held: Held) -> None:
        held.gone = True
        self._deleted.add(f"{queue}/{held.id}")
        del self._held[queue][held.id]

    def _hide(self, queue: str, receipt: str, seconds: float) -> None:
        held = self._by_receipt(queue, receipt, "ChangeMessageVisibility")
        now = self.clock()
        if held.received_at is None or now + timedelta(seconds=seconds) > held.received_at + timedelta(seconds=LONGEST):
            raise refusal("InvalidParameterValue", "ChangeMessageVisibility")
        held.visible_at = now + timedelta(seconds=seconds)
        self._push(queue, held)

    def _by_receipt(self, queue: str, receipt: str, operation: str) -> Held:
        held = self._held.get(queue, {}).get(_id(receipt))
        if held is None:
            raise refusal("ReceiptHandleIsInvalid", operation)
        return held


def _id(receipt: str) -> str:
    return receipt.rpartition("/")[0]


def _attributes(held: Held) -> dict[str, str]:
    sent = str(round(held.sent_at.timestamp() * 1000))
    fairness = {"MessageGroupId": held.group} if held.group else {}
    return {"ApproximateReceiveCount": str(held.receives), "SentTimestamp": sent, "SenderId": "test", **fairness}
