"""Chance that comes out the same on every Python version: only `Random.random()` is promised to be reproducible."""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any, TypeVar

import yaml

T = TypeVar("T")


def texts(name: str) -> Any:
    """One of the YAML files beside this module."""
    return yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))


class Draw:
    """A source of chance of its own for each request, so that changing one request leaves the others as they are."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311  # texts, not secrets

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def number(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        return items[self.number(0, len(items) - 1)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return sorted(items, key=lambda _: self._random.random())

    def size(self, mean: float, spread: float) -> int:
        """Log-normal, as prompt sizes are: many near the mean, a few far above it."""
        deviation = NormalDist().inv_cdf(min(max(self._random.random(), 0.001), 0.999))
        return int(mean * math.exp(spread * deviation - spread**2 / 2))
