"""The demo's self-check: a healthy run passes, and each kind of damage makes it fail."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from lanekeeper.identity import request_key
from lanekeeper.pricing import standard_prices
from local.demo.check import failures
from local.demo.evidence import Evidence
from local.demo.traffic import Sent, line_of
from tests.unit.demo_evidence import BATCH_KEY, CHAT_KEY, healthy, without_account

CHAT = request_key("live-chat", "chat-1")


def check(evidence: Evidence) -> list[str]:
    return failures(evidence, standard_prices())


def with_request(evidence: Evidence, **changes: Any) -> Evidence:
    row = {name: value for name, value in (dict(evidence.requests[CHAT]) | changes).items() if value is not None}
    return replace(evidence, requests={**evidence.requests, CHAT: row})


def with_ledger(evidence: Evidence, **changes: Any) -> Evidence:
    first, *rest = evidence.ledger
    return replace(evidence, ledger=[dict(first) | changes, *rest])


def with_account(evidence: Evidence, **changes: Any) -> Evidence:
    return replace(evidence, account=dict(evidence.account or {}) | changes)


def with_object(evidence: Evidence, key: str, body: bytes | None) -> Evidence:
    kept = {name: old for name, old in evidence.objects.items() if name != key}
    return replace(evidence, objects=kept if body is None else kept | {key: body})


def cost_of(evidence: Evidence) -> Decimal:
    return Decimal(evidence.ledger[0]["cost_micro_usd"])


def test_a_healthy_run_has_no_failures() -> None:
    assert check(healthy()) == []


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(lambda e: with_request(e, outcome=None), "line 1 has no terminal state: still open", id="open"),
        pytest.param(lambda e: replace(e, requests={}), "line 1 has no terminal state: neither", id="lost"),
        pytest.param(lambda e: replace(e, rejected={}), "line 4 has no terminal state", id="bad line not rejected"),
        pytest.param(lambda e: with_object(e, CHAT_KEY, None), "the answer to line 1 is missing", id="missing answer"),
        pytest.param(lambda e: with_object(e, CHAT_KEY, b'{"id": '), "cannot be read", id="answer cut short"),
        pytest.param(lambda e: with_request(e, answer_key=BATCH_KEY), "cannot be read", id="wrong place"),
        pytest.param(
            lambda e: with_object(e, CHAT_KEY, e.objects[CHAT_KEY].replace(b"chat-1", b"chat-2")),
            "is another request's",
            id="another's answer",
        ),
        pytest.param(lambda e: with_request(e, outcome="failed"), "is none of one that failed", id="wrong outcome"),
        pytest.param(
            lambda e: with_ledger(e, cost_micro_usd=cost_of(e) + 1),
            "the ledger says 7504",
            id="a micro-dollar too much",
        ),
        pytest.param(
            lambda e: with_ledger(e, cost_micro_usd=cost_of(e) + Decimal("0.1")), "micro-dollars", id="a tenth too much"
        ),
        pytest.param(lambda e: with_ledger(e, cost_micro_usd=None), "the ledger says None", id="unpriced"),
        pytest.param(lambda e: with_ledger(e, tokens={"input": 1}), "in requests or tokens", id="tokens"),
        pytest.param(lambda e: replace(e, ledger=e.ledger[1:]), "in requests or tokens", id="no cost record"),
        pytest.param(
            lambda e: with_account(e, cost_micro_usd=str(Decimal(e.account["cost_micro_usd"]) + 1)),
            "the emulator's own account",
            id="account differs by a micro-dollar",
        ),
        pytest.param(lambda e: with_account(e, requests_executed=4), "the emulator executed 4", id="paid twice"),
        pytest.param(
            lambda e: replace(e, dead_letters={"CollectDeadLetterQueue": 1}), "CollectDeadLetterQueue", id="dead letter"
        ),
    ],
)
def test_damage_is_found(damage: Callable[[Evidence], Evidence], told: str) -> None:
    assert any(told in sentence for sentence in check(damage(healthy())))


def test_a_repeated_line_is_settled_by_the_answer_to_the_first() -> None:
    evidence = healthy()
    first = evidence.sent[0]
    assert check(replace(evidence, sent=[*evidence.sent, Sent(first.line, "m5")])) == []


def test_a_line_that_sqs_refused_is_settled() -> None:
    evidence = healthy()
    refused = Sent(line_of(5, "x"), None, "InvalidMessageContents")
    assert check(replace(evidence, sent=[*evidence.sent, refused])) == []


def test_an_unknown_price_is_no_failure_where_nobody_else_knows_it_either() -> None:
    evidence = without_account(healthy(model="some-other-model"))
    assert evidence.ledger[0]["cost_micro_usd"] is None
    assert check(evidence) == []


def test_a_call_whose_answer_nobody_saw_is_left_out_of_the_sum() -> None:
    evidence = healthy()
    unseen = dict(evidence.ledger[0]) | {"kind": "possible_duplicate", "cost_micro_usd": None, "tokens": {}}
    assert check(replace(evidence, ledger=[*evidence.ledger, unseen])) == []


def test_many_failures_of_one_kind_are_told_in_short() -> None:
    lines = [Sent(line_of(number, "{}"), f"lost-{number}") for number in range(100)]
    told = check(replace(healthy(), sent=lines))
    assert told[-1] == "… and 95 more like it"
    assert len(told) == 6
