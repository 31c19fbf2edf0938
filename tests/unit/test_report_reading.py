"""Reading a report's rows: many sources at a time, each page once, and a failure stays one."""

from collections.abc import Iterator
from itertools import count

import pytest

from lanekeeper.report_reading import READERS, in_parallel
from scripts import report_speed


def pages(*numbers: int) -> Iterator[list[int]]:
    yield from ([number] for number in numbers)


def test_every_page_of_every_source_comes_once() -> None:
    sources = [pages(*range(10 * number, 10 * number + number % 4)) for number in range(3 * READERS)]
    expected = [number for first in range(3 * READERS) for number in range(10 * first, 10 * first + first % 4)]
    assert sorted(number for page in in_parallel(sources) for number in page) == expected


def test_a_page_without_items_does_not_end_its_source() -> None:
    assert sorted(map(len, in_parallel([iter([[], [1], [], [2, 3]])]))) == [0, 0, 1, 2]


def test_what_fails_fails_here() -> None:
    def failing() -> Iterator[list[int]]:
        yield [1]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        list(in_parallel([pages(1, 2), failing()]))


def test_no_more_is_read_ahead_than_there_are_readers() -> None:
    read = count()

    def source() -> Iterator[list[int]]:
        for _ in range(10):
            yield [next(read)]

    taken = in_parallel(source() for _ in range(50))
    next(taken)
    assert next(read) <= 2 * READERS + 1
    taken.close()


def test_the_measured_month_is_folded_whole(capsys: pytest.CaptureFixture[str]) -> None:
    report_speed.main(10_000)
    assert capsys.readouterr().out.startswith("10,000 rows: ")
