"""The decisions about lost answers, rows and attempts, as tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lanekeeper import moments
from lanekeeper.lifecycle import MAX_ROUNDS, Adopt, Begin, RowVerdict, Settlement, begin, judge_row, settle
from lanekeeper.models import ClaudeBatch

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def claude_batch(name: str, *, ended: bool = False) -> ClaudeBatch:
    return ClaudeBatch(id=name, ended=ended, created_at="", ended_at=None, results_path=None, counts={})


@pytest.mark.parametrize(
    ("candidates", "waited", "move"),
    [
        pytest.param([claude_batch("a")], 0, "a", id="one"),
        pytest.param([claude_batch("a"), claude_batch("b", ended=True)], 0, "b", id="the-one-that-is-proven"),
        pytest.param([claude_batch("a"), claude_batch("b")], 9999, Settlement.WAIT, id="several-run"),
        pytest.param([], 1799, Settlement.WAIT, id="none-yet"),
        pytest.param([], 1800, Settlement.SEND_AGAIN, id="none-at-settle"),
    ],
)
def test_a_lost_answer_is_settled_by_what_is_listed(
    candidates: list[ClaudeBatch], waited: int, move: str | Settlement
) -> None:
    sending_at = NOW - timedelta(seconds=waited)
    decided = settle(candidates, conclusive=True, sending_at=sending_at, now=NOW, settle_after=timedelta(seconds=1800))
    assert (decided.batch.id if isinstance(decided, Adopt) else decided) == move


@pytest.mark.parametrize(
    ("candidates", "move"),
    [
        pytest.param([], Settlement.WAIT, id="never-sent-again"),
        pytest.param([claude_batch("a")], Settlement.WAIT, id="one-that-runs-proves-nothing"),
        pytest.param([claude_batch("a", ended=True)], "a", id="its-own-rows-prove-it"),
    ],
)
def test_the_listing_of_another_workspace_settles_nothing(
    candidates: list[ClaudeBatch], move: str | Settlement
) -> None:
    decided = settle(
        candidates, conclusive=False, sending_at=NOW - timedelta(days=1), now=NOW, settle_after=timedelta(0)
    )
    assert (decided.batch.id if isinstance(decided, Adopt) else decided) == move


def errored(kind: str) -> dict[str, Any]:
    return {"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": "…"}}}


@pytest.mark.parametrize(
    ("result", "round_", "verdict", "reason"),
    [
        pytest.param(
            {"type": "succeeded", "message": {"stop_reason": "max_tokens"}},
            0,
            RowVerdict.SUCCEEDED,
            "max_tokens",
            id="cut",
        ),
        pytest.param(errored("invalid_request_error"), 0, RowVerdict.FAILED, "invalid_request_error", id="invalid"),
        pytest.param(errored("overloaded_error"), 0, RowVerdict.AGAIN, "overloaded_error", id="overloaded"),
        pytest.param({"type": "expired"}, 0, RowVerdict.AGAIN, "expired", id="expired"),
        pytest.param({"type": "canceled"}, 2, RowVerdict.AGAIN, "canceled", id="canceled"),
        pytest.param({"type": "expired"}, MAX_ROUNDS, RowVerdict.FAILED, "expired-after-3-rounds", id="once-too-often"),
        pytest.param({"type": "errored"}, 0, RowVerdict.AGAIN, "unknown", id="no-reason"),
    ],
)
def test_a_row_ends_its_request_or_sends_it_round_again(
    result: dict[str, Any], round_: int, verdict: RowVerdict, reason: str
) -> None:
    assert judge_row(result, round_=round_) == (verdict, reason)


def test_a_result_type_that_we_do_not_know_is_never_a_success() -> None:
    with pytest.raises(KeyError):
        judge_row({"type": "paused"}, round_=0)


def lease(seconds: int, **fields: Any) -> dict[str, Any]:
    return {"lease_until": moments.to_text(NOW + timedelta(seconds=seconds)), **fields}


@pytest.mark.parametrize(
    ("row", "state"),
    [
        pytest.param(None, Begin.UNKNOWN, id="no-row"),
        pytest.param({}, Begin.ANSWER, id="fresh"),
        pytest.param({"outcome": "succeeded"}, Begin.DONE, id="answered"),
        pytest.param(lease(1, outcome="succeeded"), Begin.BUSY, id="answered-elsewhere-meanwhile"),
        pytest.param(lease(-1, outcome="succeeded"), Begin.BOOK, id="answered-elsewhere-and-its-worker-dead"),
        pytest.param(lease(1), Begin.BUSY, id="leased"),
        pytest.param(lease(-1), Begin.RECOVER, id="lease-over"),
        pytest.param(lease(-1, lost_leases=2), Begin.GIVE_UP, id="third-lease-over"),
        pytest.param({"lost_leases": 2}, Begin.ANSWER, id="two-out-of-time"),
        pytest.param({"lost_leases": 3}, Begin.GIVE_UP, id="three-out-of-time"),
        pytest.param({"lane": "batch", "rescue": "pending"}, Begin.ANSWER, id="rescue"),
        pytest.param({"lane": "batch", "rescue": "over"}, Begin.ELSEWHERE, id="rescue-that-failed"),
        pytest.param({"lane": "batch"}, Begin.ELSEWHERE, id="never-rescued"),
    ],
)
def test_a_delivery_in_real_time_does_what_the_row_says(row: dict[str, Any] | None, state: Begin) -> None:
    assert begin(row if row is None else {"lane": "realtime", **row}, now=NOW) is state
