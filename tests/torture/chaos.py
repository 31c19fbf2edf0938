"""What goes wrong in a schedule: drawn call by call from the schedule's own seed, until its faults end.

Processes die, AWS refuses, loses and repeats, Claude fails in every way that its stand-in knows, processes stand still
while others run, ticks overlap, SQS delivers twice and late, and no two clocks agree.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from random import Random
from typing import Any

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ReadTimeoutError

from tests.standins.claude_faults import Fault
from tests.standins.wire import refusal
from tests.torture import deployed
from tests.torture.world import World

DEEPEST = 3  # processes that stand still inside each other's calls
LONGEST_FUNCTION = 120  # seconds of those that send batches
MARGIN_SECONDS = 60
MOST = 0.6  # of what can strike does, even in a burst
TWICE = ("put_item", "update_item", "put_object", "copy_object", "send_message", "send_message_batch", "put_events")
REPEATED = {"".join(part.capitalize() for part in name.split("_")) for name in TWICE}  # not what AWS makes idempotent
CODES = {
    "dynamodb": ("ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"),
    "s3": ("SlowDown", "InternalError", "ServiceUnavailable"),
    "sqs": ("RequestThrottled", "InternalError"),
    "events": ("ThrottlingException", "InternalException"),
}
RATE_LIMIT: dict[str, Any] = {"status": 429, "kind": "rate_limit_error"}
API_ERRORS: list[dict[str, Any]] = [{"status": 500, "kind": "api_error"}, {"status": 502, "kind": "api_error"}]
NOT_DONE: list[dict[str, Any]] = [
    RATE_LIMIT,
    RATE_LIMIT | {"retry_after": 7},
    {"status": 529},
    *API_ERRORS,
    *({"how": how} for how in ("drop", "hang", "unreachable")),
]
LOST: list[dict[str, Any]] = [{"how": how, "after": True} for how in ("drop", "hang")]
SPOILED: list[dict[str, Any]] = [{"how": how} for how in ("cut", "short", "doubled", "broken")]
CLAUDE: dict[str, list[dict[str, Any]]] = {
    "Create": [*NOT_DONE, *(3 * LOST), *({**error, "after": True} for error in API_ERRORS)],
    "List": NOT_DONE,
    "Retrieve": NOT_DONE,
    "Results": [*NOT_DONE, *SPOILED, *SPOILED],
    "Cancel": [*NOT_DONE, *LOST],
    "Messages": [
        *NOT_DONE,
        *LOST,
        {**API_ERRORS[1], "after": True},
    ],  # a 500 is taken for unbilled: docs/reliability.md
    "CountTokens": NOT_DONE,
}


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How often each fault strikes, by call."""

    death: float
    death_after: float
    refused: float
    lost: float
    repeated: float
    claude: float
    pause: float
    tick: float
    twice: float  # the event that a process works on is given to another one, too
    again: float  # by message: it comes once more when it is done

    @classmethod
    def drawn(cls, random: Random) -> "Rates":
        return cls(**{each.name: random.choice(SCALE[each.name]) for each in fields(cls)})


FEW, SOME, MANY = (0, 0, 0.002, 0.01), (0, 0.005, 0.02), (0, 0.02, 0.1, 0.3)
SCALE = {
    "death": SOME,
    "death_after": SOME,
    "refused": SOME,
    "lost": SOME,
    "repeated": SOME,
    "claude": MANY,
    "pause": FEW,
    "tick": FEW,
    "twice": FEW,
    "again": MANY,
}


@dataclass(kw_only=True)
class Chaos:
    """Strikes the calls of a world's processes."""

    world: World
    random: Random
    rates: Rates
    until: datetime
    skew_seconds: float = 0  # the most by which a clock is off
    burst: tuple[datetime, datetime] | None = None  # a time in which everything goes wrong oftener
    struck: Counter[str] = field(default_factory=Counter)
    injected: list[BaseException] = field(default_factory=list)

    def install(self) -> None:
        world = self.world
        world.account.wire.before.append(self._before)
        world.account.wire.after.append(self._after)
        world.account.wire.again = self._again
        world.account.sqs.done_with = self._comes_again
        world.claude.faults.draw = self._claude
        world.skew, world.clocks_differ = self._skew, timedelta(seconds=2 * self.skew_seconds)
        world.expected = self.is_ours

    def is_ours(self, error: BaseException | None) -> bool:
        """Whether an error is one of ours, or came of one."""
        while error is not None:
            if any(error is ours for ours in self.injected):
                return True
            error = error.__cause__ or error.__context__
        return False

    def strike(self, what: str, rate: float) -> bool:
        """Draws whether something goes wrong here."""
        if not rate or self.random.random() >= min(rate * self._factor(), MOST):
            return False
        self.struck[what] += 1
        return True

    def _is_over(self) -> bool:
        return self.world.now >= self.until or not self.world.running

    def _factor(self) -> float:
        return 10 if self.burst is not None and self.burst[0] <= self.world.now < self.burst[1] else 1

    # what strikes

    def _before(self, call: str, _: Mapping[str, Any]) -> None:
        if self._is_over():
            return
        for what, deed in (("pause", self._pause), ("tick", self.world.tick), ("twice", self._twice)):
            if self.strike(what, getattr(self.rates, what)):
                self._meanwhile(deed)
        if self.strike("death", self.rates.death):
            self.world.kill(call)
        if not call.startswith("claude.") and self.strike("refused", self.rates.refused):
            raise self._ours(self._refusal(call))

    def _after(self, call: str, _: Mapping[str, Any]) -> None:
        if self._is_over():
            return
        if self.strike("death after", self.rates.death_after):
            self.world.kill(call)
        if call.partition(".")[0] in CODES and self.strike("lost", self.rates.lost):
            raise self._ours(ReadTimeoutError(endpoint_url=call))

    def _again(self, call: str) -> bool:
        can_be = call.partition(".")[2] in REPEATED and not self._is_over()
        return can_be and self.strike("repeated", self.rates.repeated)

    def _claude(self, call: str) -> Fault | None:
        if self._is_over() or not self.strike("claude", self.rates.claude):
            return None
        return Fault(call=call, **self.random.choice(CLAUDE[call]))

    def _skew(self) -> timedelta:
        return timedelta(seconds=self.random.uniform(-self.skew_seconds, self.skew_seconds))

    def _refusal(self, call: str) -> Exception:
        service, _, operation = call.partition(".")
        if service == "secretsmanager":
            return GetParameterError("ThrottlingException")
        return refusal(self.random.choice(CODES[service]), operation)

    def _ours(self, error: Exception) -> Exception:
        self.injected.append(error)
        return error

    # other processes, while this one stands still

    def _meanwhile(self, deed: Callable[[], None]) -> None:
        """Whoever stood still for longer than SETTLE allows for does not wake up: docs/reliability.md, P2."""
        if len(self.world.running) > DEEPEST:
            return
        process, since = self.world.running[-1], self.world.now
        deed()
        paused = (self.world.now - since).total_seconds()
        process.is_paused |= paused > 1
        process.paused_seconds += paused
        if process.paused_seconds > self._longest():
            self.world.kill("a pause that SETTLE does not allow for")

    def _longest(self) -> float:
        """Seconds that a sender may stand still, so that its batch is in the listing when somebody settles it."""
        delays = self.world.claude.delays.listed + 2 * self.skew_seconds + LONGEST_FUNCTION + MARGIN_SECONDS
        return deployed.settle_seconds() - delays

    def _pause(self) -> None:
        self.world.sleep(self.random.choice((1, 130, 400, self._longest() * 0.8)))

    def _twice(self) -> None:
        event = self.world.running[-1].event
        if "Records" in event:
            self.world.hand_over(event["Records"][0]["eventSourceARN"].rpartition(":")[2], event["Records"])
        else:
            self.world.tick()

    def _comes_again(self, queue: str, body: str, group: str | None) -> None:
        """A queue delivers at least once: what is done may come once more."""
        if self.world.now < self.until and self.strike("again", self.rates.again):
            self.world.account.sqs.place(queue, body, self.random.uniform(0, 3600), group)
