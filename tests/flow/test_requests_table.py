"""Every write to a request's row holds only while the row is as it was seen; the first ending stands."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest

from lanekeeper import dynamo
from lanekeeper.models import Outcome
from lanekeeper.requests_table import Ending, RequestsTable
from tests import stack

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DEAD, LIVE = "2026-11-23T08:00:00.000Z", "2026-11-23T10:00:00.000Z"


@pytest.fixture
def table(aws: None) -> RequestsTable:
    return RequestsTable(dynamo.client(), stack.deploy_table(boto3, "RequestsTable"))


def ending(outcome: Outcome, segment: str | None = None) -> Ending:
    return Ending(
        key="k",
        segment=segment,
        outcome=outcome,
        reason="end_turn",
        answer_key="results/x",
        answer_from=0,
        answer_to=1,
        cost_micro_usd=Decimal(1),
        deadline=LIVE,
    )


def put(table: RequestsTable, **fields: Any) -> dict[str, Any]:
    row = {"request_key": "k", "attempt": 1, **fields}
    assert table.accept_many([row]) == [None]
    return row


@pytest.mark.parametrize(
    ("fields", "moved"),
    [
        pytest.param({"segment": "A"}, True, id="still-there"),
        pytest.param({"segment": "C"}, False, id="moved-meanwhile"),
        pytest.param({"segment": "A", "outcome": "succeeded"}, False, id="answered-meanwhile"),
    ],
)
def test_a_request_moves_only_from_the_home_it_was_seen_in(
    table: RequestsTable, fields: dict[str, Any], moved: bool
) -> None:
    row = put(table, **fields)

    assert table.move("k", from_segment="A", to_segment="B") is moved
    assert table.get("k") == (row | {"segment": "B"} if moved else row)


@pytest.mark.parametrize(
    ("seen", "standing", "begins"),
    [
        pytest.param({}, {}, True, id="free"),
        pytest.param({"lease_until": DEAD}, {"lease_until": DEAD}, True, id="its-worker-died"),
        pytest.param({}, {"attempt": 2}, False, id="another-tried-and-gave-back"),
        pytest.param({}, {"attempt": 2, "lease_until": LIVE}, False, id="another-was-faster"),
        pytest.param({"lease_until": DEAD}, {"attempt": 2, "lease_until": LIVE}, False, id="taken-over"),
        pytest.param({"lease_until": DEAD}, {"lease_until": DEAD, "outcome": "succeeded"}, False, id="answered-late"),
    ],
)
def test_an_attempt_begins_only_on_the_row_as_it_was_seen(
    table: RequestsTable, seen: dict[str, Any], standing: dict[str, Any], begins: bool
) -> None:
    row = put(table, **standing)

    begun = table.begin_attempt("k", seen={"attempt": 1, **seen}, put={"attempt": 2, "lease_until": LIVE})
    assert begun is begins
    assert table.get("k") == (row | {"attempt": 2, "lease_until": LIVE} if begins else row)


@pytest.mark.parametrize(
    ("standing", "released"),
    [
        pytest.param({"lease_until": LIVE}, True, id="ours"),
        pytest.param({"attempt": 2, "lease_until": LIVE}, False, id="anothers-by-now"),
        pytest.param({"outcome": "succeeded"}, False, id="answered-meanwhile"),
    ],
)
def test_a_worker_gives_back_no_lease_but_its_own(
    table: RequestsTable, standing: dict[str, Any], released: bool
) -> None:
    row = put(table, **standing)

    assert table.release_attempt("k", attempt=1, lost_leases=1) is released
    assert table.get("k") == ({"request_key": "k", "attempt": 1, "lost_leases": 1} if released else row)


@pytest.mark.parametrize(
    ("standing", "outcome", "segment", "ends"),
    [
        pytest.param({"segment": "A"}, Outcome.FAILED, "A", True, id="a-failure-at-home"),
        pytest.param({"segment": "B"}, Outcome.FAILED, "A", False, id="a-failure-of-a-former-home"),
        pytest.param({"segment": "B"}, Outcome.SUCCEEDED, "A", True, id="a-success-wherever-it-comes-from"),
        pytest.param({}, Outcome.FAILED, None, True, id="a-failure-in-real-time"),
        pytest.param({"segment": "A", "outcome": "succeeded"}, Outcome.FAILED, "A", False, id="answered-before"),
        pytest.param({"segment": "A", "outcome": "failed"}, Outcome.SUCCEEDED, "A", False, id="failed-before"),
    ],
)
def test_the_first_ending_stands_and_a_failure_ends_its_own_attempt_alone(
    table: RequestsTable, standing: dict[str, Any], outcome: Outcome, segment: str | None, ends: bool
) -> None:
    row = put(table, **standing)

    assert table.finish_many([ending(outcome, segment)], now=NOW) == [ends]
    assert ((table.get("k") or {}).get("outcome"), ends) == (outcome if ends else row.get("outcome"), ends)


@pytest.mark.parametrize(
    ("standing", "failed", "segment", "left"),
    [
        pytest.param({"segment": "A", "rescue": "pending"}, None, "A", "over", id="a-rescue-while-the-batch-lives"),
        pytest.param({"segment": "A", "rescue": "pending"}, "A", None, "pending", id="a-batch-while-the-rescue-lives"),
    ],
)
def test_a_failure_leaves_a_request_to_the_attempt_that_lives(
    table: RequestsTable, standing: dict[str, Any], failed: str | None, segment: str | None, left: str
) -> None:
    put(table, **standing)

    assert table.finish_many([ending(Outcome.FAILED, failed)], now=NOW) == [False]
    row = table.get("k") or {}
    assert (row.get("outcome"), row.get("segment"), row["rescue"]) == (None, segment, left)


@pytest.mark.parametrize(
    ("standing", "failed"),
    [
        pytest.param({"segment": "A", "rescue": "over"}, "A", id="a-batch-whose-rescue-has-failed"),
        pytest.param({"rescue": "pending"}, None, id="a-rescue-whose-batch-has-failed"),
    ],
)
def test_the_failure_of_the_last_attempt_ends_the_request(
    table: RequestsTable, standing: dict[str, Any], failed: str | None
) -> None:
    put(table, **standing)

    assert table.finish_many([ending(Outcome.FAILED, failed)], now=NOW) == [True]


@pytest.mark.parametrize(
    ("standing", "marked"),
    [
        pytest.param({"segment": "A"}, True, id="in-its-batch"),
        pytest.param({"segment": "A", "rescue": "pending"}, True, id="marked-before"),
        pytest.param({"rescue": "pending"}, True, id="marked-before-and-trimmed"),
        pytest.param({"segment": "A", "rescue": "over"}, False, id="rescued-in-vain"),
        pytest.param({"segment": "B"}, False, id="gone-round-again"),
        pytest.param({"segment": "A", "outcome": "succeeded"}, False, id="answered-meanwhile"),
    ],
)
def test_a_rescue_is_asked_for_only_where_none_was_made_and_the_batch_attempt_lives(
    table: RequestsTable, standing: dict[str, Any], marked: bool
) -> None:
    row = put(table, **standing)

    assert table.mark_rescue("k", segment="A", now=NOW) is marked
    assert marked or table.get("k") == row


@pytest.mark.parametrize(
    ("standing", "left"),
    [
        pytest.param({"segment": "A", "rescue": "pending"}, True, id="both-live"),
        pytest.param({"segment": "A"}, False, id="never-rescued"),
        pytest.param({"segment": "A", "rescue": "over"}, False, id="rescued-in-vain"),
        pytest.param({"segment": "B", "rescue": "pending"}, False, id="gone-round-again"),
        pytest.param({"segment": "A", "rescue": "pending", "outcome": "succeeded"}, False, id="answered-meanwhile"),
    ],
)
def test_a_batch_attempt_is_left_only_to_a_rescue_that_lives(
    table: RequestsTable, standing: dict[str, Any], left: bool
) -> None:
    row = put(table, **standing)

    assert table.leave_to_rescue("k", segment="A") is left
    assert ("segment" in (table.get("k") or {})) is not left
    assert left or table.get("k") == row


@pytest.mark.parametrize(
    ("standing", "left"),
    [
        pytest.param({"segment": "A", "rescue": "pending"}, True, id="both-live"),
        pytest.param({"rescue": "pending"}, False, id="its-batch-attempt-is-over"),
        pytest.param({"segment": "A"}, False, id="never-rescued"),
        pytest.param({"segment": "A", "rescue": "pending", "outcome": "succeeded"}, False, id="answered-meanwhile"),
    ],
)
def test_a_rescue_that_has_failed_is_left_only_to_a_batch_attempt_that_lives(
    table: RequestsTable, standing: dict[str, Any], left: bool
) -> None:
    row = put(table, lease_until=LIVE, **standing)

    assert table.leave_to_batch("k") is left
    assert table.get("k") == ({"request_key": "k", "attempt": 1, "segment": "A", "rescue": "over"} if left else row)


def test_an_ending_makes_no_row_of_a_request_that_nobody_accepted(table: RequestsTable) -> None:
    assert table.finish_many([ending(Outcome.SUCCEEDED)], now=NOW) == [False]
    assert table.get("k") is None


@pytest.mark.parametrize(
    ("standing", "noted"),
    [
        pytest.param({}, False, id="under-way"),
        pytest.param({"outcome": "succeeded"}, True, id="ended"),
        pytest.param({"outcome": "succeeded", "forgotten_at": DEAD}, False, id="noted-before"),
    ],
)
def test_only_an_ended_request_is_noted_as_forgotten_and_only_once(
    table: RequestsTable, standing: dict[str, Any], noted: bool
) -> None:
    row = put(table, **standing)

    assert table.note_forgotten("k", now=NOW) is noted
    assert noted or table.get("k") == row
