"""Each handler, on the payload that lies in events/ for it: the same files serve `sam local invoke`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lanekeeper import clock
from tests.system import System

EVENTS = Path(__file__).parents[2] / "events"


def event(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return document


@pytest.fixture
def then(system: System) -> System:
    """The moment when the classifier's payload was delivered."""
    sent = int(event("classifier")["Records"][0]["attributes"]["SentTimestamp"]) / 1000
    moment = datetime.fromtimestamp(sent, UTC) + timedelta(seconds=1)
    system.monkeypatch.setattr(clock, "now", lambda: moment)
    return system


def test_the_classifier_takes_one_urgent_and_one_patient_request_and_rejects_the_bad_one(then: System) -> None:
    answer = then.invoke("ClassifierFunction", event("classifier"))

    assert answer == {"batchItemFailures": []}
    assert sorted((row["workload"], row["lane"]) for row in then.items("RequestsTable")) == [
        ("content-pipeline", "batch"),
        ("live-chat", "realtime"),
    ]
    assert len(then.waiting("RejectedQueue")) == 1


def test_the_realtime_invoker_answers_what_the_classifier_accepted(then: System) -> None:
    then.invoke("ClassifierFunction", event("classifier"))
    answer = then.invoke("RealtimeInvokerFunction", event("realtime_invoker"))

    assert answer == {"batchItemFailures": []}
    (row,) = [row for row in then.items("RequestsTable") if row["workload"] == "live-chat"]
    assert row["outcome"] == "succeeded"


def test_the_batch_submitter_forgets_a_wake_up_whose_segment_nobody_knows(then: System) -> None:
    assert then.invoke("BatchSubmitterFunction", event("batch_submitter")) == {"batchItemFailures": []}
    assert not then.batches()


def test_the_collector_forgets_a_batch_that_nobody_knows(then: System) -> None:
    assert then.invoke("CollectorFunction", event("collector")) == {"batchItemFailures": []}


def test_the_poller_finds_nothing_to_do_in_an_empty_system(then: System) -> None:
    assert then.invoke("PollerFunction", event("poller")) == {"open": 0, "due": 0}
