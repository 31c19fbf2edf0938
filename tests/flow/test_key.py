"""A key that is refused is fetched anew: once a minute, and the call is made once more only with another key."""

from typing import Any

import boto3
import httpx2
import pytest
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from lanekeeper import secret
from tests.flow.test_lanes import ask, outcomes, redeliver
from tests.system import System


def keys_used(system: System) -> list[str]:
    """The key of each call from now on."""
    handle, used = httpx2.HTTPTransport.handle_request, []

    def note(transport: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        used.append(request.headers.get("authorization", request.headers.get("x-api-key", "")).removeprefix("Bearer "))
        return handle(transport, request)

    system.monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", note)
    return used


def forced_fetches(system: System) -> list[str]:
    fetch, forced = secret._fetch, []

    def note(arn: str, **how: Any) -> str:
        if how["forced"]:
            forced.append(arn)
        return fetch(arn, **how)

    system.monkeypatch.setattr(secret, "_fetch", note)
    return forced


def rotate(system: System, key: str = "sk-new") -> None:
    """After the functions have read the old one."""
    system.tick()
    boto3.client("secretsmanager").put_secret_value(SecretId=system.ids["ClaudeSecret"], SecretString=key)


@pytest.mark.parametrize("status", [401, 403])
def test_a_message_whose_key_was_rotated_away_is_sent_once_more_with_the_new_one(system: System, status: int) -> None:
    rotate(system)
    asked = ask(system)
    system.fault(route="messages", fault="status", status=status)
    used = keys_used(system)
    system.deliver("RealtimeQueue")

    assert used == ["sk-test", "sk-new"]
    assert outcomes(system, asked) == ["succeeded"]
    assert system.executed() == 1


def test_a_batch_whose_key_was_rotated_away_is_created_once_with_the_new_one(system: System) -> None:
    rotate(system)
    system.ask()
    system.deliver("RequestQueue")
    system.fault(route="create", fault="status", status=401)
    system.run()

    assert [batch["state"] for batch in system.batches()] == ["OPEN"]
    assert len(system.emulator.world.list_batches().batches) == 1
    system.run_until_answered()
    assert system.executed() == 1


def test_a_call_whose_key_is_still_the_same_is_not_repeated(system: System) -> None:
    asked = ask(system)
    system.fault(route="messages", fault="status", status=401)
    used = keys_used(system)
    system.deliver("RealtimeQueue")

    assert used == ["sk-test"]
    assert outcomes(system, asked) == ["open"]


def test_a_new_key_that_is_refused_too_is_not_tried_again(system: System) -> None:
    rotate(system)
    ask(system)
    system.fault(route="messages", fault="status", status=401, count=None)
    used = keys_used(system)
    system.deliver("RealtimeQueue")

    assert used == ["sk-test", "sk-new"]


def test_no_other_refusal_asks_for_a_key(system: System) -> None:
    ask(system)
    forced = forced_fetches(system)
    system.fault(route="messages", fault="status", status=402)
    system.deliver("RealtimeQueue")

    assert not forced


def test_a_key_that_is_wrong_for_good_is_asked_for_once_a_minute(system: System) -> None:
    ask(system, 4)
    forced = forced_fetches(system)
    system.fault(route="messages", fault="status", status=401, count=None)
    system.deliver("RealtimeQueue")
    assert len(forced) == 1
    redeliver(system, in_seconds=61)
    assert len(forced) == 2


def test_what_one_call_has_learned_serves_the_others_of_its_invocation(system: System) -> None:
    rotate(system)
    asked = ask(system, 4)
    forced = forced_fetches(system)
    system.fault(route="messages", fault="status", status=401, count=4)
    system.deliver("RealtimeQueue")

    assert len(forced) == 1
    assert outcomes(system, asked) == ["succeeded"] * 4


def test_a_secret_that_cannot_be_fetched_leaves_the_call_refused(system: System) -> None:
    asked = ask(system)
    fetch = secret._fetch

    def unreachable(arn: str, **how: Any) -> str:
        if how["forced"]:
            raise GetParameterError("none")
        return fetch(arn, **how)

    system.monkeypatch.setattr(secret, "_fetch", unreachable)
    system.fault(route="messages", fault="status", status=401)
    system.deliver("RealtimeQueue")
    assert outcomes(system, asked) == ["open"]
    redeliver(system, in_seconds=61)

    assert outcomes(system, asked) == ["succeeded"]
