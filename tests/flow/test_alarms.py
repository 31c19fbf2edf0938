"""Every alarm on a metric of ours rings when its cause is there, on the lines that the real handlers print; and no
alarm rings when all is well."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.poller.tick import Tick
from lanekeeper.pricing import PriceList
from tests import stack
from tests.system import System, params, refusable
from tests.template.reading import ALARMS
from tests.watch import Watch, alarm_of

HOUR = 3600.0
OURS = {name for name in ALARMS if {metric.namespace for metric in alarm_of(name).metrics} == {stack.STACK}}


@pytest.fixture
def watch(system: System, capsys: pytest.CaptureFixture[str]) -> Watch:
    return Watch(system, capsys)


def urgent(system: System, count: int = 1, **fields: Any) -> None:
    for _ in range(count):
        system.ask(priority="high", **fields)
    system.deliver("RequestQueue")


def until_open(system: System, **fields: Any) -> None:
    """One batch, at Claude."""
    system.ask(**fields)
    system.run()


def a_slow_batch(system: System) -> None:
    system.emulator.world.batch_minutes = (130, 130)
    until_open(system)
    system.emulator.world.clock.advance(3 * HOUR)
    system.tick()
    system.run()


def a_batch_that_never_ends(system: System) -> None:
    until_open(system)
    system.tick(in_seconds=20.1 * HOUR)


def a_schedule_that_is_switched_off(system: System) -> None:
    system.tick()
    system.pass_time(17 * 60)


def a_batch_refused_for_the_key(system: System) -> None:
    system.fault(route="create", fault="status", status=401)
    until_open(system)


def a_batch_held_for_the_key(system: System) -> None:
    system.fault(route="list", fault="status", status=401)
    until_open(system)
    system.tick(in_seconds=40 * 60)  # the refusal itself is long gone: what lasts is told at each tick


def a_spend_limit_in_real_time(system: System) -> None:
    code = "enforced_spend_limit_reached"
    system.fault(route="messages", fault="status", status=429, error_type="rate_limit_error", error_code=code)
    urgent(system)
    system.run()


def a_key_that_is_refused_while_batches_are_open(system: System) -> None:
    until_open(system)
    system.fault(route="list", fault="status", status=403)
    system.tick()


def a_key_that_is_refused_at_collection(system: System) -> None:
    until_open(system)
    system.let_batches_end()
    system.tick()
    system.fault(route="retrieve", fault="status", status=401)
    system.deliver("CollectQueue")


def one_message_in_five_is_no_request(system: System) -> None:
    for _ in range(4):
        system.ask()
        system.ask(priority="high")
    system.send("no request")
    system.send("neither")
    system.deliver("RequestQueue")


def an_answer_without_a_price(system: System) -> None:
    system.monkeypatch.setattr(PriceList, "price", lambda *_, **__: None)
    urgent(system)
    system.run()


def a_batch_without_a_price(system: System) -> None:
    system.monkeypatch.setattr(PriceList, "price", lambda *_, **__: None)
    system.ask()
    system.run_until_answered()


def an_urgent_answer_that_is_late(system: System) -> None:
    urgent(system, max_latency_minutes=5)
    system.pass_time(6 * 60)
    system.run()


def a_batch_that_is_late(system: System) -> None:
    system.ask(workload="code-review")  # two hours
    system.run()
    system.pass_time(2.5 * HOUR)
    system.run_until_answered()


def a_batch_whose_deadline_is_near(system: System) -> None:
    until_open(system, workload="code-review")
    system.tick(in_seconds=1.9 * HOUR)


def a_segment_whose_deadline_is_near(system: System) -> None:
    system.ask(workload="code-review")
    system.deliver("RequestQueue")
    system.tick(in_seconds=1.9 * HOUR)


def a_crowd_at_claude_in_real_time(system: System) -> None:
    system.fault(route="messages", fault="status", status=529, count=11)
    urgent(system, 10)
    system.ask(priority="high")
    system.run()


def a_crowd_at_claude_for_batches(system: System) -> None:
    system.ask()
    system.fault(route="create", fault="status", status=429)
    system.run()
    system.fault(route="list", fault="status", status=429, count=10)
    for _ in range(10):
        system.tick(in_seconds=61)


def an_hour_without_claude(system: System) -> None:
    urgent(system)
    system.fault(route="messages", fault="status", status=500)
    system.deliver("RequestQueue")
    system.pass_time(3600)
    system.deliver("RealtimeQueue")


def six_requests_that_claude_does_not_take(system: System) -> None:
    for _ in range(6):
        system.ask(priority="high", params=refusable())
    system.run()


def a_lock_that_nobody_holds(system: System) -> None:
    system.table("BatchesTable").put_item(Item={"item_id": "count#1", "batch": "nobody"})
    system.invoke("AuditorFunction", {}, seconds=900)


def two_days_without_an_audit(system: System) -> None:
    system.invoke("AuditorFunction", {}, seconds=900)
    system.invoke("AuditorFunction", {}, seconds=60)  # too little time: no verdict
    system.pass_time(4.1 * 24 * HOUR)  # CloudWatch may look two periods further back


def odd_rows_that_last(system: System) -> None:
    system.ask(params=params("Hello. [[emulator: unknown]]"))
    system.run()
    system.let_batches_end()
    for _ in range(4):
        system.tick(in_seconds=HOUR)
        system.run()
    system.tick(in_seconds=6 * HOUR)  # what lasts is told at each tick


def uncollected(days: float) -> Callable[[System], None]:
    def results_that_are_not_collected(system: System) -> None:
        until_open(system)
        system.let_batches_end()
        system.tick(in_seconds=days * 24 * HOUR)

    results_that_are_not_collected.__name__ += f"_for_{days}_days"
    return results_that_are_not_collected


def a_batch_whose_steps_fail(system: System) -> None:
    until_open(system)
    system.monkeypatch.setattr(Tick, "_look_at", lambda *_: 1 / 0)
    for _ in range(6):
        system.tick(in_seconds=61)


CAUSES: dict[str, list[Callable[[System], None]]] = {
    "RealtimeRetryAlarm": [an_hour_without_claude],
    "QuarantineAlarm": [odd_rows_that_last],
    "UncollectedDayAlarm": [uncollected(1.01)],
    "UncollectedWeekAlarm": [uncollected(7.01)],
    "UncollectedThreeWeeksAlarm": [uncollected(21.01)],
    "PollerStepsAlarm": [a_batch_whose_steps_fail],
    "FailedRequestsAlarm": [six_requests_that_claude_does_not_take],
    "BatchCompletionAlarm": [a_slow_batch],
    "AuditGapAlarm": [a_lock_that_nobody_holds],
    "AuditSilentAlarm": [two_days_without_an_audit],
    "OldestOpenBatchAlarm": [a_batch_that_never_ends],
    "PollerSilentAlarm": [a_schedule_that_is_switched_off],
    "HoldAlarm": [
        a_batch_refused_for_the_key,
        a_batch_held_for_the_key,
        a_spend_limit_in_real_time,
        a_key_that_is_refused_while_batches_are_open,
        a_key_that_is_refused_at_collection,
    ],
    "RejectedRateAlarm": [one_message_in_five_is_no_request],
    "UnpricedModelAlarm": [an_answer_without_a_price, a_batch_without_a_price],
    "DeadlinesMissedAlarm": [an_urgent_answer_that_is_late, a_batch_that_is_late],
    "DeadlinesEndangeredAlarm": [a_batch_whose_deadline_is_near, a_segment_whose_deadline_is_near],
    "ClaudeThrottlesAlarm": [a_crowd_at_claude_in_real_time, a_crowd_at_claude_for_batches],
}


@pytest.mark.parametrize(
    ("alarm", "cause"),
    [pytest.param(alarm, cause, id=cause.__name__) for alarm, causes in CAUSES.items() for cause in causes],
)
def test_an_alarm_rings_when_its_cause_is_there(
    system: System, watch: Watch, alarm: str, cause: Callable[[System], None]
) -> None:
    cause(system)
    assert watch.rings(alarm)


def test_every_alarm_on_a_metric_of_ours_has_a_cause_above() -> None:
    assert set(CAUSES) == OURS


def test_no_alarm_rings_when_all_is_well(system: System, watch: Watch) -> None:
    for _ in range(6):
        system.ask()
        system.ask(workload="code-review")
    urgent(system, 2)
    system.send("one message in fifteen is no request")
    system.run_until_answered()
    system.tick(in_seconds=60)
    system.invoke("AuditorFunction", {}, seconds=900)
    assert not [alarm for alarm in OURS if watch.rings(alarm)]


def test_what_is_sent_when_all_is_well_has_no_dimension(system: System, watch: Watch) -> None:
    system.ask()
    urgent(system)
    system.run_until_answered()
    assert {sample.metric.dimensions for sample in watch.samples} == {frozenset()}


def test_one_reject_at_night_rings_nothing(system: System, watch: Watch) -> None:
    system.send("no request")
    system.deliver("RequestQueue")
    assert not watch.rings("RejectedRateAlarm")


@pytest.mark.parametrize("status", [429, 529])
def test_ordinary_throttling_calls_nobody(system: System, watch: Watch, status: int) -> None:
    system.fault(route="messages", fault="status", status=status)
    system.fault(route="list", fault="status", status=status)
    urgent(system)
    until_open(system)
    system.tick()
    assert not watch.rings("HoldAlarm")
    assert not watch.rings("ClaudeThrottlesAlarm")


def test_a_hold_rings_for_as_long_as_it_lasts_and_no_longer(system: System, watch: Watch) -> None:
    system.fault(route="create", fault="status", status=402, count=2)
    until_open(system)
    for _ in range(2):
        system.tick(in_seconds=301)
        assert watch.rings("HoldAlarm")
    system.tick(in_seconds=301)  # Claude takes it; the tick still tells what it found
    for _ in range(4):
        system.tick(in_seconds=301)
    assert not watch.rings("HoldAlarm")


@pytest.mark.parametrize(
    ("alarm", "days"),
    [("UncollectedDayAlarm", 0.99), ("UncollectedWeekAlarm", 6.9), ("UncollectedThreeWeeksAlarm", 20.9)],
)
def test_results_that_wait_for_less_ring_later(system: System, watch: Watch, alarm: str, days: float) -> None:
    uncollected(days)(system)
    assert not watch.rings(alarm)


def test_a_quarantine_that_resolves_rings_no_longer(system: System, watch: Watch) -> None:
    odd_rows_that_last(system)
    assert watch.rings("QuarantineAlarm")
    (batch,) = system.emulator.world.list_batches().batches
    batch.rows[0].type = "expired"
    batch.counts.clear()
    batch.counts["expired"] = 1
    system.tick(in_seconds=HOUR)
    system.run()
    for _ in range(4):
        system.tick(in_seconds=301)
    assert not watch.rings("QuarantineAlarm")


def test_a_held_batch_keeps_no_message_on_its_queue(system: System, watch: Watch) -> None:
    """Or the age of the oldest message would ring for what only a person can end."""
    system.fault(route="create", fault="status", status=401)
    until_open(system)
    assert [batch["state"] for batch in system.batches()] == ["HELD"]
    assert system.waiting("BatchQueue") == []


def test_a_repeated_collection_misses_no_deadline_twice(system: System, watch: Watch) -> None:
    a_batch_that_is_late(system)
    (batch,) = system.batches()
    system.table("BatchesTable").update_item(
        Key={"item_id": batch["item_id"]},
        AttributeUpdates={"state": {"Value": "STORED"}, "applied_to": {"Action": "DELETE"}},
    )
    system.pass_time(300)  # the first collector's lease is over
    system.invoke("CollectorFunction", _collect(batch["item_id"].removeprefix("batch#")))
    missed = [sample.value for sample in watch.samples if sample.metric.name == "DeadlinesMissed"]
    assert (sum(missed), missed[-1]) == (1, 0)


def _collect(batch: str) -> dict[str, Any]:
    return {"Records": [{"messageId": "again", "body": f'{{"batch": "{batch}"}}', "eventSource": "aws:sqs"}]}
