"""A deployment while requests are under way: what the new workloads.yaml and parameters do not know is finished."""

from tests.system import System

NEAR = (100 - 15) * 60 + 1  # seconds until a request with 100 minutes is rescued


def take_out(system: System, workload: str) -> None:
    """Deploys every function with a workloads.yaml in which this workload does not stand any more."""
    assert workload != "others"
    for function in ("classifier", "realtime_invoker", "poller", "collector"):
        system.set_workload(function, "others")


def outcome(system: System, request_id: str, workload: str) -> object:
    return (system.row(request_id, workload=workload) or {}).get("outcome")


def test_a_workload_that_was_taken_out_still_gets_what_it_asked_for(system: System) -> None:
    patient = system.ask()
    urgent = system.ask(workload="live-chat")
    system.deliver("RequestQueue")
    take_out(system, "content-pipeline")
    system.run_until_answered()

    assert outcome(system, patient, "content-pipeline") == "succeeded"
    assert outcome(system, urgent, "live-chat") == "succeeded"
    assert system.executed() == 2


def test_a_workload_that_was_taken_out_is_still_rescued(system: System) -> None:
    system.emulator.world.batch_minutes = (600, 600)
    asked = system.ask(max_latency_minutes=100)
    system.run()
    take_out(system, "content-pipeline")
    system.tick(in_seconds=NEAR)
    system.run()
    assert outcome(system, asked, "content-pipeline") == "succeeded"
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.run()
    assert [batch["state"] for batch in system.batches()] == ["COLLECTED"]


def test_another_window_and_margin_finish_what_was_begun_under_the_old_ones(system: System) -> None:
    asked = [system.ask(), system.ask(max_latency_minutes=100)]
    system.deliver("RequestQueue")
    system.parameters |= {"BatchWindowSeconds": "900", "RescueMarginSeconds": "1800", "SettleSeconds": "600"}
    system.run()
    system.tick(in_seconds=1_000)
    system.run_until_answered()
    assert [outcome(system, each, "content-pipeline") for each in asked] == ["succeeded", "succeeded"]
