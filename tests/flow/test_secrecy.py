"""Prompts, answers, keys and producers' ids stay in S3, SQS and events: not one log line or row holds them."""

import pytest

from tests.system import System, params

CANARY = "canary-7f3a@example.org"


def test_a_canary_in_every_field_is_in_no_log_and_no_row(system: System, capsys: pytest.CaptureFixture[str]) -> None:
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
    system.ask(**whole | {"id": CANARY, "params": params("another")})
    system.send("{" + CANARY)
    for route in ("create", "messages"):
        system.fault(route=route, fault="status", status=400, message=CANARY)
    system.run_until_answered(rounds=2)

    written = capsys.readouterr()
    rows = [system.items(table) for table in ("RequestsTable", "BatchesTable", "LedgerTable")]
    assert "request-rejected" in written.out
    assert CANARY not in written.out + written.err
    assert CANARY not in repr([[{k: v for k, v in row.items() if k != "model"} for row in table] for table in rows])
