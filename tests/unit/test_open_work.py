"""What a row of the index says will happen next."""

from typing import Any

import pytest

from cli.open_work import work_of

TIMES = {"sealed_at": "2026-11-25T09:00:00.000Z", "next_action_at": "2026-11-25T10:00:00.000Z"}
BATCH = {"item_id": "batch#1", "workload": "a", "count": 3, "deadline": "2026-11-26T09:00:00.000Z", **TIMES}


@pytest.mark.parametrize(
    ("row", "following"),
    [
        ({"state": "SEALED"}, "sent to Claude"),
        ({"state": "HELD", "hold_reason": "HTTP 429"}, "tried again, held for HTTP 429"),
        (
            {"state": "HELD", "hold_reason": "HTTP 401", "hold_remedy": "person"},
            "tried again, held for HTTP 401; somebody has to act",
        ),
        ({"state": "SENDING"}, "looked for in Claude's listing, if its answer was lost"),
        ({"state": "OPEN"}, "asked after at Claude"),
        ({"state": "OPEN", "cancel_asked_at": "…"}, "asked after at Claude, canceled there"),
        ({"state": "ENDED"}, "collected"),
        (
            {"state": "ENDED", "troubled_since": "2026-11-25T09:30:00.000Z"},
            "downloaded again, which has failed since 2026-11-25T09:30:00.000Z",
        ),
        (
            {"state": "ENDED", "troubled_since": "…", "quarantine": {"missing": 1}},
            "downloaded again, in quarantine; somebody has to act: lanekeeper release",
        ),
        ({"state": "STORED"}, "its requests ended by the stored results"),
    ],
)
def test_each_state_says_what_happens_next(row: dict[str, Any], following: str) -> None:
    work = work_of(BATCH | row)
    assert (work.next, work.requests) == (following, 3)
