"""What all commands share: the options that say where to look, and how a command ends. docs/client.md tells users.

Results go to stdout, everything else to stderr. A command that speaks to a stack takes `stack_options` and connects
by `cli.connection`, so that each of them looks in the same places and fails in the same words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import wraps
from typing import Any

import click
from click.types import StringParamType

DEFAULT_STACK = "lanekeeper"


class Exit(IntEnum):
    """How a command ends. Where several fit, the first of FAILED, UNKNOWN and NOT_YET is it."""

    DONE = 0
    FAILED = 1  # something was not sent, was rejected, ended without an answer, has none any more, or does not add up
    USAGE = 2  # wrong usage or bad input
    UNREACHABLE = 3  # AWS or the stack cannot be reached
    NOT_YET = 4  # still on its way: the time to wait is up
    UNKNOWN = 5  # there is no such request
    INTERRUPTED = 130


class UnreachableError(click.ClickException):
    """AWS or the stack cannot be reached; the message says what to change."""

    exit_code = Exit.UNREACHABLE


class MissingExtraError(click.ClickException):
    """A command whose dependencies are not installed."""

    exit_code = Exit.USAGE

    def __init__(self, command: str, extra: str) -> None:
        super().__init__(f'`lanekeeper {command}` needs its extra: pip install "lanekeeper[cli,{extra}]"')


@dataclass(frozen=True, slots=True)
class Where:
    """Which stack, as the user said it; None where nothing was said."""

    stack: str | None
    profile: str | None
    region: str | None

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.stack or DEFAULT_STACK


def stack_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --stack, --profile and --region; the command gets them as `where`."""

    @click.option("--stack", envvar="LANEKEEPER_STACK", show_envvar=True, metavar="NAME", help=_STACK_HELP)
    @click.option("--profile", metavar="NAME", help="The AWS profile; else AWS_PROFILE, as for the AWS CLI.")
    @click.option("--region", metavar="NAME", help="The AWS region; else AWS_REGION or the profile's.")
    @wraps(command)
    def with_where(*, stack: str | None, profile: str | None, region: str | None, **options: Any) -> Any:
        return command(where=Where(stack, profile, region), **options)

    return with_where


class Utf8(StringParamType):
    """Text that a request can hold: a shell hands bytes in other encodings on, and no request has such a name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(super().convert(value, param, ctx))
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("it is not UTF-8: write it as it was sent", param, ctx)
        return text


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

_STACK_HELP = (
    "The CloudFormation stack.  [default: the local stack where one runs and neither credentials, a profile nor"
    f" --region are given; else {DEFAULT_STACK}]"
)
