"""How long things took, as a distribution that takes the same memory for a thousand and for a million of them."""

from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_CEILING, Context, Decimal
from math import ceil

_three_digits = Context(prec=3, rounding=ROUND_CEILING).create_decimal


class Durations:
    """Seconds, counted by their first three digits, rounded up: at most a percent too long, never too short.

    So what is over a limit of three digits stays over it. The longest is kept as it is.
    """

    __slots__ = ("counts", "longest")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # by text, which is hashed many times as fast as a Decimal
        self.longest: Decimal | None = None

    def add(self, seconds: Decimal, number: int = 1) -> None:
        """So many answers took so long."""
        self.counts[str(_three_digits(seconds))] += number
        if self.longest is None or seconds > self.longest:
            self.longest = seconds

    def merge(self, other: "Durations") -> None:
        self.counts.update(other.counts)
        if other.longest is not None:
            self.longest = other.longest if self.longest is None else max(self.longest, other.longest)

    @property
    def number(self) -> int:
        return self.counts.total()

    def percentile(self, percent: int) -> Decimal | None:
        """Nearest rank; None where nothing was measured."""
        rank, passed = ceil(percent * self.number / 100), 0
        for seconds, number in self:
            passed += number
            if passed >= rank:
                return seconds
        return None

    def within(self, seconds: int) -> int:
        """How many took no longer."""
        return sum(number for each, number in self if each <= seconds)

    def __iter__(self) -> Iterator[tuple[Decimal, int]]:
        """Seconds and how many took them, the shortest first."""
        return iter(sorted((Decimal(seconds), number) for seconds, number in self.counts.items()))
