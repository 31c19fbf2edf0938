"""The breaker of a lane as all workers share it: one row, read where a lane is entered, written where it changes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

from lanekeeper import breaker as rules
from lanekeeper.batches_table import BatchesTable
from lanekeeper.breaker import Breaker, Failure, Gate
from lanekeeper.errors import ClaudeError
from lanekeeper.models import Lane
from lanekeeper.refusals import Call, holds_the_lane, remedy
from lanekeeper.telemetry import logger

TRIES = 5  # to be heard among the other workers; who is not heard says nothing that they do not say

_one_at_a_time = Lock()  # the ten threads of an invocation would only overtake each other


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneBreaker:
    """One lane's breaker."""

    batches: BatchesTable
    lane: Lane
    clock: Callable[[], datetime]

    def look(self) -> Breaker:
        """The lane's row as it is now."""
        return self.batches.breaker(self.lane)

    def take_probe(self, until: datetime) -> Breaker | None:
        """The right to be the one that tries; None where another one has it, or the lane was settled meanwhile."""
        with _one_at_a_time:
            seen = self.look()
            if rules.gate(seen, self.clock()) is not Gate.PROBE:
                return None
            return self._written(seen, rules.probing(seen, until))

    def give_back(self, probe: Breaker) -> None:
        """The probe was not made, or says nothing of the lane: another one may try at once."""
        self._written(probe, rules.not_probed(probe))

    def succeeded(self, begun: Breaker) -> None:
        """A call succeeded that was begun when the row was as given."""
        self._change(lambda now: rules.succeeded(now, seen=begun.turn))

    def failed(self, error: ClaudeError, call: Call, begun: Breaker, *, unexplained: bool = False) -> Breaker:
        """A call failed that was begun when the row was as given; returns the row as it is then."""
        failure = Failure(
            reason=str(error), remedy=remedy(error, call), at_once=holds_the_lane(error), unexplained=unexplained
        )
        after = self._change(lambda now: rules.failed(now, failure, seen=begun.turn, now=self.clock()))
        if after.open_until is not None and after.opened > begun.opened:
            logger.warning(
                "lane held", action="lane-held", lane=self.lane.value, until=after.open_until, error=after.reason
            )
        return after

    def _change(self, decide: Callable[[Breaker], Breaker]) -> Breaker:
        with _one_at_a_time:
            for _ in range(TRIES):
                seen = self.look()
                wanted = decide(seen)
                if wanted == seen:
                    return seen
                if (written := self._written(seen, wanted)) is not None:
                    return written
        return seen

    def _written(self, seen: Breaker, wanted: Breaker) -> Breaker | None:
        after = replace(wanted, turn=seen.turn + 1)
        return after if self.batches.change_breaker(self.lane, seen=seen.turn, to=after) else None
