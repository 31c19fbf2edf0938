"""Redriving: one message after the other, received, sent, deleted. In this order, so that a crash makes a duplicate."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

WAIT_SECONDS = 2  # for messages: a receive that does not wait asks only some of SQS's servers
HIDDEN_SECONDS = 120  # a received message, for as long as ten sends and deletes may take


@dataclass(frozen=True, slots=True)
class Redriving:
    """The deed, whoever dead-lettered the messages: SQS's own move takes only those that SQS has moved."""

    sqs: "SQSClient"

    def waiting(self, url: str) -> int:
        """About how many messages a queue would hand out now."""
        name: Any = "ApproximateNumberOfMessages"
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def redrive(self, from_url: str, to_url: str, *, most: int) -> Iterator[None]:
        """Yields after each message. At most so many, since some may come back while we are at it."""
        done = 0
        while done < most and (messages := self._receive(from_url, min(10, most - done))):
            for message in messages:
                self._send(to_url, message)
                self.sqs.delete_message(QueueUrl=from_url, ReceiptHandle=message["ReceiptHandle"])
                done += 1
                yield

    def _receive(self, url: str, number: int) -> list["MessageTypeDef"]:
        answer = self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=number,
            MessageSystemAttributeNames=["MessageGroupId"],
            MessageAttributeNames=["All"],
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
        )
        return answer.get("Messages", [])

    def _send(self, url: str, message: "MessageTypeDef") -> None:
        """The same body, and the same message group, by which SQS keeps one workload from holding up the others."""
        group = message.get("Attributes", {}).get("MessageGroupId")
        kept: dict[str, Any] = {"MessageGroupId": group} if group else {}
        if attributes := message.get("MessageAttributes"):
            kept["MessageAttributes"] = attributes
        self.sqs.send_message(QueueUrl=url, MessageBody=message["Body"], **kept)
