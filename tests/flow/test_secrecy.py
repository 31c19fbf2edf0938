"""Prompts, answers, keys and producers' ids stay in S3, SQS and events: not one log line or row holds them."""

import io

import pytest
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from lanekeeper.records import Records
from tests.system import System, params

CANARY = "canary-7f3a@example.org"


def test_a_canary_in_every_field_is_in_no_log_and_no_row(
    system: System, log_lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    system.parameters["ClaudeApiKey"] = CANARY
    whole = {
        "id": CANARY,
        "metadata": {CANARY: CANARY},
        "params": params(CANARY, system=CANARY, stop_sequences=[CANARY]),
    }
    system.ask(**whole)
    system.ask(**whole | {"id": f"{CANARY}-urgent", "priority": "high"})
    system.ask(**whole | {"id": f"{CANARY}-odd", CANARY: CANARY})
    system.ask(**whole | {"id": f"{CANARY}-refused", "params": params(CANARY, model=CANARY), "priority": "high"})
    system.ask(**whole | {"id": f"{CANARY}-unknown", "params": params(CANARY, **{CANARY: CANARY})})
    claim = {"key": f"inbox/content-pipeline/{CANARY}", "version": CANARY, "sha256": "0" * 64}
    system.send({"id": CANARY, "workload": "content-pipeline", "params_object": claim})
    system.ask(**whole | {"id": CANARY, "params": params("another")})
    system.send("{" + CANARY)
    for route in ("create", "messages"):
        system.fault(route=route, fault="status", status=400, message=CANARY)
    system.run_until_answered(rounds=2)

    metrics = capsys.readouterr()
    rows = [system.items(table) for table in ("RequestsTable", "BatchesTable", "LedgerTable")]
    assert "request-rejected" in log_lines.getvalue()
    assert CANARY not in log_lines.getvalue() + metrics.out + metrics.err
    assert CANARY not in repr(rows)


def test_an_error_that_quotes_its_record_is_logged_by_its_class_alone(
    log_lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(record: SQSRecord) -> None:
        raise ValueError(record.body)

    event = {"Records": [{"messageId": "m", "body": CANARY, "eventSource": "aws:sqs"}]}
    answer = process_partial_response(event=event, record_handler=fail, processor=Records())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert "ValueError" in log_lines.getvalue()
    written = capsys.readouterr()
    assert CANARY not in log_lines.getvalue() + written.out + written.err
