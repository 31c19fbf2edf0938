"""For producers: requests onto the queue, answers from the bucket. docs/client.md shows how.

client = lanekeeper.client.connect("lanekeeper")
ticket = client.submit("content-pipeline", "article-42", params)
print(client.wait(ticket, timeout=3600).text)
"""

from lanekeeper.client.addresses import Addresses
from lanekeeper.client.answers import Answer, Rejection
from lanekeeper.client.errors import (
    ContentGoneError,
    FailedError,
    InvalidWorkloadError,
    NotSentError,
    RejectedError,
    TimedOutError,
    UnknownStackError,
)
from lanekeeper.client.producer import Client, client_of, connect
from lanekeeper.client.requests import NotSent, Request, Ticket
from lanekeeper.client.status import Place, Status
from lanekeeper.models import Lane, Outcome

__all__ = [
    "Addresses",
    "Answer",
    "Client",
    "ContentGoneError",
    "FailedError",
    "InvalidWorkloadError",
    "Lane",
    "NotSent",
    "NotSentError",
    "Outcome",
    "Place",
    "RejectedError",
    "Rejection",
    "Request",
    "Status",
    "Ticket",
    "TimedOutError",
    "UnknownStackError",
    "client_of",
    "connect",
]
