"""Forgetting one request: its content is in no version of any object, and everybody else's stays where it was."""

import itertools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from cli.forgetting import Forgetting, forgetting_in
from cli.journey import StillOnItsWayError
from lanekeeper import clock, connections
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


def forget(system: System, request_id: str = CANARY, workload: str = "content-pipeline") -> None:
    deed = forgetting(system)
    deed.forget(deed.find(workload, request_id, now=later()), now=later())


def ask(system: System, **fields: Any) -> str:
    """The request that is to be forgotten: a canary in its id, metadata and prompt, which the answer repeats."""
    return system.ask(id=CANARY, metadata={CANARY: CANARY}, **({"params": params(f"Say {CANARY}")} | fields))


def neighbours(system: System, count: int = 3) -> list[str]:
    return [system.ask(params=params(f"Number {number}.")) for number in range(count)]


def everything(system: System) -> dict[tuple[str, str], bytes]:
    """Every version of every object, by key and version."""
    s3, bucket = boto3.client("s3"), system.ids["ContentBucket"]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    found = [version for page in pages for version in page.get("Versions", [])]
    return {
        (each["Key"], each["VersionId"]): s3.get_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])[
            "Body"
        ].read()
        for each in found
    }


def places_of(text: str, system: System) -> set[str]:
    return {key for (key, _), body in everything(system).items() if text.encode() in body}


def answers(system: System, asked: list[str]) -> list[dict[str, Any]]:
    """What their rows' byte ranges hold."""
    return [system.answer(system.row(request_id) or {}) for request_id in asked]


def billed_by_usage(system: System) -> Decimal:
    return sum((record["cost_micro_usd"] for record in system.items("LedgerTable")), Decimal(0))


def test_nothing_of_a_batched_request_is_left_and_its_neighbours_are_untouched(system: System) -> None:
    asked = neighbours(system)
    ask(system)
    asked += neighbours(system)
    system.run_until_answered()
    assert {key.partition("/")[0] for key in places_of(CANARY, system)} == {"segments", "incoming", "results"}
    before, ledger = answers(system, asked), system.items("LedgerTable")
    forget(system)

    assert not places_of(CANARY, system)
    assert answers(system, asked) == before
    assert system.items("LedgerTable") == ledger
    assert len(everything(system)) == len(system.objects(""))
