"""A create whose answer is lost is settled by listing; one that is refused is held, split or ended. Nothing twice."""

import json
from datetime import timedelta

import boto3
import pytest

from lanekeeper import clock, connections, dynamo, telemetry
from lanekeeper.advance import Advance
from lanekeeper.batch_rows import batch_of
from lanekeeper.batches_table import BatchesTable
from lanekeeper.claude import Claude, connect
from lanekeeper.errors import ClaudeUnreachableError
from lanekeeper.lanes import LaneBreaker
from lanekeeper.models import Lane
from lanekeeper.requests_table import RequestsTable
from lanekeeper.spool import Spool
from tests.system import System, params

SETTLE = 1800


def ask_and_seal(system: System, count: int = 1) -> list[str]:
    asked = [system.ask(params=params(f"Number {number}.")) for number in range(count)]
    system.run()
    return asked


def states(system: System) -> list[str]:
    return sorted(batch["state"] for batch in system.batches())


def all_succeeded(system: System, asked: list[str]) -> bool:
    rows = [system.row(request_id) for request_id in asked]
    return all(row is not None and row.get("outcome") == "succeeded" for row in rows)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"fault": "drop_after_accept"}, id="connection-dropped"),
        pytest.param({"fault": "status_after_accept", "status": 500}, id="answered-500"),
    ],
)
def test_a_batch_whose_create_was_accepted_unseen_is_adopted_and_billed_once(
    system: System, fault: dict[str, object]
) -> None:
    system.fault(route="create", **fault)
    asked = ask_and_seal(system, 3)
    assert states(system) == ["SENDING"]
    system.tick(in_seconds=200)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert len(system.emulator.world.list_batches().batches) == 1
    assert sum(record["cost_micro_usd"] for record in system.items("LedgerTable")) == system.billed()


def test_a_create_that_never_arrived_is_sent_again_only_after_settle(system: System) -> None:
    system.fault(route="create", fault="status", status=529)
    asked = ask_and_seal(system)
    system.tick(in_seconds=SETTLE - 60)
    assert states(system) == ["SENDING"]
    system.tick(in_seconds=120)
    assert states(system) == ["SEALED"]
    system.tick(in_seconds=60)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 1


def test_a_foreign_batch_of_the_same_size_is_not_mistaken_for_ours(system: System) -> None:
    foreign = {"requests": [{"custom_id": "theirs", "params": params()}]}
    system.fault(route="create", fault="status", status=500)
    asked = ask_and_seal(system)
    system.emulator.world.create_batch(foreign)
    system.let_batches_end()
    system.tick(in_seconds=SETTLE + 60)
    system.tick(in_seconds=60)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 2


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param({"status": 429, "error_type": "rate_limit_error", "retry_after": "120"}, id="rate-limit"),
        pytest.param({"status": 429, "error_code": "enforced_spend_limit_reached"}, id="spend-limit"),
        pytest.param({"status": 400, "error_code": "organization_on_hold"}, id="on-hold"),
        pytest.param({"status": 401}, id="credentials"),
    ],
)
def test_a_create_refused_for_now_is_held_with_its_reason_and_resumes(
    system: System, refusal: dict[str, object]
) -> None:
    system.fault(route="create", fault="status", **refusal)
    asked = ask_and_seal(system)
    (batch,) = system.batches()
    assert batch["state"] == "HELD"
    assert batch["hold_reason"].startswith(f"HTTP {refusal['status']}")
    system.tick(in_seconds=60)
    assert states(system) == ["HELD"]
    system.tick(in_seconds=301)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 1


def test_a_batch_that_is_too_large_is_split_and_every_half_answered(system: System) -> None:
    system.fault(route="create", fault="status", status=413)
    asked = ask_and_seal(system, 5)
    assert states(system) == ["SEALED", "SEALED", "SPLIT"]
    system.tick()
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 5


def test_an_unexplained_refusal_is_halved_until_the_guilty_request_is_alone(system: System) -> None:
    system.fault(route="create", fault="status", status=400, count=2)
    asked = ask_and_seal(system, 2)
    system.tick()
    assert states(system) == ["HELD", "OPEN", "SPLIT"]  # it could be a spend limit, had nothing been accepted
    system.fault(route="create", fault="status", status=400)
    system.tick(in_seconds=301)
    system.tick(in_seconds=60)
    system.run_until_answered()

    outcomes = sorted(row["outcome"] for row in map(system.row, asked) if row)
    assert outcomes == ["failed", "succeeded"]
    (failed,) = [row for row in map(system.row, asked) if row and row["outcome"] == "failed"]
    assert failed["outcome_reason"] == "invalid_request_error"
    assert system.answer(failed)["result"]["type"] == "errored"
    assert system.executed() == 1


def test_a_download_that_proves_nothing_never_makes_us_send_again(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept")
    asked = ask_and_seal(system, 2)
    system.let_batches_end()
    system.fault(route="results", fault="cut", rows=0)
    system.tick(in_seconds=SETTLE + 60)
    assert states(system) == ["SENDING"]
    system.tick(in_seconds=60)
    system.tick(in_seconds=60)
    system.run()

    assert all_succeeded(system, asked)
    assert system.executed() == 2
    assert len(system.emulator.world.list_batches().batches) == 1


def test_a_spend_limit_without_a_code_holds_the_work_and_ends_no_request(system: System) -> None:
    system.fault(route="create", fault="status", status=400, count=5)
    asked = ask_and_seal(system, 8)
    for _ in range(2):
        system.tick(in_seconds=301)
    assert states(system) == ["HELD", "HELD", "SPLIT"]
    system.tick(in_seconds=301)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 8


def test_a_batch_of_one_that_is_too_large_ends_its_request(system: System) -> None:
    system.fault(route="create", fault="status", status=413)
    asked = ask_and_seal(system)
    system.run_until_answered()

    row = system.row(asked[0])
    assert row is not None
    assert row["outcome"] == "failed"
    assert states(system) == ["COLLECTED"]


def test_nothing_is_sent_while_a_send_could_outlive_settle(system: System) -> None:
    system.parameters["SettleSeconds"] = "60"
    ask_and_seal(system)

    assert states(system) == ["SEALED"]
    assert not system.emulator.world.list_batches().batches


def test_a_claude_that_cannot_be_reached_leaves_no_doubt(system: System) -> None:
    system.parameters["ClaudeUrl"] = "http://127.0.0.1:9"
    asked = ask_and_seal(system)
    assert states(system) == ["SEALED"]
    system.parameters["ClaudeUrl"] = system.emulator.url
    system.tick(in_seconds=60)
    system.run_until_answered()

    assert all_succeeded(system, asked)


def test_two_batches_of_one_size_are_never_in_doubt_together(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept", count=2)
    asked = [system.ask()]
    system.run()
    system.ask(id="review", workload="code-review")
    system.run()
    assert states(system) == ["SEALED", "SENDING"]
    for _ in range(3):
        system.tick(in_seconds=200)
    system.run_until_answered()

    review = system.row("review", "code-review")
    assert all_succeeded(system, asked)
    assert review is not None
    assert review["outcome"] == "succeeded"
    assert system.executed() == 2


def foreign(custom_id: str = "theirs", count: int = 1) -> dict[str, object]:
    return {"requests": [{"custom_id": f"{custom_id}{number}", "params": params()} for number in range(count)]}


def test_a_batch_that_was_there_before_the_create_is_never_taken_for_it(system: System) -> None:
    system.emulator.world.create_batch(foreign())
    system.fault(route="create", fault="drop_after_accept")
    asked = ask_and_seal(system)
    system.tick(in_seconds=200)
    assert states(system) == ["OPEN"]
    system.run_until_answered()

    assert all_succeeded(system, asked)


def test_a_batch_of_another_size_is_never_taken_for_ours(system: System) -> None:
    system.fault(route="create", fault="status", status=500)
    ask_and_seal(system)
    system.emulator.world.create_batch(foreign(count=2))
    system.tick(in_seconds=SETTLE + 60)

    assert states(system) == ["SEALED"]


def test_a_batch_that_is_another_of_ours_does_not_keep_a_lost_one_in_doubt(system: System) -> None:
    system.fault(route="create", fault="status", status=500)
    ask_and_seal(system)
    known = system.emulator.world.create_batch(foreign())
    system.table("BatchesTable").put_item(Item={"item_id": f"claude#{known.id}", "batch": "another"})
    system.tick(in_seconds=SETTLE + 60)

    assert states(system) == ["SEALED"]


def test_a_foreign_batch_whose_custom_ids_look_like_ours_is_not_mistaken_for_ours(system: System) -> None:
    system.fault(route="create", fault="status", status=500)
    ask_and_seal(system)
    system.emulator.world.create_batch(foreign("01HZZZZZZZZZZZZZZZZZZZZZZZ_"))
    system.let_batches_end()
    system.tick(in_seconds=SETTLE + 60)

    assert states(system) == ["SEALED"]


def test_nobody_settles_a_send_whose_sender_may_still_be_waiting(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept")
    ask_and_seal(system)
    system.tick(in_seconds=60)
    assert states(system) == ["SENDING"]
    system.tick(in_seconds=60)
    assert states(system) == ["OPEN"]


@pytest.mark.parametrize("status", [408, 499, 500, 529])
def test_a_status_that_speaks_of_the_connection_leaves_the_create_in_doubt(system: System, status: int) -> None:
    system.fault(route="create", fault="status_after_accept", status=status)
    ask_and_seal(system)

    assert states(system) == ["SENDING"]


def test_a_send_is_not_begun_with_too_little_time_to_end_it(system: System) -> None:
    system.ask()
    system.deliver("RequestQueue")
    system.deliver("BatchQueue", seconds=24)
    assert states(system) == ["SEALED"]
    assert not system.emulator.world.list_batches().batches
    system.tick(in_seconds=60)
    assert states(system) == ["OPEN"]


def test_a_listing_refused_before_the_create_holds_the_batch_with_the_reason(system: System) -> None:
    system.fault(route="list", fault="status", status=401)
    ask_and_seal(system)

    (batch,) = system.batches()
    assert (batch["state"], batch["hold_reason"][:8]) == ("HELD", "HTTP 401")


def test_a_create_that_never_left_us_is_held_and_leaves_no_doubt(system: System) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ClaudeUnreachableError("ConnectError")

    system.monkeypatch.setattr(Claude, "create", unreachable)
    ask_and_seal(system)

    assert states(system) == ["HELD"]


def test_a_wake_up_comes_again_until_its_segment_has_an_owner(system: System) -> None:
    system.parameters["BatchWindowSeconds"] = "300"
    system.ask()
    system.deliver("RequestQueue")
    (segment,) = system.items("BatchesTable")
    early = {"class_id": segment["class_id"], "segment": segment["item_id"].removeprefix("segment#")}
    boto3.client("sqs").send_message(QueueUrl=system.ids["BatchQueue"], MessageBody=json.dumps(early))
    heard = system.listen(connections.sqs(), "sqs.ChangeMessageVisibility")
    system.deliver("BatchQueue")
    assert not system.batches()
    assert 0 < heard[0]["VisibilityTimeout"] <= 300
    system.pass_time(300)
    system.make_visible("BatchQueue")
    system.deliver("BatchQueue")
    assert states(system) == ["OPEN"]


def test_a_segment_that_the_index_does_not_show_yet_is_sealed_by_its_own_wake_up(system: System) -> None:
    system.ask()
    system.deliver("RequestQueue")
    (segment,) = system.items("BatchesTable")
    key = {"item_id": segment["item_id"]}
    system.table("BatchesTable").update_item(Key=key, UpdateExpression="REMOVE open_shard")
    system.deliver("BatchQueue")

    assert states(system) == ["OPEN"]


def test_a_second_wake_up_of_an_owned_segment_seals_nothing(system: System) -> None:
    system.ask()
    system.deliver("RequestQueue")
    (wake_up,) = system.waiting("BatchQueue")
    system.run()
    boto3.client("sqs").send_message(QueueUrl=system.ids["BatchQueue"], MessageBody=json.dumps(wake_up))
    system.run()

    assert states(system) == ["OPEN"]
    assert not system.waiting("BatchQueue")


def test_a_spend_limit_holds_a_batch_of_one_too(system: System) -> None:
    asked = system.ask()
    system.fault(route="create", fault="spend_limit", count=None)
    system.run()
    system.tick()
    assert [(batch["state"], batch["hold_remedy"]) for batch in system.batches()] == [("HELD", "person")]
    system.emulator.world.faults.clear()
    system.tick(in_seconds=301)
    system.run_until_answered()

    assert (system.row(asked) or {})["outcome"] == "succeeded"


def test_a_doubtful_send_is_left_alone_until_its_time_has_come(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept")
    ask_and_seal(system)
    (item,) = system.batches()
    asked_of_claude: list[object] = []
    system.monkeypatch.setattr(Claude, "listed", lambda _: asked_of_claude.append(item) or iter([]))
    batches = BatchesTable(dynamo.client(), system.ids["BatchesTable"])
    advance = Advance(
        batches=batches,
        requests=RequestsTable(dynamo.client(), system.ids["RequestsTable"]),
        spool=Spool(connections.s3(), system.ids["ContentBucket"]),
        claude=Claude(connect("sk-test", system.emulator.url)),
        lane=LaneBreaker(batches=batches, lane=Lane.BATCH, clock=lambda: clock.now()),
        clock=lambda: clock.now(),
        settle_after=timedelta(seconds=SETTLE),
        max_waiting=150_000,
    )
    advance(batch_of(item), seconds_left=lambda: 100.0)
    assert not asked_of_claude
    system.pass_time(101)
    advance(batch_of(item), seconds_left=lambda: 100.0)
    assert asked_of_claude


def test_of_two_submitters_at_once_one_sends(system: System) -> None:
    asked = system.ask()
    system.deliver("RequestQueue")
    event = {"Records": [system.record("BatchQueue")]}
    client = dynamo.client()
    system.meanwhile(client, "dynamodb.TransactWriteItems", lambda: system.invoke("BatchSubmitterFunction", event))
    system.invoke("BatchSubmitterFunction", event)

    assert len(system.emulator.world.list_batches().batches) == 1
    assert states(system) == ["OPEN"]
    system.run_until_answered()
    assert all_succeeded(system, [asked])


# how much may wait at Claude


def ask_in_turn(system: System, **minutes: int) -> None:
    """One batch of one request for each name, with its deadline."""
    for name, deadline in minutes.items():
        system.ask(id=name, max_latency_minutes=deadline)
        system.run()


def batch_of_request(system: System, name: str) -> dict[str, object]:
    segment = (system.row(name) or {})["segment"]
    return next(batch for batch in system.batches() if batch["members"][0]["segment"] == segment)


def test_batches_beyond_what_may_wait_are_held_and_sent_by_their_deadlines(system: System) -> None:
    system.parameters["MaxWaitingRequests"] = "1"
    ask_in_turn(system, first=600, later=900, sooner=700)
    held = [batch_of_request(system, name) for name in ("later", "sooner")]
    assert [(each["state"], each["hold_reason"], each["hold_remedy"]) for each in held] == [
        ("HELD", "waiting-limit", "patience")
    ] * 2
    assert batch_of_request(system, "first")["state"] == "OPEN"
    system.let_batches_end()
    system.tick()
    system.run()
    system.tick(in_seconds=61)

    assert batch_of_request(system, "sooner")["state"] == "OPEN"
    assert batch_of_request(system, "later")["state"] == "HELD"
    system.let_batches_end()
    system.tick()
    system.run()
    system.tick(in_seconds=61)
    assert batch_of_request(system, "later")["state"] == "OPEN"


def test_a_send_in_doubt_counts_as_being_with_claude(system: System) -> None:
    system.parameters["MaxWaitingRequests"] = "1"
    system.fault(route="create", fault="drop_after_accept")
    ask_in_turn(system, doubtful=600, second=700)

    assert batch_of_request(system, "second")["state"] == "HELD"


def test_a_batch_that_waits_for_a_person_keeps_no_other_waiting(system: System) -> None:
    system.parameters["MaxWaitingRequests"] = "1"
    system.fault(route="create", fault="status", status=400)
    ask_in_turn(system, limited=600, second=700)

    assert [batch_of_request(system, name)["state"] for name in ("limited", "second")] == ["HELD", "OPEN"]


def test_a_tick_tells_how_many_requests_wait_at_claude(system: System) -> None:
    counted = heard_metrics(system)
    system.tick()
    ask_and_seal(system, 3)
    system.tick(in_seconds=60)

    assert [value for name, value in counted if name == "WaitingRequests"] == [0, 3]


def heard_metrics(system: System) -> list[tuple[str, float]]:
    counted: list[tuple[str, float]] = []
    system.monkeypatch.setattr(telemetry, "_add", lambda name, _, value: counted.append((name, value)))
    return counted


# whose listing it is


def lost_send_after(system: System, anchor_count: int = 2) -> list[str]:
    """Batches of somebody else, a minute apart, then a send that was lost; their ids."""
    ids = []
    for number in range(anchor_count):
        ids.append(system.emulator.world.create_batch(foreign(f"before{number}")).id)
        system.emulator.world.clock.advance(60)
    system.fault(route="create", fault="status", status=500)
    ask_and_seal(system)
    return ids


def test_the_listing_of_another_workspace_never_makes_us_send_again(system: System) -> None:
    lost_send_after(system)
    ours, system.emulator.world._batches = system.emulator.world._batches, {}
    system.emulator.world.create_batch(foreign(count=2))
    counted = heard_metrics(system)
    system.tick(in_seconds=SETTLE + 60)
    assert states(system) == ["SENDING"]
    assert ("HoldsForAPerson", 1) in counted
    system.emulator.world._batches = ours
    system.tick(in_seconds=60)
    assert states(system) == ["SEALED"]


def test_a_batch_that_runs_in_another_workspace_is_never_taken_for_ours(system: System) -> None:
    lost_send_after(system)
    system.emulator.world._batches = {}
    system.emulator.world.create_batch(foreign())
    system.tick(in_seconds=SETTLE + 60)

    assert states(system) == ["SENDING"]


def test_an_anchor_that_was_deleted_is_no_other_workspace_while_older_batches_show(system: System) -> None:
    *_, anchor = lost_send_after(system)
    (batch,) = system.batches()
    assert batch["anchor"] == anchor
    assert batch["anchor_at"]
    del system.emulator.world._batches[anchor]
    system.tick(in_seconds=SETTLE + 60)

    assert states(system) == ["SEALED"]  # and the older one, of the same size, was not adopted


def test_what_the_listing_has_settled_is_marked_as_adopted(system: System) -> None:
    system.fault(route="create", fault="drop_after_accept")
    ask_and_seal(system)
    system.tick(in_seconds=200)

    assert [(batch["state"], batch["adopted"]) for batch in system.batches()] == [("OPEN", True)]


# a sender that was paused


def test_a_sender_that_wakes_after_its_functions_end_posts_nothing(system: System) -> None:
    system.pass_time(0)  # from here on a clock that can be moved under what is under way
    create = Claude.create

    def paused(claude: Claude, body: object, **options: object) -> object:
        system.pass_time(101)
        return create(claude, body, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Claude, "create", paused)
        asked = ask_and_seal(system)
    assert states(system) == ["SENDING"]
    assert not system.emulator.world.list_batches().batches
    system.tick(in_seconds=SETTLE)
    system.tick(in_seconds=60)
    system.run_until_answered()

    assert all_succeeded(system, asked)
    assert system.executed() == 1
