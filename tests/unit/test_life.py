"""What happens next to a request without an end."""

from typing import Any

import pytest

from cli.life import Traces, days_of, next_of

ROW = {"request_key": "k", "lane": "batch", "attempt": 0}
OPEN = {
    "workload": "a",
    "count": 1,
    "deadline": "2026-11-26T09:00:00.000Z",
    "created_at": "2026-11-25T09:00:00.000Z",
    "sealed_at": "2026-11-25T09:00:00.000Z",
    "next_action_at": "2026-11-25T10:00:00.000Z",
    "open_shard": "x",
}
SEGMENT = OPEN | {"item_id": "segment#1", "state": "READY"}
BATCH = OPEN | {"item_id": "batch#1", "state": "HELD", "hold_reason": "HTTP 401", "hold_remedy": "person"}


@pytest.mark.parametrize(
    ("row", "rows", "following"),
    [
        ({"outcome": "succeeded"}, {}, "nothing: it has its end"),
        ({"lease_until": "10:00"}, {}, "a worker has it until 10:00 at the latest"),
        ({"lane": "realtime"}, {}, "answered by the real-time lane: lanekeeper status shows whether that is held"),
        ({"rescue": "pending"}, {}, "answered by the real-time lane: lanekeeper status shows whether that is held"),
        ({}, {"segment": SEGMENT}, "its segment is sealed when its window is over, at 2026-11-25T10:00:00.000Z"),
        (
            {},
            {"segment": SEGMENT, "batch": BATCH},
            "its batch is tried again, held for HTTP 401; somebody has to act, at 2026-11-25T10:00:00.000Z",
        ),
        ({}, {}, "accepted anew when its message comes again"),
    ],
)
def test_what_happens_next(row: dict[str, Any], rows: dict[str, Any], following: str) -> None:
    assert next_of(Traces(**({"row": ROW | row, "segment": None, "batch": None, "calls": []} | rows))) == following


def test_calls_are_looked_for_on_every_day_that_a_request_lived() -> None:
    row = ROW | {"accepted_at": "2026-11-23T23:00:00.000Z", "attempt_at": "2026-11-26T01:00:00.000Z"}
    assert days_of(row) == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]
