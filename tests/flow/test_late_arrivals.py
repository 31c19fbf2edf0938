"""A request whose deadline passes while its message waits with us follows its workload's `on_late`."""

import pytest

from lanekeeper import connections
from tests.system import System, params


def late(system: System, **fields: object) -> str:
    """A request that was sent in time and is received an hour after its deadline."""
    asked = system.ask(max_latency_minutes=90, **fields)
    system.pass_time(150 * 60)
    return asked


@pytest.mark.parametrize(
    ("on_late", "lane", "reason"),
    [
        pytest.param("rescue", "realtime", "late-rescued", id="rescue"),
        pytest.param("wait", "batch", "late-may-wait", id="wait"),
    ],
)
def test_a_late_request_is_answered_where_its_workload_wants_a_late_answer(
    system: System, on_late: str, lane: str, reason: str
) -> None:
    system.set_workload("classifier", "content-pipeline", on_late=on_late)
    asked = late(system)
    system.run_until_answered()

    row = system.row(asked) or {}
    assert (row["lane"], row["reason"], row["outcome"]) == (lane, reason, "succeeded")


def test_a_late_request_ends_unbilled_where_its_workload_wants_no_late_answer(system: System) -> None:
    system.set_workload("classifier", "content-pipeline", on_late="fail")
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    asked = late(system)
    system.run_until_answered()

    row = system.row(asked) or {}
    assert (row["outcome"], row["outcome_reason"], row["cost_micro_usd"]) == ("failed", "deadline-passed", 0)
    assert system.answer(row)["result"]["error"]["error"]["type"] == "deadline-passed"
    assert [entry["DetailType"] for call in heard for entry in call["Entries"]] == ["RequestCompleted"]
    assert system.executed() == 0


def test_a_late_request_that_failed_is_told_again_and_not_run_when_it_comes_again(system: System) -> None:
    system.set_workload("classifier", "content-pipeline", on_late="fail")
    asked = late(system)
    system.deliver("RequestQueue")
    system.ask(id=asked)  # in time now, and the same request: a failed one needs a new id
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.run_until_answered()

    assert (system.row(asked) or {})["outcome"] == "failed"
    assert [entry["DetailType"] for call in heard for entry in call["Entries"]] == ["RequestCompleted"]
    assert system.executed() == 0


def test_a_request_that_is_on_its_way_is_not_failed_by_a_late_redelivery(system: System) -> None:
    system.set_workload("classifier", "content-pipeline", on_late="fail")
    system.set_workload("poller", "content-pipeline", on_late="wait")  # it has a say of its own: test_rescue.py
    asked = system.ask(max_latency_minutes=90)
    system.deliver("RequestQueue")
    system.ask(id=asked, max_latency_minutes=90)
    system.pass_time(150 * 60)
    system.run_until_answered()

    assert (system.row(asked) or {})["outcome"] == "succeeded"
    assert system.executed() == 1
    assert not [key for key in system.objects("results/") if "late" in key]


def test_another_request_under_a_taken_id_is_a_conflict_however_late_it_comes(system: System) -> None:
    system.set_workload("classifier", "content-pipeline", on_late="fail")
    system.ask(id="same", params=params("first"))
    system.deliver("RequestQueue")
    late(system, id="same", params=params("second"))
    system.run_until_answered()

    assert [notice["code"] for notice in system.waiting("RejectedQueue")] == ["conflict"]
