"""Read: messages into requests, each with its lane. Params that lie in an inbox are fetched here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lanekeeper import claims
from lanekeeper.claims import Claim
from lanekeeper.classify import classify
from lanekeeper.errors import LanekeeperError, RejectedError
from lanekeeper.intake import accept, read_message, read_params
from lanekeeper.models import Request, Stage
from lanekeeper.policy import Registry
from lanekeeper.pricing import PriceList
from lanekeeper.queues import Message
from lanekeeper.spool import Spool

from .reject import Rejected
from .run import Arrival, Run

PACK_BYTES = 16_000_000  # of params held at once, before one more of up to 32 MB: what the function's memory takes
LEAST_SECONDS = 25.0  # an object fetched with less could not be handed over any more


class OutOfTimeError(LanekeeperError):
    """The function's time is nearly over: this message is for another invocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Reads an event's messages pack by pack, so that a hundred large ones never stand in memory together."""

    stage: Stage
    registry: Registry
    prices: PriceList
    spool: Spool

    def packs(
        self, messages: Sequence[Message], run: Run, *, now: datetime, seconds_left: Callable[[], float]
    ) -> Iterator[list[Arrival]]:
        """Every request once in its pack; what is no request is noted in `run`."""
        pack: dict[tuple[str, str], Arrival] = {}
        size = 0
        for message in messages:
            with run.boundary([message]):
                size += self._one(message, pack, run, now, seconds_left)
            if size >= PACK_BYTES:
                yield list(pack.values())
                pack, size = {}, 0
        yield list(pack.values())

    def _one(
        self,
        message: Message,
        pack: dict[tuple[str, str], Arrival],
        run: Run,
        now: datetime,
        seconds_left: Callable[[], float],
    ) -> int:
        """Adds a message to the pack; returns the bytes of its params."""
        try:
            request, size = self._request(message, seconds_left)
        except RejectedError as error:
            run.rejected.append(Rejected(message, error))
            return 0
        same = pack.get((request.key, request.content_hash))
        if same is None:
            decision = classify(request, self.registry[request.workload], stage=self.stage, now=now)
            pack[request.key, request.content_hash] = Arrival(request, decision, [message])
        else:
            same.messages.append(message)
        return size

    def _request(self, message: Message, seconds_left: Callable[[], float]) -> tuple[Request, int]:
        body = read_message(message.body, registry=self.registry)
        params: Mapping[str, Any] = body.params or {}
        size = len(message.body)
        if body.claim is not None:
            data = self._fetch(body.claim, seconds_left)
            params, size = read_params(data), len(data)
        request = accept(body, params, sent_at=message.sent_at, registry=self.registry, prices=self.prices)
        if body.claim is not None:
            self.spool.note_claim(request.key, body.claim)
        return request, size

    def _fetch(self, claim: Claim, seconds_left: Callable[[], float]) -> bytes:
        if seconds_left() < LEAST_SECONDS:
            raise OutOfTimeError("an object is not fetched any more")
        data = self.spool.claimed(claim)
        claims.check_bytes(claim, data)
        return data
