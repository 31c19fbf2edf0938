"""The client itself: requests in, answers out, and what was called elsewhere onto the same ledger."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from lanekeeper import clock as wall_clock
from lanekeeper import dynamo
from lanekeeper.client.addresses import Addresses, find
from lanekeeper.client.answers import Answer, Rejection
from lanekeeper.client.delivery import Delivery
from lanekeeper.client.notices import Notices
from lanekeeper.client.recording import plain, recorded_row
from lanekeeper.client.requests import Request, Ticket
from lanekeeper.client.sending import Inbox
from lanekeeper.client.status import Status
from lanekeeper.client.watch import Settled, Watch
from lanekeeper.connections import CONFIG
from lanekeeper.errors import RejectedError
from lanekeeper.identity import request_key
from lanekeeper.ledger import Ledger
from lanekeeper.pricing import standard_prices
from lanekeeper.spool import Spool

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

DEFAULT_STACK = "lanekeeper"
_GONE = {"NoSuchKey", "InvalidRange"}  # what S3 says of an object that is not there, or shorter by now


def connect(stack: str = DEFAULT_STACK, *, session: "boto3.Session | None" = None) -> "Client":
    """A client of the stack with this name, in the session's account and region (default: as boto3 finds them).

    Needs cloudformation:DescribeStacks; who may not do that makes a Client from the addresses. Raises
    UnknownStackError.
    """
    session = session or boto3.Session()
    return client_of(find(stack, session.client("cloudformation", config=CONFIG)), session)


def client_of(addresses: Addresses, session: "boto3.Session", **where: Any) -> "Client":
    """A client of these addresses; `where` goes to each AWS client, an endpoint_url for one."""
    return Client(
        addresses=addresses,
        sqs=session.client("sqs", **{"config": CONFIG, **where}),
        s3=session.client("s3", **{"config": CONFIG, **where}),
        dynamodb=dynamo.plain_client(session, **where),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What a producer can do. It may be shared between threads."""

    addresses: Addresses
    sqs: "SQSClient"
    s3: "S3Client"
    dynamodb: "DynamoDBClient"  # one that takes plain values: lanekeeper.dynamo.plain_client
    clock: Callable[[], float] = time.monotonic  # seconds that only grow
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = wall_clock.now

    # requests in

    def submit(
        self,
        workload: str,
        id: str,
        params: Mapping[str, Any],
        *,
        priority: str | None = None,
        deadline: datetime | str | None = None,
        max_latency_minutes: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Ticket:
        """Sends one request; the fields are those of docs/sending.md. Raises NotSentError.

        Whether it can be followed is found out by the stack, a few seconds later: `wait` raises RejectedError then.
        """
        request = Request(
            workload=workload,
            id=id,
            params=params,
            priority=priority,
            deadline=deadline,
            max_latency_minutes=max_latency_minutes,
            metadata=metadata,
        )
        return self.submit_many([request])[0]

    def submit_many(self, requests: Iterable[Request]) -> list[Ticket]:
        """Sends requests, ten a call; the tickets stand in their order.

        Raises NotSentError where some did not get onto the queue: it holds the tickets of those that did.
        """
        return Delivery(self.sqs, self.addresses.queue_url, self.inbox)(requests)

    @property
    def inbox(self) -> Inbox:
        """Where params too large for a message wait."""
        return Inbox(self.s3, self.addresses.content_bucket)

    # answers out

    def status(self, workload: str, id: str) -> Status | None:
        """How far a request is; None where none of this id was accepted, or none yet."""
        key = request_key(workload, id)
        return self.statuses([key]).get(key)

    def statuses(self, keys: Sequence[str]) -> dict[str, Status]:
        """The same for many rows, by their keys: those that exist. Each key is named once."""
        names = [{"request_key": key} for key in keys]
        rows = dynamo.get_many(self.dynamodb, self.addresses.requests_table, names, sleep=self.sleep)
        return {row["request_key"]: Status.of_row(row) for row in rows}

    def fetch(self, workload: str, id: str) -> Answer | None:
        """The answer of a request, which may be a failure; None while it is on its way."""
        status = self.status(workload, id)
        return None if status is None or status.outcome is None else self.answer(workload, id, status)

    def wait(self, ticket: Ticket, *, timeout: float | None = None) -> Answer:
        """The answer, once there is one; `timeout` is in seconds. Raises RejectedError and TimedOutError.

        A batch may take hours: then keep the ticket, and look again later.
        """
        (end,) = self.answers([ticket], timeout=timeout)
        if isinstance(end, Rejection):
            raise RejectedError(end.code, end.sentence)
        return end

    def answers(self, tickets: Iterable[Ticket], *, timeout: float | None = None) -> Iterator[Answer | Rejection]:
        """The end of each request, in the order in which they come; raises TimedOutError, which holds the others."""
        for ticket, end in self.settled(tickets, timeout=timeout):
            yield end if isinstance(end, Rejection) else self.answer(ticket.workload, ticket.id, end)

    def settled(
        self, tickets: Iterable[Ticket], *, timeout: float | None = None, until_accepted: bool = False
    ) -> Iterator[Settled]:
        """The same without reading any answer; with `until_accepted` only until each is accepted or rejected."""
        watch = Watch(
            read=self.statuses,
            notices=Notices(self.s3, self.addresses.content_bucket),
            is_settled=lambda status: until_accepted or status.outcome is not None,
            clock=self.clock,
            sleep=self.sleep,
        )
        return watch.until_settled(tickets, timeout)

    def answer(self, workload: str, id: str, status: Status) -> Answer:
        """The answer of a request that has ended, by a range read of exactly its bytes."""
        return Answer(workload, id, status, self._line(status))

    def _line(self, status: Status) -> bytes | None:
        place = status.place
        if place is None or status.forgotten_at is not None:
            return None
        try:
            return Spool(self.s3, self.addresses.content_bucket).get(place.key, start=place.start, end=place.end)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None

    # calls made elsewhere

    def record(
        self,
        workload: str,
        message: Any = None,
        *,
        at: datetime,
        message_id: str | None = None,
        model: str | None = None,
        usage: Any = None,
        seconds: float | None = None,
    ) -> Decimal | None:
        """Books a call to Claude that you made yourself; returns its cost in micro-dollars, None where unknown.

        `message` is Claude's message, as an object of its SDK or as a mapping; or give `message_id`, `model` and
        `usage`. `at` is when the call was made: a repeat with the same `at` leaves one row. `seconds` is how long it
        took. Raises InvalidWorkloadError for a name that no workload can have.
        """
        given = {"id": message_id, "model": model, "usage": usage}
        told = {**(plain(message) if message is not None else {}), **{k: v for k, v in given.items() if v is not None}}
        if missing := [name for name in given if told.get(name) is None]:
            raise TypeError(f"record needs Claude's message, or message_id, model and usage: {missing[0]} is missing")
        row = recorded_row(
            workload,
            message_id=told["id"],
            model=told["model"],
            usage=told["usage"],
            at=at,
            seconds=seconds,
            prices=standard_prices(),
        )
        Ledger(self.dynamodb, self.addresses.ledger_table).record([row], now=self.now())
        return row.cost_micro_usd
