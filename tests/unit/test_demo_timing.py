"""The demo's shortened times fit together."""

import pytest

from local import parameters
from local.demo.claude import BATCH_MINUTES, SPEED
from local.demo.drive import TICK_SECONDS, time_limit
from local.demo.run import PARAMETERS, PATIENT_PARAMETERS

WINDOW, SETTLE, TIMEOUT = (int(PARAMETERS[f"{name}Seconds"]) for name in ("BatchWindow", "Settle", "SendTimeout"))
BATCH_SECONDS = [minutes * 60 / SPEED for minutes in BATCH_MINUTES]
LISTING_LAG_OF_THE_EMULATOR = 0


def test_a_doubtful_send_is_settled_after_the_function_that_made_it_has_ended() -> None:
    parameters.check(PARAMETERS, listing_lag_seconds=LISTING_LAG_OF_THE_EMULATOR)
    assert SETTLE > TIMEOUT + TICK_SECONDS


def test_with_somebody_elses_claude_it_waits_for_the_listing_too() -> None:
    parameters.check(PATIENT_PARAMETERS, listing_lag_seconds=parameters.LISTING_LAG_SECONDS)


def test_batches_take_long_enough_to_be_watched_and_short_enough_to_wait_for() -> None:
    assert min(BATCH_SECONDS) >= max(WINDOW, 5)
    assert max(BATCH_SECONDS) <= 20


def test_even_a_batch_that_is_sent_again_ends_before_the_time_is_up() -> None:
    assert WINDOW + TIMEOUT + SETTLE + max(BATCH_SECONDS) < time_limit(None, 1)


@pytest.mark.parametrize(("minutes", "expected"), [(None, 420.0), (2.0, 120.0)])
def test_the_time_limit_is_as_told_or_grows_with_the_messages(minutes: float | None, expected: float) -> None:
    assert time_limit(minutes, 360) == expected
