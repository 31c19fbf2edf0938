"""Many requests onto the queue: every one of them ends with a ticket or with a reason, whatever fails on the way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lanekeeper.client.errors import NotSentError
from lanekeeper.client.requests import NotSent, Request, Ticket
from lanekeeper.client.sending import Inbox, Outgoing, UnsendableError, packs, send_pack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

UNKNOWN = "the call to SQS failed: sending the request again is harmless, it is answered once"


@dataclass(frozen=True, slots=True)
class Letter:
    """A request and its message."""

    request: Request
    outgoing: Outgoing

    @property
    def body(self) -> str:
        return self.outgoing.body

    @property
    def group(self) -> str:
        return self.outgoing.group


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

    def _letters(self, requests: Iterable[Request]) -> Iterable[Letter]:
        for request in requests:
            try:
                yield Letter(request, self.inbox.outgoing(request.fields()))
            except UnsendableError as error:
                self.not_sent.append(NotSent(request=request, code=error.code, sentence=error.sentence))

    def _send(self, pack: Sequence[Letter]) -> None:
        for letter, receipt in zip(pack, send_pack(self.sqs, self.queue_url, pack), strict=True):
            if receipt.message_id is None:
                self.not_sent.append(NotSent(request=letter.request, code=receipt.code, sentence=receipt.sentence))
            else:
                self.tickets.append(Ticket.of_fields(letter.request.fields(), receipt.message_id))

    def _give_up(self, waiting: Iterable[Sequence[Letter]], error: Exception) -> None:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        for pack in waiting:
            self.not_sent += [NotSent(request=letter.request, code=code, sentence=UNKNOWN) for letter in pack]
