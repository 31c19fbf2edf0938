"""What a world has come to, as one hash: exactly, or as far as it is a matter of the requests and not of chance."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tests.torture.world import World

TABLES = ("RequestsTable", "BatchesTable", "LedgerTable")


def exact(world: World) -> str:
    """Every row, every object as it is now, every execution at Claude."""
    rows = {table: sorted(map(_text, world.rows(table))) for table in TABLES}
    objects = {key: _hash(versions[-1]) for key, versions in world.account.s3.objects.items() if versions}
    truth = world.claude.truth
    return _hash(_text([rows, objects, truth.in_batch, truth.in_realtime, len(world.claude.batches)]).encode())


def of_requests(world: World) -> str:
    """Every request's end, answer and bill, whatever batch it rode in and whenever."""
    rows = {row["request_key"]: row for row in world.rows("RequestsTable")}
    bills = _bills(world)
    return _hash(_text({asked.key: _end(world, rows[asked.key], bills) for asked in world.asked}).encode())


def _end(world: World, row: Mapping[str, Any], bills: Mapping[str, list[str]]) -> list[Any]:
    answer = world.account.s3.objects[row["answer_key"]][-1][int(row["answer_from"]) : int(row["answer_to"])]
    result = json.loads(answer)["result"]
    result.pop("error", None)  # a batch and a call word it differently
    return [
        row["outcome"],
        row["outcome_reason"],
        row["lane"],
        row["cost_micro_usd"],
        result,
        bills[row["request_key"]],
    ]


def _bills(world: World) -> Mapping[str, list[str]]:
    """What the ledger says of each request's calls in real time, and of each batch row by its answer."""
    bills = defaultdict(list)
    for row in world.rows("LedgerTable"):
        if row["entry"].startswith("realtime#"):
            bills[row["entry"].split("#")[1]].append(f"{row['kind']} {row['cost_micro_usd']}")
    return defaultdict(list, {key: sorted(found) for key, found in bills.items()})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
