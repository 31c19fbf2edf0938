"""Which segments make a batch, and how one is halved."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanekeeper import moments
from lanekeeper.batching import MAX_BYTES, MAX_REQUESTS, MAX_SEGMENTS, halves, next_batch, seal
from lanekeeper.models import Batch, Entry, Priority, Request, Segment, SegmentState
from lanekeeper.segments import new_segment

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def segment(number: int = 0, *, count: int = 1, size: int = 1000, age: timedelta = timedelta(0)) -> Segment:
    return Segment(
        id=f"S{number:03}",
        class_id="articles.24h",
        workload="articles",
        state=SegmentState.READY,
        count=count,
        size=size,
        deadline="2026-11-24T09:00:00.000Z",
        created_at=moments.to_text(NOW - age),
    )


def sealed(ready: list[Segment]) -> list[str]:
    return [chosen.id for chosen in next_batch(ready, window=WINDOW, now=NOW)]


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([segment()], [], id="too-young"),
        pytest.param([segment(age=WINDOW)], ["S000"], id="ripe"),
        pytest.param([segment(0), segment(1, age=WINDOW)], ["S000", "S001"], id="one-ripe-takes-all"),
        pytest.param([segment(0, count=MAX_REQUESTS), segment(1)], ["S000"], id="full-by-count"),
        pytest.param([segment(0, size=MAX_BYTES), segment(1)], ["S000"], id="full-by-bytes"),
        pytest.param(
            [segment(n) for n in range(150)], [f"S{n:03}" for n in range(MAX_SEGMENTS)], id="full-by-segments"
        ),
    ],
)
def test_a_batch_is_sealed_when_it_is_full_or_its_oldest_segment_is_ripe(
    ready: list[Segment], expected: list[str]
) -> None:
    assert sealed(ready) == expected


@given(st.lists(st.tuples(st.integers(1, 30_000), st.integers(1, 60_000_000)), max_size=150))
def test_no_batch_is_ever_over_a_limit(sizes: list[tuple[int, int]]) -> None:
    ready = [segment(n, count=count, size=size, age=WINDOW) for n, (count, size) in enumerate(sizes)]
    chosen = next_batch(ready, window=WINDOW, now=NOW)

    assert bool(chosen) == bool(ready)
    assert len(chosen) <= MAX_SEGMENTS
    assert sum(one.count for one in chosen) <= MAX_REQUESTS
    assert sum(one.size for one in chosen) <= MAX_BYTES


def batch_of(counts: list[int]) -> tuple[Batch, dict[str, list[Entry]], dict[str, bytes]]:
    segments, indexes, lines = [], {}, {}
    for number, count in enumerate(counts):
        requests = [
            Request(
                id=f"{number}-{n}",
                workload="articles",
                params={"model": "m", "text": "x" * n},
                priority=Priority.NORMAL,
                sent_at=NOW,
                deadline=NOW,
                metadata={},
            )
            for n in range(count)
        ]
        name = f"S{number:03}"
        lines[name], indexes[name] = new_segment(name, requests)
        segments.append(segment(number, count=count, size=len(lines[name])))
    return seal("B", segments, NOW), indexes, lines


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5).filter(lambda counts: sum(counts) > 1))
def test_the_halves_of_a_batch_hold_each_of_its_requests_once(counts: list[int]) -> None:
    parent, indexes, lines = batch_of(counts)
    first, second = halves(parent, indexes, NOW)

    assert abs(first.count - second.count) <= 1
    assert first.count + second.count == parent.count
    assert first.size + second.size == parent.size
    bytes_of = [
        b"".join(lines[member.segment][member.start : member.end] for member in half.members)
        for half in (first, second)
    ]
    assert b"".join(bytes_of) == b"".join(lines.values())
    assert [text.count(b"\n") for text in bytes_of] == [first.count, second.count]
    assert all(member.count for half in (first, second) for member in half.members)
