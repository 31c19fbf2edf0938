"""The faults that wait for their call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from local.emulator.faults import TRAITS, Fault, Kind
from local.emulator.outcomes import OUTCOMES, UNBILLED, Outcome


@dataclass(slots=True, eq=False)
class _Waiting:
    fault: Fault
    left: int | None  # how often it still strikes; None: without end
    until: datetime | None


class Faults:
    """Oldest first. `now` is emulated time; `random` draws where a fault strikes by chance."""

    def __init__(self, now: Callable[[], datetime], random: Callable[[], Random]) -> None:
        self._now = now
        self._random = random
        self._waiting: list[_Waiting] = []

    def queue(self, fault: Fault) -> None:
        until = self._now() + timedelta(seconds=fault.for_seconds) if fault.for_seconds else None
        self._waiting.append(_Waiting(fault, fault.count, until))

    def clear(self, route: str | None = None) -> None:
        """Lift all faults, or those of one route."""
        for waiting in list(self._waiting):
            if route in (None, waiting.fault.route):
                self._waiting.remove(waiting)

    def take(self, route: str) -> Fault | None:
        """What disturbs this call of the route: the oldest fault that fits, one use of which is now spent."""
        return self._take(lambda fault: fault.strikes(route))

    def take_outcome(self, route: str) -> Outcome | None:
        """What becomes of the next row or message, where something was queued for it."""
        fault = self._take(lambda fault: fault.route == route and fault.outcome is not None)
        if fault is None or fault.outcome is None:
            return None
        return OUTCOMES[self._random().choice(UNBILLED) if fault.outcome == "any" else fault.outcome]

    def take_traits(self) -> dict[Kind, Fault]:
        """What kind of batch is created now: at most one fault of each trait."""
        taken = ((kind, self._take_kind(kind)) for kind in TRAITS)
        return {kind: fault for kind, fault in taken if fault}

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """Each with what is left of its count."""
        self._forget_what_is_over()
        return tuple(waiting.fault.model_copy(update={"count": waiting.left}) for waiting in self._waiting)

    def _take_kind(self, kind: Kind) -> Fault | None:
        return self._take(lambda fault: fault.fault == kind)

    def _take(self, fits: Callable[[Fault], bool]) -> Fault | None:
        self._forget_what_is_over()
        for waiting in self._waiting:
            if fits(waiting.fault) and self._strikes_by_chance(waiting.fault):
                self._spend(waiting)
                return waiting.fault
        return None

    def _strikes_by_chance(self, fault: Fault) -> bool:
        return fault.chance == 1 or self._random().random() < fault.chance

    def _spend(self, waiting: _Waiting) -> None:
        if waiting.left is not None:
            waiting.left -= 1
            if waiting.left == 0:
                self._waiting.remove(waiting)

    def _forget_what_is_over(self) -> None:
        for waiting in list(self._waiting):
            if waiting.until is not None and waiting.until <= self._now():
                self._waiting.remove(waiting)
