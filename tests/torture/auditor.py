"""The promises, looked up from outside: tables, bucket, queues and bus against what Claude truly did and billed."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from lanekeeper import moments
from lanekeeper.given_up import DEADLINE_PASSED
from lanekeeper.identity import params_hash
from lanekeeper.policy import OnLate
from tests.torture.world import Asked, World

DISTURBED = timedelta(minutes=20)  # so long, ticks may fail before one tells of a deadline; one failure is promised
CLOSED = {"COLLECTED", "SPLIT", "DROPPED"}
KINDS_UNSEEN = {"possible_duplicate", "rescue"}
# Told at the door before anything is known of the request: of that message alone, and it may have been sent twice.
OWN: dict[str, dict[str, None]] = {"DeadlineEndangered": {"deadline": None, "lane": None}}
INNER_DEAD_LETTERS = ("BatchDeadLetterQueue", "CollectDeadLetterQueue", "PollerDeadLetterQueue")


def violations(world: World) -> list[str]:
    """Every broken promise of a world at rest, in words."""
    world.claude.settle()
    found = (_lost, _billed_twice, _sums, _left_open, _events, _told)
    return [violation for look in found for violation in look(world)]


# P1


def _lost(world: World) -> Iterator[str]:
    rows = {row["request_key"]: row for row in world.rows("RequestsTable")}
    dead = _dead_letters(world)
    for asked in world.asked:
        row = rows.get(asked.key)
        if row is not None and "outcome" in row:
            yield from _answer(world, asked, row)
        elif asked.id not in dead:
            yield f"{asked.id}: no terminal state" + ("" if row else ", not even a row")
    for held in world.account.sqs.expired:
        yield f"{held.id}: expired in its queue"


def _dead_letters(world: World) -> set[str]:
    bodies = [
        json.loads(body)
        for queue in ("RequestDeadLetterQueue", "RealtimeDeadLetterQueue")
        for body in world.account.sqs.bodies(queue)
    ]
    return {str(body.get("id")) for body in bodies}


def _answer(world: World, asked: Asked, row: Mapping[str, Any]) -> Iterator[str]:
    versions = world.account.s3.objects.get(row["answer_key"], [])
    if not versions:
        yield f"{asked.id}: its answer's object is missing"
        return
    line = versions[-1][int(row["answer_from"]) : int(row["answer_to"])]
    try:
        answer = json.loads(line)
    except ValueError:
        yield f"{asked.id}: its answer cannot be read"
        return
    if (answer["id"], answer["workload"]) != (asked.id, asked.workload):
        yield f"{asked.id}: its answer is somebody else's"
    kind = answer["result"]["type"]
    if row["outcome_reason"] == DEADLINE_PASSED:
        yield from _unwanted(world, asked, row)
    elif (kind == "succeeded") != (row["outcome"] == "succeeded"):
        yield f"{asked.id}: {row['outcome']} with a result that {kind}"
    elif kind == "succeeded" and answer["result"]["message"]["content"][0]["text"] != f"answer to {_name(asked)}":
        yield f"{asked.id}: its answer answers another request"
    elif kind != "succeeded" and world.claude.truth.in_batch[_name(asked)]:
        yield f"{asked.id}: {row['outcome_reason']}, although a batch answered it"


def _unwanted(world: World, asked: Asked, row: Mapping[str, Any]) -> Iterator[str]:
    """An answer that came too late to be wanted."""
    if row["outcome"] == "succeeded" or world.registry[asked.workload].on_late is not OnLate.FAIL:
        yield f"{asked.id}: given up, although its workload wants late answers"
    if row["finished_at"] < row["deadline"]:
        yield f"{asked.id}: given up before its deadline"


# P2


def _billed_twice(world: World) -> Iterator[str]:
    truth, unseen = world.claude.truth, _entries(world, KINDS_UNSEEN)
    owners = {row["item_id"] for row in world.rows("BatchesTable") if row["item_id"].startswith("claude#")}
    for made in world.claude.batches:
        if f"claude#{made.id}" not in owners:
            yield f"{made.id}: a batch at Claude that nobody owns"
    for asked in world.asked:
        in_batch, in_realtime = truth.in_batch[_name(asked)], truth.in_realtime[_name(asked)]
        if in_batch > 1:
            yield f"{asked.id}: billed {in_batch} times in batches"
        if in_batch + in_realtime - 1 > unseen[asked.key]:
            yield f"{asked.id}: executed {in_batch}+{in_realtime} times, {unseen[asked.key]} possible duplicates"


def _entries(world: World, kinds: set[str]) -> Counter[str]:
    """How many ledger rows of these kinds a request has."""
    rows = [row for row in world.rows("LedgerTable") if row["kind"] in kinds]
    return Counter(row["entry"].split("#")[1] for row in rows if row["entry"].startswith("realtime#"))


# P4


def _sums(world: World) -> Iterator[str]:
    """Each batch's bill and each real-time answer stands in the ledger; what was paid unseen has a row that says so."""
    truth, answers = world.claude.truth, _entries(world, {"answer", "rescue"})
    unseen, expected = _entries(world, {"possible_duplicate"}), truth.micro_usd_in_batch
    for asked in world.asked:
        name, seen = _name(asked), answers[asked.key]
        if not 0 <= truth.in_realtime[name] - seen <= unseen[asked.key]:
            known = f"{seen}+{unseen[asked.key]} in the ledger"
            yield f"{asked.id}: {truth.in_realtime[name]} answers in real time, {known}"
        expected += seen * truth.micro_usd_in_realtime.get(name, 0)
    recorded = sum((row["cost_micro_usd"] or Decimal(0) for row in world.rows("LedgerTable")), Decimal(0))
    if recorded != expected:
        yield f"the ledger says {recorded}, Claude billed {expected} for what was seen"
    for row in world.rows("LedgerTable"):
        if row["kind"] in {"answer", "rescue"} and row["cost_micro_usd"] is None:
            yield f"{row['entry']}: an answer without a price"


# P3, and nothing stands still


def _left_open(world: World) -> Iterator[str]:
    for row in world.rows("BatchesTable"):
        if (trouble := _trouble(row)) is not None:
            yield f"{row['item_id']}: {trouble}"
    for row in world.rows("RequestsTable"):
        if "lease_until" in row:
            yield f"{row['request_key']}: a lease is left"
    for queue in INNER_DEAD_LETTERS:
        if world.account.sqs.messages(queue):
            yield f"{queue} is not empty"


def _trouble(row: Mapping[str, Any]) -> str | None:
    """Why a row of the batches table is not at rest."""
    match row["item_id"].partition("#")[0]:
        case "batch" if row["state"] not in CLOSED:
            return f"still {row['state']}"
        case "segment" if row["state"] == "READY":
            return "still READY"
        case "count" if "batch" in row:
            return f"locked by {row['batch']}"
    return "still in the index" if "open_shard" in row else None


def _events(world: World) -> Iterator[str]:
    """A repeated event says the same; every batch and every real-time request has one."""
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in world.account.eventbridge.put:
        detail = json.loads(entry["Detail"])
        told[entry["DetailType"], detail["event_id"]].add(json.dumps(detail | OWN.get(entry["DetailType"], {})))
    for (kind, name), details in told.items():
        if len(details) > 1:
            yield f"{kind} {name}: told in {len(details)} versions"
    for row in world.rows("BatchesTable"):
        name = row["item_id"].removeprefix("batch#")
        if row.get("state") == "COLLECTED" and ("BatchCompleted", name) not in told and _notify(world, row) != "none":
            yield f"{row['item_id']}: collected and never told of"
    for row in world.rows("RequestsTable"):
        is_told = ("RequestCompleted", row["request_key"]) in told
        if "outcome" in row and not is_told and _notify(world, row) in _tells(row):
            yield f"{row['request_key']}: {row['outcome_reason']}, and never told of"


def _tells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The wishes that an event of this request's own follows: an answer in a batch's object may be told with it."""
    return ("batch", "each") if "/realtime-" in row["answer_key"] or "/late-" in row["answer_key"] else ("each",)


def _notify(world: World, row: Mapping[str, Any]) -> str:
    return world.registry[row["workload"]].notify.value


# P8


def _told(world: World) -> Iterator[str]:
    """A late request has been told of; one that only its rescue has left waits like any urgent one, for its receive."""
    for row in world.rows("RequestsTable"):
        if "late" not in row or "segment" not in row or "endangered_at" in row:
            continue
        late = moments.from_text(row["finished_at"]) - moments.from_text(row["deadline"])
        if late > world.clocks_differ + DISTURBED:
            yield f"{row['request_key']}: {late} late, and never told of"


def _name(asked: Asked) -> str:
    return params_hash(asked.params)
