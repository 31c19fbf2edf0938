"""What a line becomes when its content is deleted: as long as before, readable, and without a word of the content."""

import json
from dataclasses import asdict
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanekeeper.forgotten import forgotten_answer, forgotten_entry, forgotten_message, forgotten_prompt
from lanekeeper.models import Entry
from lanekeeper.results import batch_result_line

WORD = "canary-ü"
USAGE = {"input_tokens": 3, "output_tokens": 5, "cache_creation": {"ephemeral_5m_input_tokens": 0}}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": WORD}],
    "stop_reason": "stop_sequence",
    "stop_sequence": WORD,
    "usage": USAGE,
}
ERROR = {"type": "error", "error": {"type": "invalid_request_error", "message": WORD}, "request_id": WORD}
ENTRY = Entry(
    id=WORD,
    workload="content-pipeline",
    key="k" * 64,
    content_hash="h" * 64,
    model="claude-sonnet-4-6",
    deadline="2026-11-26T07:22:36.153Z",
    metadata={WORD: [WORD]},
    round=1,
    start=10,
    end=200,
)


def compact(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def result(kind: str, entry: Entry = ENTRY, **fields: Any) -> bytes:
    """A stored row; the part that comes from Claude has no spaces to spare."""
    row = compact({"custom_id": "S_0", "result": {"type": kind, **fields}})
    return batch_result_line(row, entry, batch="B", ended_at="2026-11-25T08:30:00Z")


SHORTEST = Entry(**asdict(ENTRY) | {"id": "i", "metadata": {}})
ASKED = {"key": "k", "id": WORD, "workload": "live-chat", "model": "claude-sonnet-4-6", "metadata": {WORD: WORD}}
PARAMS = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": WORD}]}
message = partial(forgotten_message, key="k")

LINES = [
    pytest.param(forgotten_answer, result("succeeded", message=MESSAGE), id="succeeded"),
    pytest.param(forgotten_answer, result("errored", error=ERROR), id="errored"),
    pytest.param(forgotten_answer, result("errored", error=WORD), id="errored-oddly"),
    pytest.param(forgotten_answer, result("expired"), id="expired"),
    pytest.param(forgotten_answer, result("expired", SHORTEST), id="the-shortest-there-is"),
    pytest.param(forgotten_answer, result("succeeded", message=MESSAGE).rstrip(b"\n"), id="without-a-newline"),
    pytest.param(forgotten_prompt, compact({"custom_id": "S_0", "params": PARAMS}) + b"\n", id="prompt"),
    pytest.param(forgotten_entry, json.dumps(asdict(ENTRY), ensure_ascii=False).encode() + b"\n", id="entry"),
    pytest.param(forgotten_entry, compact(asdict(SHORTEST)) + b"\n", id="the-shortest-entry"),
    pytest.param(message, compact(ASKED | {"params": PARAMS}), id="large-request-in-one"),
    pytest.param(message, compact(ASKED) + b"\n", id="who-asks"),
    pytest.param(message, compact(PARAMS), id="what-is-asked"),
    pytest.param(message, compact(PARAMS | ASKED | {"key": WORD}), id="what-is-asked-looking-like-who-asks"),
]


@pytest.mark.parametrize(("forgotten", "line"), LINES)
def test_a_line_keeps_its_length_and_stays_json_without_the_content(forgotten: Any, line: bytes) -> None:
    left = forgotten(line)

    assert len(left) == len(line)
    assert left.endswith(b"\n") == line.endswith(b"\n")
    assert isinstance(json.loads(left), dict)
    assert WORD.encode() not in left


@pytest.mark.parametrize(("forgotten", "line"), LINES)
def test_done_again_it_changes_nothing(forgotten: Any, line: bytes) -> None:
    assert forgotten(forgotten(line)) == forgotten(line)


def test_an_answer_keeps_its_names_its_states_and_its_usage() -> None:
    assert json.loads(forgotten_answer(result("succeeded", message=MESSAGE))) == {
        "workload": "content-pipeline",
        "batch": "B",
        "ended_at": "2026-11-25T08:30:00Z",
        "custom_id": "S_0",
        "forgotten": True,
        "result": {
            "type": "succeeded",
            "message": {"model": "claude-sonnet-4-6", "stop_reason": "stop_sequence", "usage": USAGE, "content": []},
        },
    }


def test_an_error_keeps_its_type() -> None:
    left = json.loads(forgotten_answer(result("errored", error=ERROR)))

    assert left["result"] == {"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request_error"}}}


def test_an_entry_is_still_one_and_its_place_still_known() -> None:
    line = json.dumps(asdict(ENTRY)).encode() + b"\n"

    assert Entry(**json.loads(forgotten_entry(line))) == Entry(**asdict(ENTRY) | {"id": "", "metadata": {}})


def test_a_number_that_python_spells_longer_leaves_no_content_either() -> None:
    usage = b'{"input_tokens":[' + b"1e15," * 40 + b"1]}"
    row = (
        b'{"custom_id":"S_0","result":{"type":"succeeded","message":{"model":"m","content":[],"usage":' + usage + b"}}}"
    )
    line = batch_result_line(row, SHORTEST, batch="B", ended_at="2026-11-25T08:30:00Z")
    left = forgotten_answer(line)

    assert len(left) == len(line)
    assert json.loads(left) == {"forgotten": True}


@given(
    st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])),
    st.dictionaries(st.text(max_size=3, alphabet="abc"), st.text(max_size=3, alphabet="abc"), max_size=2),
    st.sampled_from(["expired", "canceled", "errored"]),
)
def test_whatever_the_id_there_is_room_for_what_stays(name: str, metadata: dict[str, str], kind: str) -> None:
    line = result(kind, Entry(**asdict(ENTRY) | {"id": name, "metadata": metadata}))
    left = forgotten_answer(line)

    assert len(left) == len(line)
    assert json.loads(left)["result"] == {"type": kind}
