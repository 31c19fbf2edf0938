"""What we do with each error, as tables; the document shows the same."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from lanekeeper.errors import ClaudeError, ClaudeRefusedError, ClaudeUnclearError, ClaudeUnreachableError
from lanekeeper.refusals import (
    MOVES,
    Call,
    Kind,
    Move,
    Refusal,
    Remedy,
    evidence_delay,
    hold_time,
    holds_the_lane,
    judge_refusal,
    kind_of,
    move,
    remedy,
    retry_delay,
)

DOCUMENT = (Path(__file__).parents[2] / "docs/reliability.md").read_text()


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
        pytest.param(refused(404, "not_found_error"), Refusal.HOLD, Refusal.HOLD, id="no-such-route"),
        pytest.param(refused(413), Refusal.SPLIT, Refusal.FINAL, id="too-large"),
        pytest.param(refused(409), Refusal.HOLD, Refusal.HOLD, id="conflict"),
        pytest.param(refused(422), Refusal.SPLIT, Refusal.FINAL, id="unprocessable"),
        pytest.param(refused(418), Refusal.SPLIT, Refusal.HOLD, id="unknown"),
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
    ("error", "call", "ends"),
    [
        pytest.param(refused(400), Call.MESSAGES, Remedy.PERSON, id="perhaps-a-spend-limit"),
        pytest.param(refused(400), Call.CREATE, Remedy.PERSON, id="perhaps-a-spend-limit-for-batches"),
        pytest.param(refused(400, code="organization_on_hold"), Call.LIST, Remedy.PERSON, id="on-hold"),
        pytest.param(refused(401), Call.RESULTS, Remedy.PERSON, id="credentials"),
        pytest.param(refused(402), Call.CREATE, Remedy.PERSON, id="billing"),
        pytest.param(refused(404), Call.CREATE, Remedy.PERSON, id="a-wrong-address"),
        pytest.param(refused(404), Call.RESULTS, Remedy.NONE, id="not-there-yet"),
        pytest.param(refused(409), Call.CREATE, Remedy.NONE, id="conflict"),
        pytest.param(refused(429), Call.CREATE, Remedy.PATIENCE, id="rate-limit"),
        pytest.param(refused(429, after=7), Call.MESSAGES, Remedy.PATIENCE, id="rate-limit-with-a-time"),
        pytest.param(refused(429, code="ramp_limit_exceeded", after=60), Call.CREATE, Remedy.PERSON, id="ramp-limit"),
        pytest.param(ClaudeUnclearError("x", status=529), Call.MESSAGES, Remedy.PATIENCE, id="overloaded"),
        pytest.param(ClaudeUnclearError("x", status=500), Call.MESSAGES, Remedy.NONE, id="failed"),
        pytest.param(ClaudeUnreachableError("x"), Call.MESSAGES, Remedy.NONE, id="not-reached"),
    ],
)
def test_a_call_that_failed_needs_a_person_or_patience_or_neither(error: ClaudeError, call: Call, ends: Remedy) -> None:
    assert remedy(error, call) is ends


ERRORS: list[tuple[ClaudeError, Kind]] = [
    (refused(400), Kind.BAD_REQUEST),
    (refused(400, code="never heard of"), Kind.BAD_REQUEST),
    (refused(400, code="organization_on_hold"), Kind.ON_HOLD),
    (refused(401), Kind.AUTHENTICATION),
    (refused(402), Kind.BILLING),
    (refused(403), Kind.PERMISSION),
    (refused(404), Kind.NOT_FOUND),
    (ClaudeUnclearError("x", status=408), Kind.REQUEST_TIMED_OUT),
    (refused(409), Kind.CONFLICT),
    (refused(413), Kind.TOO_LARGE),
    (refused(422), Kind.UNPROCESSABLE),
    (refused(429), Kind.RATE_LIMIT),
    (refused(429, code="never heard of"), Kind.RATE_LIMIT),
    (refused(429, after=0), Kind.RATE_LIMIT_WITH_TIME),
    (refused(429, code="enforced_spend_limit_reached"), Kind.ENFORCED_LIMIT),
    (refused(400, code="enforced_spend_limit_reached"), Kind.ENFORCED_LIMIT),
    (refused(429, code="contract_spend_limit_reached"), Kind.CONTRACT_LIMIT),
    (refused(429, code="ramp_limit_exceeded", after=60), Kind.RAMP_LIMIT),
    (ClaudeUnclearError("x", status=499), Kind.CLIENT_GONE),
    (refused(418), Kind.ANOTHER_4XX),
    (ClaudeUnclearError("x", status=500), Kind.FAILED),
    (ClaudeUnclearError("x", status=502), Kind.BAD_GATEWAY),
    (ClaudeUnclearError("x", status=503), Kind.UNAVAILABLE),
    (ClaudeUnclearError("x", status=504), Kind.GATEWAY_TIMED_OUT),
    *((ClaudeUnclearError("x", status=status), Kind.PROXY) for status in range(520, 528)),
    (ClaudeUnclearError("x", status=529), Kind.OVERLOADED),
    (ClaudeUnclearError("x", status=511), Kind.ANOTHER_5XX),
    (ClaudeUnreachableError("x"), Kind.UNREACHABLE),
    (ClaudeUnclearError("x", timed_out=True), Kind.TIMED_OUT),
    (ClaudeUnclearError("x"), Kind.DROPPED),
    (ClaudeUnclearError("x", unreadable=True), Kind.UNREADABLE),
    (ClaudeError("of a kind that is yet to come"), Kind.UNREADABLE),
]


@pytest.mark.parametrize(("error", "kind"), [pytest.param(*each, id=f"{each[1]}-{n}") for n, each in enumerate(ERRORS)])
def test_an_error_is_told_by_its_status_and_code(error: ClaudeError, kind: Kind) -> None:
    assert kind_of(error) is kind


def test_every_kind_of_error_is_told_and_has_a_move_for_every_call() -> None:
    assert {kind for _, kind in ERRORS} == set(Kind) == set(MOVES)
    assert all(set(row) == set(Call) for row in MOVES.values())


def test_the_document_shows_the_table() -> None:
    head, _, *lines = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in re.findall(
            r"^\|.*\|$", DOCUMENT.split("## What we do with each error")[1].split("\n## ")[0], re.MULTILINE
        )
    ]
    calls = [Call(name) for name in head[1:]]
    shown = {Kind(kind): dict(zip(calls, map(Move, moves), strict=True)) for kind, *moves in lines}
    assert shown == MOVES


def test_what_holds_a_lane_at_once_is_what_no_other_call_would_survive() -> None:
    assert {kind for error, kind in ERRORS if holds_the_lane(error)} == {
        Kind.ON_HOLD,
        Kind.AUTHENTICATION,
        Kind.BILLING,
        Kind.PERMISSION,
        Kind.ENFORCED_LIMIT,
        Kind.CONTRACT_LIMIT,
        Kind.RAMP_LIMIT,
    }


@pytest.mark.parametrize("kind", Kind)
def test_what_may_have_been_executed_is_never_taken_for_a_no(kind: Kind) -> None:
    """A create in doubt is settled, a message in doubt is on record, wherever Claude itself did not say no."""
    lost = {Kind.REQUEST_TIMED_OUT, Kind.CLIENT_GONE, Kind.BAD_GATEWAY, Kind.GATEWAY_TIMED_OUT, Kind.PROXY}
    lost |= {Kind.TIMED_OUT, Kind.DROPPED, Kind.UNREADABLE}
    said_by_claude = {Kind.FAILED, Kind.UNAVAILABLE, Kind.OVERLOADED, Kind.ANOTHER_5XX}
    assert (MOVES[kind][Call.CREATE] is Move.DOUBTFUL) is (kind in lost | said_by_claude)
    assert (MOVES[kind][Call.MESSAGES] is Move.LATER_PERHAPS_BILLED) is (kind in lost)


@pytest.mark.parametrize(
    ("error", "receives", "least", "most"),
    [
        pytest.param(ClaudeUnclearError("x", status=529), 1, 5, 8, id="first"),
        pytest.param(ClaudeUnclearError("x", status=529), 4, 40, 60, id="doubled"),
        pytest.param(ClaudeUnclearError("x", status=529), 900, 300, 450, id="capped"),
        pytest.param(refused(429, after=90), 1, 90, 135, id="as-claude-says"),
        pytest.param(refused(401), 1, 300, 450, id="a-person-is-needed"),
        pytest.param(refused(429, code="enforced_spend_limit_reached"), 1, 300, 450, id="a-limit"),
        pytest.param(refused(429, after=10**9), 1, 3600, 5400, id="never-much-more-than-an-hour"),
    ],
)
def test_a_retry_waits_longer_each_time_and_never_in_step_with_others(
    error: ClaudeError, receives: int, least: int, most: int
) -> None:
    assert retry_delay(error, receives=receives, jitter=0.0) == least
    assert retry_delay(error, receives=receives, jitter=1.0) == most


@pytest.mark.parametrize(("news", "least", "most"), [(True, 30, 60), (False, 300, 450)])
def test_an_unexplained_refusal_is_looked_at_soon_while_there_is_news(news: bool, least: int, most: int) -> None:
    assert evidence_delay(news=news, jitter=0.0) == least
    assert evidence_delay(news=news, jitter=1.0) == most


def test_no_move_is_there_that_nothing_leads_to() -> None:
    assert {made for row in MOVES.values() for made in row.values()} == set(Move)


def test_a_move_is_the_same_wherever_it_is_asked() -> None:
    assert all(move(error, call) is MOVES[kind][call] for error, kind in ERRORS for call in Call)
