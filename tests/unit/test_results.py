"""A result set is whole, or it is nothing."""

import pytest

from lanekeeper.errors import ForeignResultsError, IncompleteResultsError
from lanekeeper.lifecycle import RowVerdict, judge_row
from lanekeeper.models import Member
from lanekeeper.results import Checklist, Row, cost_without_answer, lost_row, read_row

MEMBERS = (Member("A", 0, 2, 0, 0), Member("B-r1-24h-0", 5, 7, 0, 0))
WHOLE = [("A", 1), ("B-r1-24h-0", 5), ("A", 0), ("B-r1-24h-0", 6)]


def check(rows: list[tuple[str, int]]) -> None:
    checklist = Checklist(MEMBERS)
    for segment, sequence in rows:
        checklist.tick(Row(segment, sequence, {}))
    checklist.finish()


def test_a_whole_set_passes_in_any_order() -> None:
    check(WHOLE)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        pytest.param(WHOLE[:-1], IncompleteResultsError, id="missing"),
        pytest.param([*WHOLE, WHOLE[0]], IncompleteResultsError, id="doubled"),
        pytest.param([*WHOLE, ("C", 0)], ForeignResultsError, id="foreign-segment"),
        pytest.param([*WHOLE, ("A", 2)], ForeignResultsError, id="past-the-end"),
        pytest.param([*WHOLE, ("B-r1-24h-0", 4)], ForeignResultsError, id="before-the-start"),
    ],
)
def test_a_set_with_anything_amiss_does_not(rows: list[tuple[str, int]], error: type[Exception]) -> None:
    with pytest.raises(error):
        check(rows)


def test_a_row_is_read_by_its_custom_id() -> None:
    assert read_row(b'{"custom_id":"B-r1-24h-0_12","result":{"type":"expired"}}') == Row(
        "B-r1-24h-0", 12, {"type": "expired"}
    )


@pytest.mark.parametrize("name", ["theirs", "A_", "A_01", "A_-1", "A_\\u0661", "A_" + "9" * 5000])
def test_a_custom_id_that_cannot_be_ours_is_foreign(name: str) -> None:
    with pytest.raises(ForeignResultsError):
        read_row(f'{{"custom_id":"{name}","result":{{"type":"expired"}}}}'.encode())


def test_what_stands_in_the_place_of_a_lost_result_fails_its_request_for_good_at_an_unknown_cost() -> None:
    row = read_row(lost_row("A", 1))
    assert (row.segment, row.sequence) == ("A", 1)
    assert judge_row(row.result, round_=0) == (RowVerdict.FAILED, "result-lost")
    assert cost_without_answer(row.result) is None
    assert cost_without_answer({"type": "expired"}) == 0


LINE = b'{"custom_id":"A_1","result":{"type":"expired"}}'


@pytest.mark.parametrize("length", range(len(LINE)))
def test_a_line_cut_anywhere_is_no_row(length: int) -> None:
    with pytest.raises(IncompleteResultsError):
        read_row(LINE[:length])


def test_a_row_that_cannot_be_read_is_not_quoted() -> None:
    with pytest.raises(IncompleteResultsError) as caught:
        read_row(b'{"custom_id":"ada@example.org\xff"}')
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "ada" not in str(caught.value)
