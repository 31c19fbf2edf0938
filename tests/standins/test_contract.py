"""The stand-ins answer as moto does, call by call: what a run on them shows would also have been seen there."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from lanekeeper.spool import PART
from tests.standins.dynamodb import DynamoDB
from tests.standins.eventbridge import EventBridge
from tests.standins.s3 import S3
from tests.standins.sqs import Rules, Sqs
from tests.standins.steps import (
    DEAD_LETTERS,
    QUEUE,
    Step,
    change_row,
    changed,
    copy,
    delete,
    find,
    get,
    get_part,
    get_row,
    get_rows,
    head,
    hide,
    hide_many,
    keys,
    new,
    open_rows,
    put,
    put_events,
    put_pair,
    put_row,
    receive,
    scan_rows,
    send,
    send_one,
    transact_rows,
    upload,
    upload_that_fails,
)

UNLOCKED = {"when": "attribute_not_exists(#lock)"}
FREE = "#state = :was AND (attribute_not_exists(#until) OR #until < :now)"
LEASED = {"put": {"until": "3"}, "when": FREE, "was": "A", "now": "2"}
MINE = "attribute_not_exists(#batch) OR #batch = :mine"

SCRIPTS: dict[str, tuple[str, list[Step]]] = {
    "an-object": ("s3", [put("a", b"1"), get("a"), get("b"), put("a", b"22"), get("a"), head("a"), head("b")]),
    "only-if-absent": ("s3", [put("a", b"1", IfNoneMatch="*"), put("a", b"2", IfNoneMatch="*"), get("a")]),
    "versions": ("s3", [put("a", b"1"), put("a", b"22"), get("a", "put 0"), get("a", "put 1"), get("a", "none")]),
    "a-version-of-nothing": ("s3", [get("a", "none")]),
    "parts-of-an-object": (
        "s3",
        [put("a", b"012345")]
        + [get_part("a", part) for part in ("bytes=0-0", "bytes=2-3", "bytes=2-", "bytes=4-99", "bytes=6-")],
    ),
    "none-to-be-found": ("s3", [find("a"), put("a", b"1"), find("a")]),
    "a-listing": (
        "s3",
        [put("a/1", b"1"), put("b/1", b""), put("a/2", b"22"), put("a/2", b"333"), keys("a/"), keys("c")],
    ),
    "copies": (
        "s3",
        [put("a", b"1"), put("a", b"22"), copy("a", "b"), get("b"), copy("a", "b", "put 0"), get("b"), copy("c", "d")],
    ),
    "in-parts": ("s3", [upload("a", b"x" * PART, b"y"), head("a"), upload("b", b"z"), head("b"), get("b")]),
    "in-no-parts": ("s3", [upload("a"), get("a")]),
    "an-upload-that-fails": ("s3", [upload_that_fails("a"), get("a")]),
    "rows": ("dynamodb", [put_row("a", n=1), put_row("a", n=2), get_row("a"), get_row("b")]),
    "kinds-of-values": (
        "dynamodb",
        [
            put_row("a", none=None, yes=True, text="", list=[1, {"n": Decimal("0.5")}], map={}, tuple=(1,)),
            get_row("a"),
            put_row("b", n=0.5),
        ],
    ),
    "many-rows": ("dynamodb", [put_row("a"), put_row("b"), get_rows("a", "b", "c"), get_rows("c"), scan_rows]),
    "two-keys": (
        "dynamodb",
        [put_pair("d", "a", n=1), put_pair("d", "b"), put_pair("d", "a", n=2), put_pair("e", "a")],
    ),
    "a-change": (
        "dynamodb",
        [
            put_row("a", state="A", gone=1),
            change_row("a", put={"state": "B", "n": 2}, remove=["gone"], when="#state = :was", was="A"),
            get_row("a"),
            change_row("a", put={"state": "C"}, when="#state = :was", was="A"),
            get_row("a"),
        ],
    ),
    "a-change-of-nothing": (
        "dynamodb",
        [
            change_row("a", put={"x": 1}, when="#state = :was", was="A"),
            get_row("a"),
            change_row("a", put={"lock": "x"}, **UNLOCKED),
            get_row("a"),
            change_row("a", put={"lock": "y"}, **UNLOCKED),
            change_row("a", remove=["lock", "none"], when="#lock = :x", x="x"),
            get_row("a"),
        ],
    ),
    "a-lease": (
        "dynamodb",
        [
            put_row("a", state="A"),
            change_row("a", **LEASED),
            change_row("a", **LEASED),
            get_row("a"),
            change_row("a", **{**LEASED, "now": "4"}),
            change_row("a", **{**LEASED, "was": "B", "now": "4"}),
        ],
    ),
    "comparisons": (
        "dynamodb",
        [put_row("a", n=2, text="2")]
        + [
            change_row("a", put={"x": 1}, when=f"#{name} {sign} :v", v=value)
            for name, values in {"n": (1, 2, 3), "text": ("1", "2", "3"), "none": (1,)}.items()
            for value in values
            for sign in ("=", "<>", "<", "<=", ">", ">=")
        ]
        + [
            change_row("a", put={"x": 1}, when=when, v=2, w="2")
            for when in ("NOT #n = :v AND #text = :w", "#n = :v OR #n = :w AND #none = :v", "#n IN (:w, :v)")
        ]
        + [change_row("a", put={"x": 1}, when="#text IN (:v)", v=2)],
    ),
    "a-transaction": (
        "dynamodb",
        [
            put_row("s", state="READY"),
            transact_rows(new("b", n=1), changed("s", put={"batch": "b"}, when="#state = :r", r="READY")),
            get_row("s"),
            get_row("b"),
            transact_rows(new("c"), changed("s", put={"batch": "c"}, when="#state = :r", r="NOT")),
            get_row("c"),
            transact_rows(changed("l", put={"batch": "b"}, when="attribute_not_exists(#batch)"), new("b")),
            get_row("l"),
            transact_rows(changed("l", remove=["batch"], when=MINE, mine="b"), new("d")),
            get_row("l"),
            get_row("d"),
        ],
    ),
    "one-row-twice-in-a-transaction": ("dynamodb", [transact_rows(new("a"), new("a")), get_row("a")]),
    "an-index": (
        "dynamodb",
        [
            put_row("a", open_shard="1", next_action_at="3"),
            put_row("b", open_shard="1", next_action_at="1"),
            put_row("c", open_shard="2", next_action_at="1"),
            put_row("d", open_shard="1"),
            put_row("e", next_action_at="1"),
            open_rows("1"),
            open_rows("1", "1"),
            open_rows("1", "2"),
            open_rows("1", "0"),
            open_rows("3"),
            change_row("b", remove=["open_shard", "next_action_at"], when="attribute_exists(#key)"),
            open_rows("1"),
        ],
    ),
    "messages": ("sqs", [send("1", "2"), send_one("3"), send(*"12345678901")]),
    "too-much": ("sqs", [send("x" * 1_048_577), send_one("x" * 1_048_577), send("x" * 600_000, "x" * 600_000)]),
    "receives": (
        "sqs",
        [
            send("1", "2"),
            send_one("3", MessageGroupId="g"),
            send_one("later", DelaySeconds=900),
            receive(),
            receive(),
            hide("1", 0),
            receive(),
            delete("1"),
            hide("1", 0),
            delete("1"),
            receive(),
            hide("none", 0),
            delete("none"),
            hide_many(0, "2", "none", "3"),
            receive(1, VisibilityTimeout=0),
            receive(),
        ],
    ),
    "too-long-out-of-sight": ("sqs", [send("1"), receive(), hide("1", 43_201), hide("1", 43_000)]),
    "dead-letters": (
        "sqs",
        [send("1")] + [receive(VisibilityTimeout=0)] * 4 + [receive(queue=DEAD_LETTERS), receive()],
    ),
    "events": ("events", [put_events(1), put_events(10)]),
}


def stand_in(service: str) -> Any:
    rules = {QUEUE: Rules(dead_letters=DEAD_LETTERS, most_receives=3), DEAD_LETTERS: Rules()}
    keys = {"rows": ("key",), "pairs": ("day", "entry")}
    match service:
        case "s3":
            return S3()
        case "dynamodb":
            return DynamoDB(keys=keys, indexes={("rows", "open"): ("open_shard", "next_action_at")})
        case "sqs":
            return Sqs(rules)
    return EventBridge()


@pytest.fixture
def moto_account() -> Iterator[None]:
    with mock_aws():
        sqs = boto3.client("sqs")
        sqs.create_queue(QueueName="dead-letters")
        redrive = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead-letters", "maxReceiveCount": 3}
        sqs.create_queue(QueueName="queue", Attributes={"RedrivePolicy": json.dumps(redrive)})
        boto3.client("s3").create_bucket(Bucket="bucket")
        boto3.client("s3").put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        index = {"IndexName": "open", "Projection": {"ProjectionType": "ALL"}}
        create_table(
            "rows", "key", GlobalSecondaryIndexes=[index | {"KeySchema": schema("open_shard", "next_action_at")}]
        )
        create_table("pairs", "day", "entry")
        yield


def create_table(name: str, *keys: str, **more: Any) -> None:
    indexed = [*keys, *(key["AttributeName"] for index in more.values() for key in index[0]["KeySchema"])]
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=schema(*keys),
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in indexed],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )


def schema(*keys: str) -> list[Any]:
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_stand_in_answers_as_moto_does(moto_account: None, script: str) -> None:
    service, steps = SCRIPTS[script]
    assert run(steps, stand_in(service)) == run(steps, real(service))


def real(service: str) -> Any:
    return boto3.resource("dynamodb").meta.client if service == "dynamodb" else boto3.client(service)


def run(steps: list[Step], client: Any) -> list[Any]:
    known: dict[str, Any] = {}
    return [outcome(step, client, known) for step in steps]


def outcome(step: Step, client: Any, known: dict[str, Any]) -> Any:
    try:
        return step(client, known)
    except ClientError as error:
        return error.response["Error"]["Code"], json.dumps(error.response.get("Item"), default=str, sort_keys=True)
    except TypeError:
        return "boto3 does not take that"
