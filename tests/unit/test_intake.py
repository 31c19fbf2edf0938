"""What the front door takes, what it refuses, and that a refusal quotes nothing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lanekeeper.errors import RejectedError
from lanekeeper.intake import accept, read_message
from lanekeeper.models import Priority, Request
from lanekeeper.policy import Workload
from lanekeeper.pricing import standard_prices
from tests.system import params

SENT = datetime(2026, 11, 23, 9, tzinfo=UTC)
REGISTRY = {"articles": Workload(name="articles", max_latency=timedelta(hours=24))}
SECRET = "ada@example.org"


def read(body: str) -> Request:
    message = read_message(body, registry=REGISTRY)
    return accept(message, message.params or {}, sent_at=SENT, registry=REGISTRY, prices=standard_prices())


def message(**fields: Any) -> str:
    return json.dumps({"id": "1", "workload": "articles", "params": params(), **fields})


@pytest.mark.parametrize(
    ("fields", "deadline"),
    [
        pytest.param({}, SENT + timedelta(hours=24), id="the-workloads"),
        pytest.param({"max_latency_minutes": 90}, SENT + timedelta(minutes=90), id="from-the-sending"),
        pytest.param({"deadline": "2026-11-23T12:00:00+01:00"}, SENT + timedelta(hours=2), id="absolute"),
    ],
)
def test_the_deadline_is_the_messages_or_the_workloads(fields: dict[str, Any], deadline: datetime) -> None:
    assert read(message(**fields)).deadline == deadline


def test_a_request_keeps_its_params_as_they_were_sent() -> None:
    sent = params(system="Be brief.", temperature=0.25, tools=[])
    request = read(message(params=sent, priority="high", metadata={"team": "docs"}))

    assert request.params == sent
    assert (request.priority, request.metadata) == (Priority.HIGH, {"team": "docs"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param("", "invalid_json", id="empty"),
        pytest.param(message(params=params(x=1)).replace('"x": 1', '"x": NaN'), "invalid_json", id="nan"),
        pytest.param('{"id": "\\ud800"}', "invalid_json", id="lone-surrogate"),
        pytest.param('{"id": ' + "9" * 5000 + "}", "invalid_json", id="giant-integer"),
        pytest.param("[" * 300 + "]" * 300, "invalid_json", id="nested-without-end"),
        pytest.param("[]", "invalid_field", id="no-object"),
        pytest.param('{"id": "1"}', "missing_field", id="incomplete"),
        pytest.param(message(id=""), "invalid_field", id="empty-id"),
        pytest.param(message(id="x" * 257), "invalid_field", id="long-id"),
        pytest.param(message(workload="others"), "unknown_workload", id="unknown-workload"),
        pytest.param(message(colour="red"), "unknown_field", id="unknown-field"),
        pytest.param(message(priority="urgent"), "invalid_field", id="unknown-priority"),
        pytest.param(message(params={"model": "m"}), "missing_field", id="incomplete-params"),
        pytest.param(message(params=params(stream=True)), "streaming", id="stream"),
        pytest.param(message(params=params(max_tokens=0)), "invalid_field", id="no-tokens"),
        pytest.param(message(params=params(max_tokens=True)), "invalid_field", id="bool-tokens"),
        pytest.param(message().replace("100", "1e999"), "invalid_field", id="infinite-tokens"),
        pytest.param(message(params=params()).replace('"Say', '"x": 1e999, "y": "Say'), "invalid_json", id="broken"),
        pytest.param(
            message(params=params(top_p=1)).replace('"top_p": 1', '"top_p": 1e999'), "invalid_field", id="infinity"
        ),
        pytest.param(message(metadata={"x": 1}).replace('"x": 1', '"x": 1e999'), "invalid_json", id="odd-metadata"),
        pytest.param(message(max_latency_minutes="90"), "invalid_field", id="latency-as-text"),
        pytest.param(message(deadline="0001-01-01T00:00:00+01:00"), "invalid_deadline", id="before-all-time"),
        pytest.param(message(deadline="tomorrow"), "invalid_deadline", id="no-time"),
        pytest.param(message(deadline="2026-11-23T12:00:00"), "invalid_deadline", id="no-offset"),
        pytest.param(message(deadline="2026-11-23T08:00:00Z"), "deadline_past", id="past"),
        pytest.param(message(deadline="2027-11-23T08:00:00Z"), "invalid_deadline", id="far"),
        pytest.param(message(deadline="2026-11-24T08:00:00Z", max_latency_minutes=5), "two_deadlines", id="both"),
        pytest.param(message(max_latency_minutes=0), "invalid_field", id="no-latency"),
        pytest.param(message(metadata={"x": "y" * 4_089}), "invalid_field", id="large-metadata"),
    ],
)
def test_a_message_that_cannot_be_followed_is_rejected_with_its_code(body: str, code: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read(body)
    assert caught.value.code == code


def test_metadata_of_just_four_kilobytes_is_taken() -> None:
    assert read(message(metadata={"x": "y" * 4_088})).metadata == {"x": "y" * 4_088}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f'{{"id": "{SECRET}"', id="cut"),
        pytest.param(message(workload=SECRET), id="workload"),
        pytest.param(message(**{SECRET: 1}), id="field-name"),
        pytest.param(message(priority=SECRET), id="priority"),
        pytest.param(message(deadline=SECRET), id="deadline"),
        pytest.param(message(params=params(max_tokens=SECRET)), id="param"),
        pytest.param(message(params=params(messages=SECRET)), id="messages"),
    ],
)
def test_a_rejection_quotes_nothing_of_the_message(body: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read(body)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error) + str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
