"""The API's limits, and the counting of calls by the minute."""

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from local.emulator.errors import ApiError
from local.emulator.plan import MAX_REQUEST_BYTES

Tier = Literal["start", "build", "scale"]
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The API's limits, smaller in a test that wants to meet one. Rate limits are those of the lowest tier."""

    batch_requests: int = 100_000
    batch_bytes: int = 256_000_000
    request_bytes: int = MAX_REQUEST_BYTES
    waiting_requests: int = 200_000
    batch_calls_per_minute: int = 1_000
    messages_per_minute: int | None = None  # None: as many as come; batches never count


def limits_of(tier: Tier, messages_per_minute: int | None = None) -> Limits:
    """The limits of an organization in that tier."""
    calls, waiting = {"start": (1_000, 200_000), "build": (2_000, 300_000), "scale": (4_000, 500_000)}[tier]
    return Limits(batch_calls_per_minute=calls, waiting_requests=waiting, messages_per_minute=messages_per_minute)


class Allowance(NamedTuple):
    """What is left of a minute's calls, and when there are more again; the limit may be unknown."""

    limit: int | None
    left: int
    reset: datetime


class CallsPerMinute:
    """The calls of the last minute of emulated time."""

    def __init__(self) -> None:
        self._moments: deque[datetime] = deque()

    def count(self, now: datetime, most: int, refused: str) -> None:
        """One more call. Raises a 429 with the sentence `refused` where `most` were made within the last minute."""
        self._forget(now)
        if len(self._moments) >= most:
            wait = self._moments[0] + MINUTE - now
            raise ApiError(429, refused, retry_after=str(math.ceil(wait.total_seconds())))
        self._moments.append(now)

    def allowance(self, now: datetime, most: int) -> Allowance:
        self._forget(now)
        reset = self._moments[-1] + MINUTE if self._moments else now
        return Allowance(most, max(0, most - len(self._moments)), reset)

    def _forget(self, now: datetime) -> None:
        while self._moments and now - self._moments[0] >= MINUTE:
            self._moments.popleft()
