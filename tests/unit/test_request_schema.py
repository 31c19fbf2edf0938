"""The published schema and the code agree on the form of a message, on good ones and on a thousand damaged ones."""

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from lanekeeper.errors import RejectedError
from lanekeeper.intake import FIELDS, MOST_METADATA, accept, read_message
from lanekeeper.params import KNOWN, MAX_TOKENS
from lanekeeper.policy import registry_of
from lanekeeper.pricing import standard_prices
from lanekeeper.rejections import RejectionCode
from tests.hostile import mutant
from tests.system import params

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/schemas/request.schema.json").read_text())
REGISTRY = registry_of(yaml.safe_load((ROOT / "workloads.yaml").read_text()))
VALIDATOR = Draft202012Validator(SCHEMA)
SENT_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)

# What a message's form cannot tell: JSON itself, names that only the deployment knows, times, and what models take.
BEYOND_A_SCHEMA = {
    RejectionCode.INVALID_JSON,
    RejectionCode.DUPLICATE_KEY,
    RejectionCode.UNKNOWN_WORKLOAD,
    RejectionCode.UNKNOWN_MODEL,
    RejectionCode.UNSUPPORTED_BY_MODEL,
    RejectionCode.INVALID_DEADLINE,
    RejectionCode.DEADLINE_PAST,
    RejectionCode.OBJECT_FOREIGN,
}


def code_of(text: str) -> RejectionCode | None:
    """How the code rejects a message without its object; None where it would not."""
    try:
        message = read_message(text, registry=REGISTRY)
        if message.params is not None:
            accept(message, message.params, sent_at=SENT_AT, registry=REGISTRY, prices=standard_prices())
    except RejectedError as error:
        return RejectionCode(error.code)
    return None


def document_of(text: str) -> Any:
    """The message's JSON as the code reads it; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def has_large_metadata(document: Any) -> bool:
    """A schema counts no bytes."""
    return isinstance(document, dict) and len(json.dumps(document.get("metadata"))) > MOST_METADATA


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_names_the_fields_and_params_that_the_code_takes() -> None:
    assert tuple(SCHEMA["properties"]) == FIELDS
    known = SCHEMA["properties"]["params"]["properties"]
    assert tuple(known) == KNOWN
    assert known["max_tokens"]["maximum"] == MAX_TOKENS


OBJECT = {"key": "inbox/live-chat/a", "version": "1", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({"params": params(max_tokens=30_000)}, ["params", "max_tokens"], id="too many tokens"),
        pytest.param({"params": params(system=1)}, ["params", "system"], id="a number for a system prompt"),
        pytest.param(
            {"params": params(messages=[{"role": "user", "content": [{"text": "a"}]}])},
            ["params", "messages", 0, "content", 0],
            id="a block without a type",
        ),
        pytest.param({"params_object": OBJECT | {"sha256": "x"}}, ["params_object", "sha256"], id="no hash"),
    ],
)
def test_an_error_names_its_field_and_does_not_show_the_prompt(fields: dict[str, Any], path: list[str | int]) -> None:
    (error,) = VALIDATOR.iter_errors({"id": "a", "workload": "live-chat", **fields})
    assert list(error.absolute_path) == path
    assert "Say hello." not in error.message


@pytest.mark.parametrize("line", (ROOT / "examples/requests.jsonl").read_text().splitlines())
def test_an_example_is_valid_and_accepted(line: str) -> None:
    VALIDATOR.validate(json.loads(line))
    assert code_of(line) is None


def test_what_the_code_accepts_is_valid_and_what_it_rejects_by_form_is_not() -> None:
    random, seen = Random(7), set()
    for number in range(4000):
        text = mutant(random, number)
        document, code = document_of(text), code_of(text)
        if document is None or code in BEYOND_A_SCHEMA or has_large_metadata(document):
            continue
        seen.add(code)
        assert VALIDATOR.is_valid(document) == (code is None), text[:2000]
    assert len(seen) > 6


def test_every_code_has_one_section_of_the_page_and_the_page_no_other() -> None:
    page = (ROOT / "docs/rejections.md").read_text()
    sections = [line.removeprefix("## `").removesuffix("`") for line in page.splitlines() if line.startswith("## `")]
    assert sorted(sections) == sorted(RejectionCode)
