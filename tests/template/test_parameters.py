"""Parameters: each explains itself, has a default that is safe, and is used."""

import re

import pytest

from lanekeeper.batching import MAX_REQUESTS
from local.emulator.limits import limits_of
from local.parameters import LISTING_LAG_SECONDS, UnsafeParametersError, check, defaults
from scripts.translate import source
from tests.template.reading import PARAMETERS, TEMPLATE, references


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_parameter_says_what_it_is_for_and_has_a_default(parameter: str) -> None:
    assert re.fullmatch(r"[A-Z].{20,}[^ ]\.", PARAMETERS[parameter]["Description"], re.DOTALL)
    assert "Default" in PARAMETERS[parameter]


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_parameter_is_used(parameter: str) -> None:
    template = source()
    assert parameter in set(references({name: part for name, part in template.items() if name != "Parameters"}))


@pytest.mark.parametrize("output", TEMPLATE["Outputs"])
def test_an_output_says_what_it_is_for(output: str) -> None:
    assert TEMPLATE["Outputs"][output]["Description"].endswith(".")


def test_by_default_no_batch_is_sent_again_before_claude_would_list_its_first_sending() -> None:
    check({}, listing_lag_seconds=LISTING_LAG_SECONDS)


@pytest.mark.parametrize(
    ("settle", "timeout", "lag"),
    [
        pytest.param("120", "120", 0, id="equal"),
        pytest.param("60", "120", 0, id="shorter"),
        pytest.param("1000", "120", 900, id="shorter-than-timeout-and-lag"),
    ],
)
def test_a_settling_time_within_the_sending_time_is_refused(settle: str, timeout: str, lag: int) -> None:
    with pytest.raises(UnsafeParametersError, match=settle):
        check({"SettleSeconds": settle, "SendTimeoutSeconds": timeout}, listing_lag_seconds=lag)


def test_what_the_local_stack_takes_for_the_defaults_are_the_defaults() -> None:
    assert defaults() == {name: str(each["Default"]) for name, each in PARAMETERS.items()}


def test_a_window_is_a_delay_that_sqs_takes() -> None:
    assert PARAMETERS["BatchWindowSeconds"]["MaxValue"] == 900


def test_one_full_batch_can_always_be_sent_and_the_lowest_tier_has_room_for_all() -> None:
    assert PARAMETERS["MaxWaitingRequests"]["MinValue"] >= MAX_REQUESTS
    assert PARAMETERS["MaxWaitingRequests"]["Default"] < limits_of("start").waiting_requests


def test_content_outlives_the_time_in_which_claude_can_still_give_it_again() -> None:
    assert PARAMETERS["ContentRetentionDays"]["MinValue"] > 29


def test_the_key_is_shown_nowhere() -> None:
    assert PARAMETERS["ClaudeApiKey"]["NoEcho"] is True
    parts = {name: part for name, part in TEMPLATE["Resources"].items() if "ClaudeApiKey" in set(references(part))}
    assert list(parts) == ["ClaudeSecret"]
