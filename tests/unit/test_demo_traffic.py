"""The demo's producer: every line of a file is sent, in calls that SQS takes."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from lanekeeper.client import sending
from lanekeeper.client.sending import MOST_BYTES, packs, size_of
from lanekeeper.identity import request_key
from local.demo.options import DAILY_REQUESTS
from local.demo.traffic import Line, line_of, read_lines, send


def lines(*sizes: int) -> list[Line]:
    return [line_of(number, "x" * size) for number, size in enumerate(sizes, start=1)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([1] * 23, [10, 10, 3], id="ten messages a call"),
        pytest.param([400_000] * 5, [2, 2, 1], id="a mebibyte a call"),
        pytest.param([MOST_BYTES, 1, 1], [1, 2], id="one fills a call"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_a_call_holds_ten_messages_and_a_mebibyte_at_most(sizes: list[int], expected: list[int]) -> None:
    assert [len(pack) for pack in packs(lines(*sizes))] == expected


def test_the_daily_file_is_packed_whole_and_in_order() -> None:
    packed = list(packs(read_lines(DAILY_REQUESTS)))
    assert [line.number for pack in packed for line in pack] == list(range(1, 361))
    assert max(sum(map(size_of, pack)) for pack in packed) <= MOST_BYTES


def test_bad_lines_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    good = json.dumps({"id": "a", "workload": "live-chat"})
    path.write_bytes(
        b"\xef\xbb\xbf" + good.encode() + b"\r\n\n[1]\nnot json\n" + b'{"id": 7}\n' + b"[" * 50_000 + b"\n\xff\n"
    )
    read = read_lines(path)
    assert [line.number for line in read] == [1, 3, 4, 5, 6, 7]
    assert read[0].key == request_key("live-chat", "a")
    assert {line.key for line in read[1:]} == {None}


@pytest.mark.parametrize(
    ("workload", "group"),
    [
        pytest.param("live-chat", "live-chat", id="a workload"),
        pytest.param("two words", "unreadable", id="blank"),
        pytest.param("w" * 129, "unreadable", id="too long"),
        pytest.param("naïve", "unreadable", id="not ASCII"),
        pytest.param(7, "unreadable", id="no text"),
        pytest.param("", "unreadable", id="empty"),
    ],
)
def test_the_group_is_the_workload_where_sqs_allows_it(workload: Any, group: str) -> None:
    assert line_of(1, json.dumps({"id": "a", "workload": workload})).group == group


def test_each_line_arrives_once_in_its_workloads_group(aws: None) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="requests")["QueueUrl"]
    texts = [json.dumps({"id": str(n), "workload": "live-chat" if n % 2 else "code-review"}) for n in range(12)]
    sent = [one for pack in send(sqs, url, [line_of(n, text) for n, text in enumerate(texts)]) for one in pack]
    received = [message for _ in range(3) for message in _receive(sqs, url)]
    assert sorted(message["Body"] for message in received) == sorted(texts)
    assert {one.message_id for one in sent} == {message["MessageId"] for message in received}
    for message in received:
        assert message["Attributes"]["MessageGroupId"] == json.loads(message["Body"])["workload"]


def test_what_is_too_long_for_a_message_is_not_sent(aws: None) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="requests")["QueueUrl"]
    sent = [one for pack in send(sqs, url, lines(1, MOST_BYTES + 1, 1)) for one in pack]
    assert sorted((one.line.number, one.refusal) for one in sent) == [(1, None), (2, "message_too_long"), (3, None)]


def test_a_line_for_which_sqs_refuses_a_whole_call_is_refused_alone(aws: None) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="requests")["QueueUrl"]
    receipts = sending.send_pack(sqs, url, lines(1, MOST_BYTES + 1, 1))
    assert [receipt.message_id is not None for receipt in receipts] == [True, False, True]
    assert receipts[1].code


def _receive(sqs: Any, url: str) -> list[Any]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
    return list(answer.get("Messages", []))
