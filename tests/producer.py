"""A producer beside the system: a client whose waiting is the system's time to work."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import boto3

from lanekeeper.client import Addresses, Client
from lanekeeper.client.producer import client_of
from tests.system import System


@dataclass
class Waiting:
    """A clock that moves by sleeping only, and what happens while a client sleeps."""

    meanwhile: Callable[[], object] = lambda: None
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        with redirect_stdout(io.StringIO()):  # the functions' metrics are not the client's words
            self.meanwhile()

    def clock(self) -> float:
        return sum(self.pauses)


def addresses_of(system: System) -> Addresses:
    return Addresses(
        queue_url=system.ids["RequestQueue"],
        content_bucket=system.ids["ContentBucket"],
        requests_table=system.ids["RequestsTable"],
        ledger_table=system.ids["LedgerTable"],
    )


def producer(system: System, waiting: Waiting | None = None) -> Client:
    """A client of the system; without `waiting`, all that can happen happens while it sleeps."""
    waiting = waiting or Waiting(system.run_until_answered)
    made = client_of(addresses_of(system), boto3.Session())
    return Client(
        addresses=made.addresses,
        sqs=made.sqs,
        s3=made.s3,
        dynamodb=made.dynamodb,
        clock=waiting.clock,
        sleep=waiting.sleep,
    )


def queued(system: System) -> list[dict[str, Any]]:
    """The messages on the request queue, which stay there."""
    sqs = boto3.client("sqs")
    answer = sqs.receive_message(
        QueueUrl=system.ids["RequestQueue"], MaxNumberOfMessages=10, VisibilityTimeout=0, AttributeNames=["All"]
    )
    return list(answer.get("Messages", []))
