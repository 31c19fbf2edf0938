"""`lanekeeper report` of a stack in which everything happened: its totals are Claude's account, to the micro-dollar."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from lanekeeper import connections, dynamo
from tests.commands import reachable
from tests.system import Killed, System, params, refusable

SOON = 100  # minutes: a latency that batches
NEAR = SOON * 60 - 15 * 60 + 1  # seconds until it is rescued
QUIET = 30 * 3600  # seconds after which nothing counts as under way, and our clock has overtaken Claude's


@pytest.fixture(autouse=True)
def slow_batches(system: System) -> None:
    """Claude takes longer than the sooner deadline."""
    reachable(system)
    system.emulator.world.batch_minutes = (600, 600)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["report", "--days", "4", *arguments], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result


def reported(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run("--json", *arguments).stdout, parse_float=Decimal)
    return document


def money(number: int | Decimal) -> Decimal:
    return Decimal(number)


def collected(system: System) -> None:
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.run()


def rescued(system: System, count: int = 1) -> list[str]:
    asked = [system.ask(max_latency_minutes=SOON, params=params("A" * 400)) for _ in range(count)]
    system.run()
    system.tick(in_seconds=NEAR)
    return asked


def test_the_totals_are_claudes_own_account_whatever_happened(system: System) -> None:
    """Rescues whose batches bill as well, rows that expire and go round again, refusals, a call that never arrived."""
    rescued(system)
    system.ask(params=refusable())
    patient = [system.ask(params=params(f"Number {number}.")) for number in range(4)]
    system.run()  # the rescue answers first; its batch is at Claude and will bill, too
    system.fault(route="batch_rows", outcome="expired", count=2)
    collected(system)
    collected(system)
    system.fault(route="messages", fault="drop")
    urgent = system.ask(priority="high")
    system.run()
    system.pass_time(600)
    system.make_visible("RealtimeQueue")
    system.run()
    system.pass_time(QUIET)

    assert {(system.row(each) or {}).get("outcome") for each in [*patient, urgent]} == {"succeeded"}
    total = reported()["total"]
    assert money(total["cost_micro_usd"]) == system.billed()
    assert total["requests"]["further_rounds"] >= 1
    assert total["requests"]["failed"] == 1
    assert total["realtime"]["rescues"] == 1
    assert total["realtime"]["possible_duplicates"] == 1
    assert total["overspend"]["not_compared_workload_days"] == 0


def test_every_form_has_the_same_sums(system: System) -> None:
    rescued(system, 2)
    system.run()
    collected(system)
    system.pass_time(QUIET)
    document = reported()
    rows = list(csv.DictReader(io.StringIO(run("--csv").stdout)))

    assert sum(Decimal(row["cost_usd"]) for row in rows) * 1_000_000 == system.billed()
    assert sum(each["cost_micro_usd"] for each in document["workloads"]) == system.billed()
    assert sum(day["batch_micro_usd"] + day["realtime_micro_usd"] for day in document["days"]) == system.billed()


def test_what_a_rescue_and_its_batch_both_billed_was_bought_twice(system: System) -> None:
    """One request, two answers: what the real-time one cost is overspend, and nothing was saved."""
    rescued(system)
    system.run()
    collected(system)
    system.pass_time(QUIET)
    total, by_batch = reported()["total"], {"batch": Decimal(0), "realtime": Decimal(0)}
    for item in system.items("LedgerTable"):
        by_batch[item["lane"]] += item["cost_micro_usd"]

    assert system.executed() == 2
    assert total["overspend"]["total_micro_usd"] == by_batch["realtime"]
    assert total["overspend"]["unused_batch_micro_usd"] == by_batch["batch"]
    assert total["net_saving_micro_usd"] == by_batch["realtime"] - system.billed()


def test_a_rescue_that_came_second_was_bought_twice_by_itself(system: System) -> None:
    rescued(system)
    system.crash(dynamo.client(), "dynamodb.PutItem")  # with its answer stored and nothing booked
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    system.emulator.world.clock.advance(12 * 3600)
    system.tick()
    system.deliver("CollectQueue")
    system.pass_time(600)
    system.make_visible("RealtimeQueue")
    system.run()
    system.pass_time(QUIET)
    total = reported()["total"]

    assert money(total["cost_micro_usd"]) == system.billed()
    assert total["overspend"]["unused_realtime_micro_usd"] == total["realtime"]["rescue_micro_usd"]
    assert (total["overspend"]["unused_batch_micro_usd"], total["overspend"]["rescue_premium_micro_usd"]) == (0, 0)


def test_a_rescue_whose_batch_never_billed_costs_what_a_batch_would_have_saved(system: System) -> None:
    system.fault(route="create", fault="status", status=429, count=None)
    rescued(system)
    system.run()
    system.pass_time(QUIET)
    total = reported()["total"]

    assert system.executed() == 1
    assert total["overspend"]["rescue_premium_micro_usd"] == system.billed() / 2
    assert (total["overspend"]["unused_batch_micro_usd"], total["net_saving_micro_usd"]) == (0, 0)


def test_a_call_whose_answer_nobody_saw_is_counted_and_is_all_that_the_totals_lack(system: System) -> None:
    system.ask(priority="high")
    system.deliver("RequestQueue")
    system.crash(connections.s3(), "s3.PutObject")
    with pytest.raises(Killed):
        system.deliver("RealtimeQueue")
    unseen = system.billed()
    system.pass_time(600)
    system.make_visible("RealtimeQueue")
    system.run()
    system.pass_time(QUIET)
    total = reported()["total"]

    assert system.executed() == 2
    assert total["realtime"]["possible_duplicates"] == 1
    assert money(total["cost_micro_usd"]) == system.billed() - unseen


def test_what_is_under_way_is_not_compared_and_the_net_saving_is_unknown(system: System) -> None:
    rescued(system)
    system.run()
    total = reported()["total"]
    assert (total["net_saving_micro_usd"], total["overspend"]["not_compared_workload_days"]) == (None, 1)


def test_a_price_that_is_unknown_is_a_count_and_no_amount(system: System) -> None:
    system.ask(priority="high")
    system.run()
    (row,) = system.items("LedgerTable")
    system.table("LedgerTable").put_item(Item=row | {"cost_micro_usd": None, "standard_micro_usd": None})
    total = reported()["total"]
    assert (total["cost_micro_usd"], total["realtime"]["unpriced_rows"], total["realtime"]["answers"]) == (0, 1, 1)
    assert "1 row with 1 answer" in run().stdout


def test_one_workload_is_that_workload_alone(system: System) -> None:
    system.ask(priority="high")
    system.ask(priority="high", workload="live-chat")
    system.run()
    names = [[line["workload"] for line in reported(*only)["workloads"]] for only in ((), ("-w", "live-chat"))]
    assert names == [["content-pipeline", "live-chat"], ["live-chat"]]


def test_a_request_that_waits_behind_its_deadline_is_told_of(system: System) -> None:
    system.ask(max_latency_minutes=SOON)
    system.deliver("RequestQueue")
    system.pass_time(SOON * 60 + 60)
    assert reported()["overdue_requests"] == 1
    assert "1 waits behind its deadline now" in run().stdout


def test_a_workload_that_left_the_registry_is_found_by_its_answers(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.ask(priority="high")
    system.run()
    monkeypatch.setattr("cli.report_run.found_registry", dict)
    boto3.resource("dynamodb").Table(system.ids["RequestsTable"]).delete_item(
        Key={"request_key": system.items("RequestsTable")[0]["request_key"]}
    )
    (line,) = reported()["workloads"]
    assert (line["workload"], line["may_wait"]) == ("content-pipeline", None)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--from", "2026-11-02", "--days", "2"], id="two beginnings"),
        pytest.param(["--from", "2026-11-02", "--to", "2026-11-01"], id="backwards"),
        pytest.param(["--to", "2999-01-01"], id="the future"),
        pytest.param(["--from", "yesterday"], id="no day"),
    ],
)
def test_a_period_that_is_none_is_wrong_usage(system: System, arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["report", *arguments]).exit_code == 2


def test_the_page_is_written_where_it_was_asked_for_beside_the_table(system: System, tmp_path: Path) -> None:
    system.ask(priority="high")
    system.run()
    result = run("--html", str(tmp_path / "report.html"))
    assert result.stdout.startswith("20")
    assert f"the page is in {tmp_path / 'report.html'}" in result.stderr
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_page_that_cannot_be_written_is_said_so(system: System, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["report", "--html", str(tmp_path / "nowhere" / "report.html")])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
