"""Forgetting one request: its content is in no version of any object, and everybody else's stays where it was."""

import hashlib
import itertools
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from cli.forgetting import MOST_LOOKS, ContentRemainsError, Forgetting, UnknownRequestError, forgetting_in
from cli.journey import StillOnItsWayError, TraceLostError
from lanekeeper import clock, connections, dynamo, moments
from lanekeeper.identity import ulid
from lanekeeper.pricing import standard_prices
from lanekeeper.results import bill_of
from lanekeeper.spool import PART, Spool
from tests.flow.test_quarantine import collect, quarantined, release
from tests.system import Killed, System, params

CANARY = "canary-7f3a@example.org"
OUTPUTS = {
    "ContentBucketName": "ContentBucket",
    "RequestsTableName": "RequestsTable",
    "BatchesTableName": "BatchesTable",
}


def forgetting(system: System) -> Forgetting:
    return forgetting_in(boto3.Session(), {output: system.ids[name] for output, name in OUTPUTS.items()})


def later() -> datetime:
    return clock.now() + timedelta(hours=1)


def forget(
    system: System, request_id: str = CANARY, workload: str = "content-pipeline", *, by: Forgetting | None = None
) -> None:
    deed = by or forgetting(system)
    deed.forget(deed.find(workload, request_id, now=later()), now=later())


def ask(system: System, name: str = CANARY, **fields: Any) -> str:
    """A request that is to be forgotten: a canary in its id, its metadata and its prompt."""
    return system.ask(id=name, metadata={name: name}, **({"params": params(f"Say {name}")} | fields))


def ask_urgently(system: System, text: str = "", **fields: Any) -> str:
    asked = params(f"Say {CANARY}. {text}", **fields)
    return ask(system, workload="live-chat", priority="high", params=asked)


def neighbours(system: System, count: int = 2) -> list[str]:
    return [system.ask(params=params(f"Number {number}.")) for number in range(count)]


def everything(system: System) -> list[tuple[str, bytes]]:
    """Every version of every object, with its key."""
    s3, bucket = boto3.client("s3"), system.ids["ContentBucket"]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    found = [(each["Key"], each["VersionId"]) for page in pages for each in page.get("Versions", [])]
    return [(key, s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()) for key, version in found]


def places_of(text: str, system: System) -> list[str]:
    """The keys under which a version holds this text, one for each such version."""
    return [key for key, body in everything(system) if text in key or text.encode() in body]


def folders_of(text: str, system: System) -> list[str]:
    return sorted(key.partition("/")[0] for key in places_of(text, system))


def answers(system: System, asked: list[str]) -> list[dict[str, Any]]:
    """What their rows' byte ranges hold."""
    return [system.answer(system.row(request_id) or {}) for request_id in asked]


def forgotten_at(system: System, request_id: str = CANARY, workload: str = "content-pipeline") -> str | None:
    return (system.row(request_id, workload) or {}).get("forgotten_at")


def stored_cost(system: System, *, batch: bool = True) -> Decimal:
    """What the usage in the published answers costs."""
    lines = [line for key, body in everything(system) if key.startswith("results/") for line in body.splitlines()]
    results = [json.loads(line)["result"] for line in lines]
    costs = [
        bill_of(result["message"], standard_prices(), batch=batch, at=clock.now())[1]
        for result in results
        if result["type"] == "succeeded"
    ]
    return sum((cost.micro_usd for cost in costs if cost), Decimal(0))


def ledger_sum(system: System) -> Decimal:
    return sum((record["cost_micro_usd"] for record in system.items("LedgerTable")), Decimal(0))


# --- where content lies ---------------------------------------------------------------------------------------------


def test_nothing_of_a_batched_request_is_left_and_its_neighbours_answers_stay_where_they_were(system: System) -> None:
    asked = neighbours(system)
    ask(system)
    asked += neighbours(system)
    system.run_until_answered()
    assert folders_of(CANARY, system) == ["incoming", "results", "segments", "segments"]
    before, ledger = answers(system, asked), system.items("LedgerTable")
    forget(system)

    assert not places_of(CANARY, system)
    assert forgotten_at(system)
    assert answers(system, asked) == before
    assert system.items("LedgerTable") == ledger
    assert len(everything(system)) == len(system.objects(""))


def test_the_answers_line_still_says_what_was_used_so_that_the_ledger_equals_what_is_stored(system: System) -> None:
    ask(system)
    neighbours(system)
    system.run_until_answered()
    forget(system)

    assert ledger_sum(system) == stored_cost(system) == system.billed()
    row = system.row(CANARY) or {}
    line = system.answer(row)
    assert line["forgotten"] is True
    assert line["result"]["message"]["content"] == []
    assert (row["outcome"], row["outcome_reason"], "cost_micro_usd" in row) == ("succeeded", "end_turn", True)


def test_every_round_of_a_request_that_went_round_again_is_forgotten(system: System) -> None:
    ask(system)
    asked = neighbours(system)
    system.fault(route="batch_rows", outcome="expired", count=6)
    system.run_until_answered(rounds=3)
    assert folders_of(CANARY, system) == ["incoming"] * 3 + ["results"] * 3 + ["segments"] * 6
    before = answers(system, asked)
    forget(system)

    assert not places_of(CANARY, system)
    assert answers(system, asked) == before


def test_a_failed_request_whose_error_quotes_its_prompt_is_forgotten(system: System) -> None:
    ask(system)
    system.fault(route="create", fault="status", status=422, message=f"no such thing: {CANARY}")
    system.run()
    system.tick()
    system.run()
    asked = neighbours(system)
    system.run_until_answered()
    assert "no such thing" in str(system.answer(system.row(CANARY) or {}))
    forget(system)

    assert not places_of(CANARY, system)
    assert system.answer(system.row(CANARY) or {})["result"] == {
        "type": "errored",
        "error": {"type": "error", "error": {"type": "invalid_request_error"}},
    }
    assert [answer["result"]["type"] for answer in answers(system, asked)] == ["succeeded"] * 2


def test_a_half_that_is_still_to_be_sent_is_not_harmed_by_forgetting_in_the_other_half(system: System) -> None:
    ask(system)
    asked = neighbours(system, 3)
    system.fault(route="create", fault="status", status=413)
    system.deliver("RequestQueue")
    system.deliver("BatchQueue")
    first, second = sorted(batch["item_id"] for batch in system.batches() if batch["state"] == "SEALED")
    hold = {"next_action_at": {"Value": "2999-01-01T00:00:00.000Z"}}
    system.table("BatchesTable").update_item(Key={"item_id": second}, AttributeUpdates=hold)
    system.tick()
    system.run_until_answered()
    assert {batch["item_id"]: batch["state"] for batch in system.batches()}[first] == "COLLECTED"
    forget(system)
    assert not places_of(CANARY, system)

    due = {"next_action_at": {"Value": moments.to_text(clock.now())}}
    system.table("BatchesTable").update_item(Key={"item_id": second}, AttributeUpdates=due)
    system.tick()
    system.run_until_answered()
    assert [answer["result"]["type"] for answer in answers(system, asked)] == ["succeeded"] * 3
    assert not places_of(CANARY, system)


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        pytest.param("", ["results"], id="small"),
        pytest.param("word " * 80_000, ["requests", "results"], id="large"),
    ],
)
def test_nothing_of_an_urgent_request_is_left(system: System, text: str, folders: list[str]) -> None:
    ask_urgently(system, text, stop_sequences=[CANARY])
    system.run()
    assert folders_of(CANARY, system) == folders
    forget(system, workload="live-chat")

    assert not places_of(CANARY, system)
    assert not places_of("word word", system)
    assert ledger_sum(system) == stored_cost(system, batch=False) == system.billed()
    assert system.answer(system.row(CANARY, "live-chat") or {})["forgotten"] is True


def test_the_answer_of_an_attempt_that_was_overtaken_is_forgotten_too(system: System) -> None:
    ask_urgently(system)
    system.deliver("RequestQueue")
    record = {"Records": [system.record("RealtimeQueue")]}

    def overtake() -> None:
        system.pass_time(200)
        system.invoke("RealtimeInvokerFunction", record)

    system.meanwhile(connections.s3(), "s3.PutObject", overtake)
    system.invoke("RealtimeInvokerFunction", record)
    assert folders_of(CANARY, system) == ["results", "results"]
    forget(system, workload="live-chat")

    assert not places_of(CANARY, system)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("s3.PutObject", id="only-the-index-was-written"),
        pytest.param("dynamodb.PutItem", id="index-and-lines-were-written"),
    ],
)
def test_a_segment_that_a_dying_classifier_left_behind_is_forgotten(system: System, call: str) -> None:
    ask(system)
    client = connections.s3() if call.startswith("s3") else dynamo.client()
    system.crash(client, call, at=2)
    with pytest.raises(Killed):
        system.deliver("RequestQueue")
    system.pass_time(400)
    system.make_visible("RequestQueue")
    system.run_until_answered()
    assert len({key.partition(".")[0] for key in places_of(CANARY, system) if key.startswith("segments/")}) == 2
    accepted = moments.from_text((system.row(CANARY) or {})["accepted_at"])
    decoy = f"segments/{ulid(accepted - timedelta(milliseconds=5), bytes(10))}"
    Spool(connections.s3(), system.ids["ContentBucket"]).put(decoy, b"")  # moto drops the first key behind a marker
    forget(system)

    assert not places_of(CANARY, system)


def test_a_download_that_a_dying_collector_left_behind_is_forgotten(system: System) -> None:
    ask(system)
    asked = neighbours(system)
    system.run()
    system.let_batches_end()
    system.tick()
    system.crash(dynamo.client(), "dynamodb.UpdateItem", at=2)
    with pytest.raises(Killed):
        system.run()
    system.tick(in_seconds=300)
    system.run()
    assert folders_of(CANARY, system) == ["incoming", "incoming", "results", "segments", "segments"]
    forget(system)

    assert not places_of(CANARY, system)
    assert [answer["result"]["type"] for answer in answers(system, asked)] == ["succeeded"] * 2


def test_what_expired_is_forgotten_in_the_versions_that_are_still_kept(system: System) -> None:
    ask(system)
    neighbours(system)
    system.run_until_answered()
    for key in system.objects(""):
        boto3.client("s3").delete_object(Bucket=system.ids["ContentBucket"], Key=key)
    assert folders_of(CANARY, system) == ["incoming", "results", "segments", "segments"]
    forget(system)

    assert not places_of(CANARY, system)
    assert not system.objects("")


def test_a_round_that_its_row_does_not_name_is_forgotten_too(system: System) -> None:
    ask(system)
    system.fault(route="batch_rows", outcome="expired")
    system.run_until_answered(rounds=2)
    row = system.row(CANARY) or {}
    first = min(item["item_id"] for item in system.items("BatchesTable") if item["item_id"].startswith("segment#"))
    system.table("RequestsTable").put_item(Item=row | {"segment": first.removeprefix("segment#")})
    assert row["segment"] != first.removeprefix("segment#")
    forget(system)

    assert not places_of(CANARY, system)


def test_an_answer_that_lies_where_only_its_row_says_is_forgotten(system: System) -> None:
    ask_urgently(system)
    system.run()
    row, s3, bucket = system.row(CANARY, "live-chat") or {}, boto3.client("s3"), system.ids["ContentBucket"]
    place = "results/workload=live-chat/date=2026-01-01/late-k.jsonl"
    s3.copy_object(Bucket=bucket, Key=place, CopySource={"Bucket": bucket, "Key": row["answer_key"]})
    s3.delete_object(Bucket=bucket, Key=row["answer_key"])
    system.table("RequestsTable").put_item(Item=row | {"answer_key": place})
    forget(system, workload="live-chat")

    assert not places_of(CANARY, system)


def test_a_neighbour_that_names_the_request_is_left_alone(system: System) -> None:
    ask(system, "short")
    asked = [system.ask(metadata={"of": "short"}, params=params('What is "short"?')) for _ in range(2)]
    system.run_until_answered()
    before, kept = answers(system, asked), places_of('"of": "short"', system)
    forget(system, "short")

    assert answers(system, asked) == before
    assert places_of('"of": "short"', system) == kept


def test_what_its_producer_left_in_the_inbox_goes_with_every_version(system: System) -> None:
    s3, bucket, key = boto3.client("s3"), system.ids["ContentBucket"], f"inbox/content-pipeline/{CANARY}"
    body = json.dumps(params(f"Say {CANARY}")).encode()
    version = s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
    reference = {"key": key, "version": version, "sha256": hashlib.sha256(body).hexdigest()}
    system.send({"id": CANARY, "workload": "content-pipeline", "params_object": reference})
    system.run_until_answered()
    s3.put_object(Bucket=bucket, Key=key, Body="once more")
    s3.delete_object(Bucket=bucket, Key=key)
    s3.put_object(Bucket=bucket, Key="inbox/content-pipeline/another", Body="another request's")
    forget(system)

    listed = s3.list_object_versions(Bucket=bucket, Prefix="inbox/")
    assert [each["Key"] for each in listed["Versions"]] == ["inbox/content-pipeline/another"]
    assert "DeleteMarkers" not in listed
    assert not places_of(CANARY, system)


def test_a_rejected_message_goes_with_every_version(system: System) -> None:
    system.send("{" + CANARY)
    system.send("{another")
    system.run()
    (mine,) = [
        notice for notice in system.waiting("RejectedQueue") if notice["original"]["key"] in places_of(CANARY, system)
    ]
    boto3.client("s3").put_object(Bucket=system.ids["ContentBucket"], Key=mine["original"]["key"], Body=CANARY)
    deed = forgetting(system)
    deed.take_away(lambda: deed.look_for_rejected(mine["event_id"]))

    assert not places_of(CANARY, system)
    assert not [key for key, _ in everything(system) if mine["event_id"] in key]
    assert len(everything(system)) == 2


# --- when it may not be forgotten -----------------------------------------------------------------------------------


def test_a_request_is_not_forgotten_before_it_is_answered(system: System) -> None:
    ask(system)
    system.run()

    with pytest.raises(StillOnItsWayError, match="no answer yet"):
        forget(system)


def test_a_request_is_not_forgotten_before_its_batch_is_collected(system: System) -> None:
    ask(system)
    system.run()
    system.let_batches_end()
    system.tick()
    system.crash(connections.eventbridge(), "events.PutEvents")
    with pytest.raises(Killed):
        system.run()
    assert (system.row(CANARY) or {})["outcome"] == "succeeded"

    with pytest.raises(StillOnItsWayError, match="not collected"):
        forget(system)
    assert places_of(CANARY, system)


def test_a_request_is_not_forgotten_while_a_slow_function_may_still_write(system: System) -> None:
    ask(system)
    system.run_until_answered()
    deed, ended = forgetting(system), clock.now()
    request = deed.find("content-pipeline", CANARY, now=ended)

    for minutes in (1, 16):  # the collector's lease is counted too
        with pytest.raises(StillOnItsWayError, match="a moment ago"):
            deed.look(request, now=ended + timedelta(minutes=minutes))
    assert deed.look(request, now=ended + timedelta(minutes=18))


def test_a_request_that_waits_in_another_segment_is_not_forgotten(system: System) -> None:
    ask(system)
    system.run_until_answered()
    (row,) = [item for item in system.items("BatchesTable") if item["item_id"].startswith("segment#")]
    system.table("BatchesTable").put_item(Item=row | {"state": "READY"})

    with pytest.raises(StillOnItsWayError, match="waits for a batch"):
        forget(system)


def test_a_request_whose_batch_is_not_known_any_more_is_not_called_forgotten(system: System) -> None:
    ask(system)
    system.run_until_answered()
    system.table("BatchesTable").delete_item(Key={"item_id": system.batches()[0]["item_id"]})

    with pytest.raises(TraceLostError):
        forget(system)
    assert forgotten_at(system) is None


def test_a_prompt_whose_index_is_gone_is_not_called_forgotten(system: System) -> None:
    ask(system)
    system.run_until_answered()
    versions = forgetting(system).versions
    (index,) = [found for found in versions.objects("segments/") if found.key.endswith(".index.jsonl")]
    versions.delete(index.key, index.versions)

    with pytest.raises(TraceLostError):
        forget(system)
    assert forgotten_at(system) is None


def test_an_unknown_or_expired_request_is_not_found(system: System) -> None:
    ask(system)
    system.run_until_answered()
    deed = forgetting(system)
    for workload, request_id, now in [
        ("content-pipeline", "another", later()),
        ("live-chat", CANARY, later()),
        ("content-pipeline", CANARY, later() + timedelta(days=46)),
    ]:
        with pytest.raises(UnknownRequestError):
            deed.find(workload, request_id, now=now)


# --- crashes, repeats, others at the same time ----------------------------------------------------------------------

WRITES = ("s3.PutObject", "s3.DeleteObjects", "dynamodb.UpdateItem")
CALLS = 9  # four objects replaced, their old versions deleted, the row's note


def die(deed: Forgetting, moment: str, number: int) -> None:
    """Lets the operator's process die before or after its n-th write."""
    calls = itertools.count(1)

    def count(**_: Any) -> None:
        if next(calls) == number:
            raise Killed

    for call in WRITES:
        client = deed.versions.s3 if call.startswith("s3") else deed.requests.dynamodb
        client.meta.events.register(f"{moment}-call.{call}", count)


def test_a_crash_before_or_after_any_write_is_repaired_by_a_repeat_and_never_claims_too_much(system: System) -> None:
    crashes = list(itertools.product(["before", "after"], range(1, CALLS + 1)))
    names = [f"canary-{moment}-{number}@" for moment, number in crashes]
    for name in names:
        ask(system, name)
    asked = neighbours(system)
    system.run_until_answered()
    before, cost = answers(system, asked), ledger_sum(system)
    for name, (moment, number) in zip(names, crashes, strict=True):
        deed = forgetting(system)
        die(deed, moment, number)
        with pytest.raises(Killed):
            forget(system, name, by=deed)
        assert not (forgotten_at(system, name) and places_of(name, system))
        forget(system, name)
        assert forgotten_at(system, name)
        assert not places_of(name, system)

    assert answers(system, asked) == before
    assert ledger_sum(system) == cost == stored_cost(system)


def test_what_expired_is_found_again_after_a_crash_behind_every_single_write(system: System) -> None:
    ask(system)
    system.fault(route="batch_rows", outcome="expired", count=2)
    system.run_until_answered(rounds=3)
    for key in system.objects(""):
        boto3.client("s3").delete_object(Bucket=system.ids["ContentBucket"], Key=key)
    writes = 0
    while not forgotten_at(system) and writes < 20:
        deed = forgetting(system)
        die(deed, "after", 1)
        with pytest.raises(Killed):
            forget(system, by=deed)
        writes += 1

    assert writes == 13  # the versions of twelve objects, and the row's note
    assert not places_of(CANARY, system)


def test_forgetting_again_changes_nothing(system: System) -> None:
    ask(system)
    system.run_until_answered()
    forget(system)
    noted, before = forgotten_at(system), sorted(everything(system))
    forget(system)

    assert forgotten_at(system) == noted
    assert sorted(everything(system)) == before


@pytest.mark.parametrize(
    ("call", "at"),
    [
        pytest.param("s3.PutObject", 1, id="between-look-and-write"),
        pytest.param("s3.GetObject", 2, id="between-two-reads"),
        pytest.param("s3.DeleteObjects", 1, id="between-write-and-delete"),
    ],
)
def test_two_operators_at_once_do_not_bring_back_what_the_other_deletes(system: System, call: str, at: int) -> None:
    ask(system)
    ask(system, "other-canary")
    asked = neighbours(system)
    system.run_until_answered()
    before, deed = answers(system, asked), forgetting(system)
    for _ in range(at - 1):
        system.meanwhile(deed.versions.s3, call, lambda: None)
    system.meanwhile(deed.versions.s3, call, lambda: forget(system, "other-canary"))
    forget(system, by=deed)

    assert not places_of(CANARY, system)
    assert not places_of("other-canary", system)
    assert answers(system, asked) == before
    assert forgotten_at(system)
    assert forgotten_at(system, "other-canary")


def test_what_others_keep_writing_is_not_called_forgotten(system: System) -> None:
    ask(system)
    system.run_until_answered()
    deed, numbers = forgetting(system), itertools.count()
    (key,) = system.objects("results/")
    spool = Spool(connections.s3(), system.ids["ContentBucket"])
    text = spool.get(key)

    def write(**_: Any) -> None:
        next(numbers)
        spool.put(key, text)

    deed.versions.s3.meta.events.register("after-call.s3.DeleteObjects", write)
    with pytest.raises(ContentRemainsError):
        forget(system, by=deed)

    assert next(numbers) >= MOST_LOOKS
    assert forgotten_at(system) is None


def test_a_large_object_is_replaced_in_parts_and_only_where_nobody_else_has_written(system: System) -> None:
    ask(system)
    asked = neighbours(system)
    system.run_until_answered()
    (key,) = system.objects("results/")
    spool = Spool(connections.s3(), system.ids["ContentBucket"])
    text = spool.get(key)
    long = b"".join(b'{"id": "n", "result": "%s"}\n' % (b"x" * 1_000_000) for _ in range(20))
    spool.put(key, text + long)
    etag = boto3.client("s3").head_object(Bucket=spool.bucket, Key=key)["ETag"]
    before, deed = answers(system, asked), forgetting(system)
    parts: list[int] = []
    s3 = deed.versions.s3.meta.events
    s3.register("before-parameter-build.s3.UploadPart", lambda params, **_: parts.append(len(params["Body"])))
    conditions: list[str] = []
    s3.register(
        "before-parameter-build.s3.CompleteMultipartUpload", lambda params, **_: conditions.append(params["IfMatch"])
    )
    forget(system, by=deed)

    assert not places_of(CANARY, system)
    assert answers(system, asked) == before
    assert spool.get(key).endswith(long)
    assert max(parts) == PART
    assert conditions == [etag]


# --- afterwards -----------------------------------------------------------------------------------------------------


def test_a_message_that_comes_again_is_neither_run_nor_stored_again(system: System) -> None:
    ask(system)
    system.run_until_answered()
    forget(system)
    before = sorted(everything(system))
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    ask(system)
    system.run_until_answered()

    (event,) = [json.loads(entry["Detail"]) for call in heard for entry in call["Entries"]]
    place = event["answer"]
    assert json.loads(Spool(connections.s3(), place["bucket"]).get(place["key"], start=place["from"], end=place["to"]))[
        "forgotten"
    ]
    assert sorted(everything(system)) == before
    assert system.executed() == 1


def test_a_large_urgent_message_that_comes_late_finds_its_row_and_calls_nobody(system: System) -> None:
    ask_urgently(system, "word " * 80_000)
    system.deliver("RequestQueue")
    late = {"Records": [system.record("RealtimeQueue")]}
    system.invoke("RealtimeInvokerFunction", late)
    forget(system, workload="live-chat")

    assert system.invoke("RealtimeInvokerFunction", late) == {"batchItemFailures": []}
    assert system.executed() == 1
    assert not places_of(CANARY, system)


def test_what_was_set_aside_of_a_batch_that_was_not_whole_is_forgotten_too(system: System) -> None:
    ask(system, params=params(f"Say {CANARY} [[emulator: doubled]]"))
    neighbours(system)
    quarantined(system)
    release(system)
    collect(system, in_seconds=1)
    assert len(places_of("quarantine/", system)) == 2  # the odd line, and the whole download
    system.pass_time(3600)
    forget(system)

    assert not places_of("quarantine/", system)
    assert not places_of(CANARY, system)
