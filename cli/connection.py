"""The way to a stack: the local one where it runs and nothing else was asked for, else the one in AWS."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from cli.conventions import UnreachableError, Where
from lanekeeper.client import Addresses, Client, UnknownStackError, client_of
from lanekeeper.client.addresses import outputs_of
from lanekeeper.connections import CONFIG
from local.stack import NotDeployedError, place, running_stack
from local.stack import session as local_session

# Each of these says that the user means something else than the local stack: credentials are those of an account. A
# region alone is none, and stands in many a shell for good.
SAID_ELSEWHERE = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ENDPOINT_URL",
)

_CREDENTIALS = "there are no AWS credentials: log in as for the AWS CLI, name a --profile, or KEEP=1 make demo"
_WORDS: tuple[tuple[type[BotoCoreError], str], ...] = (
    (NoCredentialsError, _CREDENTIALS),
    (PartialCredentialsError, _CREDENTIALS),
    (TokenRetrievalError, "the AWS login has expired: log in again (aws sso login)"),
    (SSOError, "the AWS login has expired: log in again (aws sso login)"),
    (NoRegionError, "no AWS region is set: name one with --region or AWS_REGION"),
)
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
DENIED = {"AccessDenied", "AccessDeniedException", "403"}


@dataclass(frozen=True, slots=True)
class Reached:
    """A stack that was found: its outputs, and how AWS clients get there."""

    outputs: Mapping[str, str]
    session: boto3.Session
    place: Mapping[str, Any]  # arguments for each client of the session

    def output(self, name: str) -> str:
        """One of the stack's outputs. Raises UnreachableError where the stack is older than this command."""
        if name not in self.outputs:
            raise UnreachableError(f"the stack has no output {name}: it is older than this command, so deploy it again")
        return self.outputs[name]


def connected(where: Where) -> Client:
    """A client of the stack that is meant. Raises UnreachableError."""
    reached = reach(where)
    with understandable():
        return client_of(Addresses.of_outputs(where.name, reached.outputs), reached.session, **reached.place)


def reach(where: Where) -> Reached:
    """The stack that is meant. Raises UnreachableError."""
    with understandable():
        return _local(where) or _in_aws(where)


def _in_aws(where: Where) -> Reached:
    """The region as the AWS CLI finds it: the SDK does not read AWS_REGION."""
    region = where.region or os.environ.get("AWS_REGION") or None
    session = boto3.Session(profile_name=where.profile, region_name=region)
    return Reached(outputs_of(where.name, session.client("cloudformation", config=CONFIG)), session, {})


@contextmanager
def understandable() -> Iterator[None]:
    """What AWS and the way to it say, in words that tell what to do: UnreachableError instead."""
    try:
        yield
    except ClientError as error:
        raise UnreachableError(_refused(error)) from error
    except ProfileNotFound as error:
        raise UnreachableError(f"{error}: name one of `aws configure list-profiles`") from error
    except BotoCoreError as error:
        words = next((words for kind, words in _WORDS if isinstance(error, kind)), None)
        raise UnreachableError(words or f"AWS cannot be reached: {error}") from error
    except UnknownStackError as error:
        raise UnreachableError(f"{error} (--stack, --region, --profile)") from error
    except NotDeployedError as error:
        raise UnreachableError(f"{error}: wait for it, or name another stack with --stack") from error


def _local(where: Where) -> Reached | None:
    said = (where.stack, where.profile, where.region, *map(os.environ.get, SAID_ELSEWHERE))
    if any(said) or (stack := running_stack()) is None:
        return None
    click.echo(f"using the local stack at {stack.endpoint}; --stack names another", err=True)
    return Reached(stack.outputs, local_session(), place(stack.ministack))


def _refused(error: ClientError) -> str:
    code = error.response["Error"]["Code"].rpartition(".")[2]
    if code in _EXPIRED:
        return "AWS does not know these credentials, or they have expired: log in again, or name a --profile"
    if code in DENIED:
        return f"these AWS credentials may not {error.operation_name}: docs/client.md lists what a producer needs"
    return f"AWS answered {code} to {error.operation_name}: {error.response['Error'].get('Message', '')}"
