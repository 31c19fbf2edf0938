"""CloudWatch's statistics over the samples of one period."""

import re
from collections.abc import Callable, Mapping, Sequence

_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SampleCount": lambda values: float(len(values)),
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")


class UnknownStatisticError(ValueError):
    """A statistic that is not modelled here."""


def statistic(name: str, values: Sequence[float]) -> float | None:
    """One of the five plain statistics, or a percentile such as p95 or p99.9; None where there is no sample."""
    if percentile := _PERCENTILE.fullmatch(name):
        return _percentile(values, float(percentile[1]) / 100) if values else None
    if name not in _STATISTICS:
        raise UnknownStatisticError(name)
    return float(_STATISTICS[name](values)) if values else None


def _percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the samples lies, by a straight line between the two nearest of them.

    CloudWatch says no more than the first half of that sentence: between two samples its value may differ slightly.
    """
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (rank - below) * (ordered[above] - ordered[below])
