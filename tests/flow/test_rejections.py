"""Each reason for turning a message away, through the real queue, with good neighbours before and behind it."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from lanekeeper import connections
from lanekeeper.rejections import RejectionCode
from tests.system import System, params


def message(**fields: Any) -> str:
    """A request that would be accepted, but for these fields."""
    return json.dumps({"id": "stranger", "workload": "content-pipeline", "params": params(), **fields})


def claim(body: bytes, *, place: str = "inbox/content-pipeline/large.json", **fields: str) -> Callable[[System], str]:
    """A message whose params lie in the bucket; the object is put first."""

    def put(system: System) -> str:
        put = boto3.client("s3").put_object(Bucket=system.ids["ContentBucket"], Key=place, Body=body)
        reference = {"key": place, "version": put["VersionId"], "sha256": hashlib.sha256(body).hexdigest(), **fields}
        return json.dumps({"id": "stranger", "workload": "content-pipeline", "params_object": reference})

    return put


GOOD = json.dumps(params()).encode()

BAD: dict[str, tuple[RejectionCode, str | Callable[[System], str]]] = {
    "not-json": (RejectionCode.INVALID_JSON, "{"),
    "nan": (RejectionCode.INVALID_JSON, message(metadata={"x": float("nan")})),
    "lone-surrogate": (RejectionCode.INVALID_JSON, message(metadata={"x": "\ud800"})),
    "giant-integer": (RejectionCode.INVALID_JSON, message().replace("100", "9" * 5000)),
    "nested-without-end": (RejectionCode.INVALID_JSON, "[" * 9_000 + "]" * 9_000),
    "beyond-a-float": (RejectionCode.INVALID_JSON, message(metadata={"x": 1}).replace('"x": 1', '"x": 1e999')),
    "object-not-utf-8": (RejectionCode.INVALID_JSON, claim(b'{"model": "\xff"}')),
    "doubled-key": (RejectionCode.DUPLICATE_KEY, message().replace('"id"', '"workload": "w", "id"')),
    "doubled-key-within": (RejectionCode.DUPLICATE_KEY, claim(b'{"a": {"b": 1, "b": 2}}')),
    "no-params": (RejectionCode.MISSING_FIELD, '{"id": "stranger", "workload": "content-pipeline"}'),
    "no-model": (RejectionCode.MISSING_FIELD, message(params={"max_tokens": 1, "messages": []})),
    "a-list": (RejectionCode.INVALID_FIELD, "[]"),
    "object-a-list": (RejectionCode.INVALID_FIELD, claim(b"[]")),
    "empty-id": (RejectionCode.INVALID_FIELD, message(id="")),
    "no-tokens": (RejectionCode.INVALID_FIELD, message(params=params(max_tokens=0))),
    "no-turn": (RejectionCode.INVALID_FIELD, message(params=params(messages=["hello"]))),
    "unknown-field": (RejectionCode.UNKNOWN_FIELD, message(colour="red")),
    "unknown-workload": (RejectionCode.UNKNOWN_WORKLOAD, message(workload="content-pipelin")),
    "two-deadlines": (RejectionCode.TWO_DEADLINES, message(deadline="2099-01-01T00:00:00Z", max_latency_minutes=90)),
    "no-time": (RejectionCode.INVALID_DEADLINE, message(deadline="tomorrow")),
    "past": (RejectionCode.DEADLINE_PAST, message(deadline="2020-01-01T00:00:00Z")),
    "two-params": (
        RejectionCode.TWO_PARAMS,
        message(params_object={"key": "inbox/content-pipeline/x", "version": "1", "sha256": "0" * 64}),
    ),
    "unknown-param": (RejectionCode.UNKNOWN_PARAM, message(params=params(temprature=1))),
    "beta": (RejectionCode.NEEDS_BETA, message(params=params(mcp_servers=[]))),
    "fast-mode": (RejectionCode.NOT_IN_BATCHES, message(params=params(speed="fast"))),
    "stream": (RejectionCode.STREAMING, message(params=params(stream=True))),
    "dated-model": (RejectionCode.UNKNOWN_MODEL, message(params=params(model="claude-sonnet-4-6-20250929"))),
    "sampling": (RejectionCode.UNSUPPORTED_BY_MODEL, message(params=params(model="claude-opus-4-7", temperature=0.2))),
    "too-many-tokens": (RejectionCode.MAX_TOKENS_TOO_LARGE, message(params=params(max_tokens=21_334))),
    "anothers-inbox": (RejectionCode.OBJECT_FOREIGN, claim(GOOD, place="inbox/live-chat/large.json")),
    "our-own-folder": (RejectionCode.OBJECT_FOREIGN, claim(GOOD, place="segments/large.json")),
    "upwards": (RejectionCode.OBJECT_FOREIGN, claim(GOOD, place="inbox/content-pipeline/../../results/x")),
    "no-version": (RejectionCode.OBJECT_MISSING, claim(GOOD, version="3f2a9c0e-0000-0000-0000-000000000000")),
    "no-object": (RejectionCode.OBJECT_MISSING, claim(GOOD, key="inbox/content-pipeline/elsewhere.json")),
    "another-hash": (RejectionCode.OBJECT_CHANGED, claim(GOOD, sha256="0" * 64)),
    "ten-million-lists": (RejectionCode.OBJECT_TOO_LARGE, claim(b'{"tools": [' + b"[]," * 1_000_001 + b"[]]}")),
    "oversized": (RejectionCode.OBJECT_TOO_LARGE, claim(b" " * 32_000_001)),
}


@pytest.mark.parametrize(("code", "bad"), [pytest.param(*case, id=name) for name, case in BAD.items()])
def test_a_bad_message_is_turned_away_at_its_first_receive_and_its_neighbours_are_served(
    system: System, code: RejectionCode, bad: str | Callable[[System], str]
) -> None:
    before = system.ask()
    body = bad if isinstance(bad, str) else bad(system)
    system.send(body)
    after = system.ask(priority="high")
    heard = system.listen(connections.eventbridge(), "events.PutEvents")
    system.deliver("RequestQueue")

    assert system.deliver("RequestQueue") == 0  # none of the three comes again
    (notice,) = system.waiting("RejectedQueue")
    assert (notice["code"], bool(notice["sentence"])) == (code, True)
    assert stored(system, notice["original"]["key"]) == body.encode(errors="surrogatepass")
    assert json.loads(stored(system, f"rejected/{notice['event_id']}.json")) == notice
    assert [json.loads(entry["Detail"]) for call in heard for entry in call["Entries"]] == [notice]
    assert {row["request_key"]: row["lane"] for row in system.items("RequestsTable")} == {
        (system.row(before) or {})["request_key"]: "batch",
        (system.row(after) or {})["request_key"]: "realtime",
    }


def test_a_request_under_a_taken_id_is_turned_away_and_the_first_stands(system: System) -> None:
    system.ask(id="same", params=params("first"))
    system.ask(id="same", params=params("second"))
    neighbour = system.ask()
    system.run_until_answered()

    (notice,) = system.waiting("RejectedQueue")
    assert notice["code"] == RejectionCode.CONFLICT
    assert all((system.row(asked) or {})["outcome"] == "succeeded" for asked in ("same", neighbour))
    assert system.executed() == 2


def test_every_code_has_its_test() -> None:
    assert {code for code, _ in BAD.values()} | {RejectionCode.CONFLICT} == set(RejectionCode)


def test_a_rejection_occupies_no_id(system: System) -> None:
    system.ask(id="same", params=params(max_tokens=0))
    system.deliver("RequestQueue")
    system.ask(id="same")
    system.run_until_answered()

    assert (system.row("same") or {})["outcome"] == "succeeded"


def test_a_flood_of_bad_messages_is_told_of_in_packs(system: System) -> None:
    for _ in range(10):
        system.send("{")
    queue = system.listen(connections.sqs(), "sqs.SendMessageBatch")
    bus = system.listen(connections.eventbridge(), "events.PutEvents")
    system.deliver("RequestQueue")

    assert [len(call["Entries"]) for call in (*queue, *bus)] == [10, 10]


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        pytest.param({"params": params(model="claude-sonnet-4-6-20250929")}, "claude-sonnet-4-6?", id="model"),
        pytest.param({"params": params(max_token=1)}, "max_tokens?", id="param"),
        pytest.param({"workload": "content-pipelne"}, "content-pipeline?", id="workload"),
    ],
)
def test_a_mistaken_name_is_answered_with_the_nearest_known_one(
    system: System, fields: dict[str, Any], hint: str
) -> None:
    system.send(message(**fields))
    system.deliver("RequestQueue")

    (notice,) = system.waiting("RejectedQueue")
    assert notice["sentence"].endswith(f"did you mean {hint}")


def test_an_original_that_cannot_be_kept_keeps_its_message_on_the_queue(system: System) -> None:
    system.send("{")
    system.send("[")
    connections.s3().meta.events.register_first("before-call.s3.PutObject", refuse_once())
    system.deliver("RequestQueue")

    assert len(system.waiting("RejectedQueue")) == 1
    system.make_visible("RequestQueue")
    system.deliver("RequestQueue")
    assert len(system.waiting("RejectedQueue")) == 2


def refuse_once() -> Callable[..., None]:
    waiting = [OSError("the network is gone")]

    def refuse(**_: object) -> None:
        if waiting:
            raise waiting.pop()

    return refuse


def stored(system: System, key: str) -> bytes:
    return boto3.client("s3").get_object(Bucket=system.ids["ContentBucket"], Key=key)["Body"].read()
