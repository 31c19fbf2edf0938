"""Many requests onto the queue: every one of them ends with a ticket or with a reason, whatever fails on the way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lanekeeper.client.errors import NotSentError
from lanekeeper.client.requests import NotSent, Request, Ticket
from lanekeeper.client.sending import Inbox, Letter, UnsendableError, packs, send_pack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

UNKNOWN = "the call to SQS failed: sending the request again is harmless, it is answered once"
NOT_STORED = "the call to S3 failed, where params too large for a message wait: send the request again"


@dataclass(slots=True)
class Delivery:
    """One call of `submit_many`."""

    sqs: "SQSClient"
    queue_url: str
    inbox: Inbox
    tickets: list[Ticket] = field(default_factory=list)
    not_sent: list[NotSent] = field(default_factory=list)

    def __call__(self, requests: Iterable[Request]) -> list[Ticket]:
        """Sends each once; the tickets stand in the order of the requests. Raises NotSentError."""
        waiting = list(packs(self._letters(requests)))
        for number, pack in enumerate(waiting):
            try:
                self._send(pack)
            except (ClientError, BotoCoreError) as error:
                self._give_up(waiting[number:], error)
                raise NotSentError(self.tickets, self.not_sent) from error
        if self.not_sent:
            raise NotSentError(self.tickets, self.not_sent)
        return self.tickets

    def _letters(self, requests: Iterable[Request]) -> Iterable[Letter[Request]]:
        for request in requests:
            try:
                yield Letter(request, self.inbox.outgoing(request.fields()))
            except UnsendableError as error:
                self.not_sent.append(NotSent(request=request, code=error.code, sentence=error.sentence))
            except (ClientError, BotoCoreError) as error:
                self.not_sent.append(NotSent(request=request, code=_code(error), sentence=NOT_STORED))

    def _send(self, pack: Sequence[Letter[Request]]) -> None:
        for letter, receipt in zip(pack, send_pack(self.sqs, self.queue_url, pack), strict=True):
            if receipt.message_id is None:
                self.not_sent.append(NotSent(request=letter.subject, code=receipt.code, sentence=receipt.sentence))
            else:
                self.tickets.append(Ticket.of_fields(letter.subject.fields(), receipt.message_id))

    def _give_up(self, waiting: Iterable[Sequence[Letter[Request]]], error: ClientError | BotoCoreError) -> None:
        code = _code(error)
        for pack in waiting:
            self.not_sent += [NotSent(request=letter.subject, code=code, sentence=UNKNOWN) for letter in pack]


def _code(error: ClientError | BotoCoreError) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
