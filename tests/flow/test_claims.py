"""Params too large for a message: left in the workload's inbox, answered like others, never held by the dozen."""

import hashlib
import json
import tracemalloc
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lanekeeper import connections
from tests.system import System, params


def leave(system: System, request_id: str, content: dict[str, Any], **fields: Any) -> None:
    """A producer's two steps: the object, then the message that names it."""
    body = json.dumps(content).encode()
    workload = fields.setdefault("workload", "content-pipeline")
    key = f"inbox/{workload}/{request_id}.json"
    put = boto3.client("s3").put_object(Bucket=system.ids["ContentBucket"], Key=key, Body=body)
    reference = {"key": key, "version": put["VersionId"], "sha256": hashlib.sha256(body).hexdigest()}
    system.send({"id": request_id, "params_object": reference, **fields})


def picture(size: int) -> dict[str, Any]:
    """Params with an image of so many bytes: text of that length would be more than a model reads."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * size}}
    return params(messages=[{"role": "user", "content": [image]}])


@pytest.mark.parametrize("priority", ["normal", "high"])
def test_a_request_of_thirty_megabytes_is_answered_in_either_lane(system: System, priority: str) -> None:
    leave(system, "large", picture(30_000_000), priority=priority)
    system.run_until_answered()

    row = system.row("large") or {}
    assert row["outcome"] == "succeeded"
    assert system.answer(row)["id"] == "large"
    assert system.objects(f"requests/{row['request_key']}-claim-")
    assert "inbox" not in repr(system.items("RequestsTable"))
    assert system.executed() == 1


def test_params_by_reference_and_inline_are_the_same_request(system: System) -> None:
    leave(system, "same", params("hello"))
    system.ask(id="same", params=params("hello"))
    system.run_until_answered()

    assert not system.waiting("RejectedQueue")
    assert system.executed() == 1


def test_what_a_producer_writes_over_its_object_later_is_not_sent(system: System) -> None:
    leave(system, "first", params("the version that the message names"))
    boto3.client("s3").put_object(
        Bucket=system.ids["ContentBucket"], Key="inbox/content-pipeline/first.json", Body=b"{}"
    )
    system.run_until_answered()

    assert (system.row("first") or {})["outcome"] == "succeeded"


def test_large_requests_of_one_event_are_written_in_segments_that_a_batch_can_hold(system: System) -> None:
    for number in range(3):
        leave(system, f"large-{number}", picture(9_000_000))
    system.ask(id="small")
    system.deliver("RequestQueue")

    segments = [item for item in system.items("BatchesTable") if item["item_id"].startswith("segment#")]
    assert sorted(int(segment["count"]) for segment in segments) == [2, 2]
    assert max(int(segment["size"]) for segment in segments) < 32_000_000
    system.run_until_answered()
    assert all(row["outcome"] == "succeeded" for row in system.items("RequestsTable"))


def test_no_object_is_fetched_when_the_functions_time_is_nearly_over(system: System) -> None:
    leave(system, "large", params())
    small = system.ask()
    fetched = system.listen(connections.s3(), "s3.GetObject")
    system.deliver("RequestQueue", seconds=20)

    assert not fetched
    assert system.row(small) is not None
    system.make_visible("RequestQueue")
    system.run_until_answered()
    assert (system.row("large") or {})["outcome"] == "succeeded"


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param({"stop_sequences": [1] * 1_000_000}, id="wrong-items"),
        pytest.param({"system": [{}] * 600_000}, id="blocks-without-type"),
        pytest.param({"x" * 25_000_000: 1}, id="a-long-name"),
    ],
)
def test_a_wrong_object_costs_little_more_than_its_bytes(system: System, poison: dict[str, Any]) -> None:
    leave(system, "warm", params())
    system.deliver("RequestQueue")
    leave(system, "poison", params(**poison))
    tracemalloc.start()
    system.deliver("RequestQueue")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 200_000_000
    assert len(system.waiting("RejectedQueue")) == 1


def test_what_found_no_time_again_and_again_is_not_dead(system: System) -> None:
    leave(system, "large", params())
    for _ in range(12):
        system.deliver("RequestQueue", seconds=20)
        system.make_visible("RequestQueue")
    system.run_until_answered()

    assert (system.row("large") or {})["outcome"] == "succeeded"


@pytest.mark.parametrize("code", ["KeyTooLongError", "InvalidObjectState", "InvalidRequest"])
def test_an_object_that_s3_does_not_hand_out_is_turned_away_at_once(system: System, code: str) -> None:
    leave(system, "archived", params())
    refusal = ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")

    def refuse(**_: Any) -> None:
        raise refusal

    connections.s3().meta.events.register("before-call.s3.GetObject", refuse)
    system.deliver("RequestQueue")

    assert [notice["code"] for notice in system.waiting("RejectedQueue")] == ["object_missing"]


def test_every_object_that_a_requests_params_came_from_is_noted(system: System) -> None:
    for name in ("first", "second"):
        body = json.dumps(params()).encode()
        key = f"inbox/content-pipeline/{name}.json"
        put = boto3.client("s3").put_object(Bucket=system.ids["ContentBucket"], Key=key, Body=body)
        reference = {"key": key, "version": put["VersionId"], "sha256": hashlib.sha256(body).hexdigest()}
        system.send({"id": "same", "workload": "content-pipeline", "params_object": reference})
    system.deliver("RequestQueue")

    assert len(system.objects(f"requests/{(system.row('same') or {})['request_key']}-claim-")) == 2


def test_a_storage_that_does_not_answer_rejects_nothing(system: System) -> None:
    leave(system, "large", params())
    denied = {"Error": {"Code": "SlowDown", "Message": "later"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    waiting = [denied]

    def slow(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
        if waiting:
            http_response.status_code = 503
            parsed.clear()
            parsed.update(waiting.pop())

    connections.s3().meta.events.register_first("after-call.s3.GetObject", slow)
    system.deliver("RequestQueue")
    assert not system.waiting("RejectedQueue")
    system.make_visible("RequestQueue")
    system.run_until_answered()
    assert (system.row("large") or {})["outcome"] == "succeeded"


def test_large_requests_that_go_round_again_are_written_in_segments_that_fit_the_collectors_memory(
    system: System,
) -> None:
    system.monkeypatch.setattr("functions.collector.rebuffer.REBUFFERED_BYTES", 300_000)
    for number in range(3):
        system.ask(id=f"large-{number}", params=picture(140_000))
    system.fault(route="batch_rows", outcome="expired", count=3)
    system.run()
    system.let_batches_end()
    system.tick()
    system.deliver("CollectQueue")

    again = [item for item in system.items("BatchesTable") if "-r1-" in item["item_id"]]
    assert sorted(int(segment["count"]) for segment in again) == [1, 2]
    system.run_until_answered()
    assert all(row["outcome"] == "succeeded" for row in system.items("RequestsTable"))
