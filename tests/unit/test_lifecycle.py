"""The decisions about creates, lost answers, rows and attempts, as tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lanekeeper import moments
from lanekeeper.errors import ClaudeError, ClaudeRefusedError, ClaudeUnclearError, ClaudeUnreachableError
from lanekeeper.lifecycle import (
    MAX_ROUNDS,
    Adopt,
    Begin,
    Refusal,
    Remedy,
    RowVerdict,
    Settlement,
    begin,
    hold_time,
    judge_refusal,
    judge_row,
    perhaps_billed,
    remedy,
    retry_delay,
    settle,
)
from lanekeeper.models import ClaudeBatch

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def refused(
    status: int, error_type: str = "x", code: str | None = None, after: float | None = None
) -> ClaudeRefusedError:
    return ClaudeRefusedError(status, error_type, error_code=code, retry_after=after)


@pytest.mark.parametrize(
    ("error", "many", "single"),
    [
        pytest.param(refused(400, "invalid_request_error"), Refusal.SPLIT, Refusal.HOLD, id="perhaps-a-spend-limit"),
        pytest.param(refused(400, code="organization_on_hold"), Refusal.HOLD, Refusal.HOLD, id="on-hold"),
        pytest.param(refused(401), Refusal.HOLD, Refusal.HOLD, id="credentials"),
        pytest.param(refused(402), Refusal.HOLD, Refusal.HOLD, id="billing"),
        pytest.param(refused(403), Refusal.HOLD, Refusal.HOLD, id="forbidden"),
        pytest.param(refused(404, "not_found_error"), Refusal.HOLD, Refusal.FINAL, id="not-found"),
        pytest.param(refused(413), Refusal.SPLIT, Refusal.FINAL, id="too-large"),
        pytest.param(refused(409), Refusal.HOLD, Refusal.HOLD, id="conflict"),
        pytest.param(refused(422), Refusal.SPLIT, Refusal.FINAL, id="unprocessable"),
        pytest.param(refused(429), Refusal.HOLD, Refusal.HOLD, id="rate-limit"),
        pytest.param(refused(429, code="enforced_spend_limit_reached"), Refusal.HOLD, Refusal.HOLD, id="spend-limit"),
    ],
)
def test_a_refusal_is_held_split_or_final(error: ClaudeRefusedError, many: Refusal, single: Refusal) -> None:
    assert (judge_refusal(error, count=10), judge_refusal(error, count=1)) == (many, single)


@pytest.mark.parametrize(
    ("status", "others_accepted", "verdict"),
    [
        pytest.param(400, None, Refusal.SPLIT, id="never-cut"),
        pytest.param(400, True, Refusal.SPLIT, id="the-fault-is-in-this-half"),
        pytest.param(400, False, Refusal.HOLD, id="perhaps-a-spend-limit"),
        pytest.param(413, False, Refusal.SPLIT, id="still-too-large"),
    ],
)
def test_an_unexplained_refusal_is_the_requests_fault_only_where_the_other_half_was_taken(
    status: int, others_accepted: bool | None, verdict: Refusal
) -> None:
    assert judge_refusal(refused(status), count=10, others_accepted=others_accepted) is verdict


def test_a_refused_request_that_is_alone_is_at_fault_where_others_were_taken() -> None:
    assert judge_refusal(refused(400), count=1, others_accepted=True) is Refusal.FINAL


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        pytest.param(refused(429, after=7), 7, id="as-claude-says"),
        pytest.param(refused(429), 60, id="rate-limit"),
        pytest.param(refused(429, after=86_400), 3600, id="never-more-than-an-hour"),
        pytest.param(refused(429, code="enforced_spend_limit_reached"), 300, id="a-person-is-needed"),
        pytest.param(refused(401), 300, id="credentials"),
    ],
)
def test_a_hold_lasts_as_long_as_its_reason(error: ClaudeRefusedError, seconds: int) -> None:
    assert hold_time(error) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        pytest.param(refused(400, "invalid_request_error"), Remedy.PERSON, id="perhaps-a-spend-limit"),
        pytest.param(refused(400, code="organization_on_hold"), Remedy.PERSON, id="on-hold"),
        pytest.param(refused(401), Remedy.PERSON, id="credentials"),
        pytest.param(refused(402), Remedy.PERSON, id="billing"),
        pytest.param(refused(403), Remedy.PERSON, id="forbidden"),
        pytest.param(refused(404), Remedy.NONE, id="not-there-yet"),
        pytest.param(refused(409), Remedy.NONE, id="conflict"),
        pytest.param(refused(429), Remedy.PATIENCE, id="rate-limit"),
        pytest.param(refused(429, after=7), Remedy.PATIENCE, id="rate-limit-with-a-time"),
        pytest.param(refused(429, code="enforced_spend_limit_reached"), Remedy.PERSON, id="enforced-spend-limit"),
        pytest.param(refused(429, code="contract_spend_limit_reached"), Remedy.PERSON, id="contract-spend-limit"),
        pytest.param(refused(429, code="ramp_limit_exceeded", after=60), Remedy.PERSON, id="ramp-limit"),
        pytest.param(ClaudeUnclearError("HTTP 529", status=529), Remedy.PATIENCE, id="overloaded"),
        pytest.param(ClaudeUnclearError("HTTP 500", status=500), Remedy.NONE, id="failed"),
        pytest.param(ClaudeUnclearError("APITimeoutError"), Remedy.NONE, id="no-answer"),
        pytest.param(ClaudeUnreachableError("ConnectError"), Remedy.NONE, id="not-reached"),
    ],
)
def test_a_call_that_failed_needs_a_person_or_patience_or_neither(error: ClaudeError, ends: Remedy) -> None:
    assert remedy(error) is ends


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
    decided = settle(candidates, sending_at=sending_at, now=NOW, settle_after=timedelta(seconds=1800))
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


@pytest.mark.parametrize(
    ("error", "receives", "least", "most"),
    [
        pytest.param(ClaudeUnclearError("HTTP 529"), 1, 5, 8, id="first"),
        pytest.param(ClaudeUnclearError("HTTP 529"), 4, 40, 60, id="doubled"),
        pytest.param(ClaudeUnclearError("HTTP 529"), 900, 300, 450, id="capped"),
        pytest.param(refused(429, after=90), 1, 90, 135, id="as-claude-says"),
        pytest.param(refused(401), 1, 300, 450, id="a-person-is-needed"),
        pytest.param(refused(429, after=10**9), 1, 43_200 // 2, 43_200 // 2, id="never-beyond-what-sqs-takes"),
    ],
)
def test_a_retry_waits_longer_each_time_and_never_in_step_with_others(
    error: ClaudeUnclearError | ClaudeRefusedError, receives: int, least: int, most: int
) -> None:
    assert retry_delay(error, receives=receives, jitter=0.0) == least
    assert retry_delay(error, receives=receives, jitter=1.0) == most


@pytest.mark.parametrize(
    ("status", "perhaps"),
    [
        pytest.param(None, True, id="no-answer"),
        pytest.param(408, True, id="timed-out"),
        pytest.param(502, True, id="bad-gateway"),
        pytest.param(504, True, id="gateway-timed-out"),
        pytest.param(524, True, id="proxy-timed-out"),
        pytest.param(500, False, id="claude-says-it-failed"),
        pytest.param(529, False, id="overloaded"),
    ],
)
def test_a_call_is_perhaps_billed_where_claude_itself_did_not_say_no(status: int | None, perhaps: bool) -> None:
    assert perhaps_billed(ClaudeUnclearError("x", status=status)) is perhaps
