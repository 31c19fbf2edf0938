"""The promises, looked up from outside: tables, bucket, queues and bus against what Claude truly did and billed."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from lanekeeper.identity import params_hash
from tests.torture.world import Asked, World

CLOSED = {"COLLECTED", "SPLIT", "DROPPED"}
KINDS_UNSEEN = {"possible_duplicate", "rescue"}
INNER_DEAD_LETTERS = ("BatchDeadLetterQueue", "CollectDeadLetterQueue", "PollerDeadLetterQueue")


def violations(world: World) -> list[str]:
    """Every broken promise of a world at rest, in words."""
    world.claude.settle()
    return [*_lost(world), *_billed_twice(world), *_sums(world), *_left_open(world), *_events(world)]


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
    if (kind == "succeeded") != (row["outcome"] == "succeeded"):
        yield f"{asked.id}: {row['outcome']} with a result that {kind}"
    elif kind == "succeeded" and answer["result"]["message"]["content"][0]["text"] != f"answer to {_name(asked)}":
        yield f"{asked.id}: its answer answers another request"


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
    truth, answers = world.claude.truth, _entries(world, {"answer", "rescue"})
    seen = Decimal(0)
    for asked in world.asked:
        name = _name(asked)
        executed = truth.in_batch[name] + truth.in_realtime[name]
        if answers[asked.key] > truth.in_realtime[name]:
            yield f"{asked.id}: more answers in the ledger than Claude gave"
        if truth.in_realtime[name] and executed == truth.in_realtime[name]:
            seen += truth.micro_usd[name] / executed * answers[asked.key]
        elif executed:
            seen += truth.micro_usd[name]
    recorded = sum((row["cost_micro_usd"] or Decimal(0) for row in world.rows("LedgerTable")), Decimal(0))
    if recorded != seen:
        yield f"the ledger says {recorded}, Claude billed {seen} for what was seen"
    for row in world.rows("LedgerTable"):
        if row["kind"] == "answer" and row["cost_micro_usd"] is None:
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
        told[entry["DetailType"], json.loads(entry["Detail"])["event_id"]].add(entry["Detail"])
    for (kind, name), details in told.items():
        if len(details) > 1:
            yield f"{kind} {name}: told in {len(details)} versions"
    for row in world.rows("BatchesTable"):
        name = row["item_id"].removeprefix("batch#")
        if row.get("state") == "COLLECTED" and ("BatchCompleted", name) not in told:
            yield f"{row['item_id']}: collected and never told of"
    for row in world.rows("RequestsTable"):
        if row["lane"] == "realtime" and "outcome" in row and ("RequestCompleted", row["request_key"]) not in told:
            yield f"{row['request_key']}: ended in real time and never told of"


def _name(asked: Asked) -> str:
    return params_hash(asked.params)
