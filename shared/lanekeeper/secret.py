"""Claude's API key, from Secrets Manager. Apart from the other connections: producers' clients need no powertools."""

from datetime import datetime, timedelta
from functools import partial
from threading import Lock

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from lanekeeper import clock
from lanekeeper.claude import Claude, connect

KEY_AGE_SECONDS = 300  # a rotated key is picked up within this
FORCED_EVERY = timedelta(seconds=60)  # so that a key that is wrong for good does not make each call ask

_forced_at: dict[str, datetime] = {}  # when this process last fetched a secret before its time
_one_at_a_time = Lock()  # ten calls are refused at once: one of them asks


def connected(secret_arn: str, claude_url: str) -> Claude:
    """Claude with our key, and with the newest one where that is refused."""
    return Claude(connect(claude_key(secret_arn), claude_url), partial(newest_key, secret_arn))


def claude_key(secret_arn: str) -> str:
    """The API key, kept for a few minutes."""
    return _fetch(secret_arn, forced=False)


def newest_key(secret_arn: str, used: str) -> str | None:
    """The key as it is now, after Claude has refused `used`; None where it is the same, as far as one may ask."""
    try:
        with _one_at_a_time:
            key = _as_new_as_may_be(secret_arn, used)
    except GetParameterError:  # then the call has failed for its key, no more
        return None
    return key if key != used else None


def _as_new_as_may_be(secret_arn: str, used: str) -> str:
    key, now = claude_key(secret_arn), clock.now()
    if key != used or now - _forced_at.get(secret_arn, now - FORCED_EVERY) < FORCED_EVERY:
        return key
    _forced_at[secret_arn] = now
    return _fetch(secret_arn, forced=True)


def _fetch(secret_arn: str, *, forced: bool) -> str:
    return str(parameters.get_secret(secret_arn, max_age=KEY_AGE_SECONDS, force_fetch=forced)).strip()
