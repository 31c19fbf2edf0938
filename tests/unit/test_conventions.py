"""What all commands share: loaded when asked for, one way to a stack, a remedy and an exit code for each failure."""

import subprocess
import sys
from typing import Any

import boto3
import click
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from click.shell_completion import BashComplete
from click.testing import CliRunner

from cli import connection
from cli.connection import Reached, connected, reach, understandable
from cli.conventions import Exit, UnreachableError, Where
from cli.main import COMMANDS, LazyGroup, main
from cli.progress import Counter

NOWHERE = Where(None, None, None)


def run(*arguments: str, **environment: str | None) -> Any:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "80", **environment})


# loading


@pytest.mark.parametrize("command", ["--help", "send --help", "result --help", "completion bash"])
def test_help_waits_for_neither_aws_nor_the_emulator(command: str) -> None:
    code = f"""
import sys
sys.argv = ["lanekeeper", *{command.split()}]
from cli.entry import main
try:
    main()
finally:
    print(sorted({{"boto3", "botocore", "starlette", "pydantic"}} & set(sys.modules)), file=sys.stderr)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert ran.stderr == "[]\n"
    assert ran.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_and_says_what_the_list_says(name: str) -> None:
    group = main
    assert isinstance(group, LazyGroup)
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert COMMANDS[name][1] in run("--help").stdout
    assert command.short_help in {None, COMMANDS[name][1]}


def test_a_command_that_does_not_exist_is_wrong_usage() -> None:
    assert run("sned").exit_code == Exit.USAGE


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_for_the_shell(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_LANEKEEPER_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize(
    ("words", "incomplete", "found"),
    [
        pytest.param([], "se", ["send"], id="a command"),
        pytest.param(["send"], "--res", ["--restart"], id="an option"),
        pytest.param(["completion"], "", ["bash", "zsh", "fish"], id="a shell"),
    ],
)
def test_commands_and_options_are_completed(words: list[str], incomplete: str, found: list[str]) -> None:
    completions = BashComplete(main, {}, "lanekeeper", "_LANEKEEPER_COMPLETE").get_completions(words, incomplete)
    assert [each.value for each in completions] == found


@pytest.mark.parametrize("module", ["cli.main", "cli.entry"])
def test_the_command_runs_as_a_module_too(module: str) -> None:
    command = [sys.executable, "-m", module, "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert ran.stdout.startswith("Usage: lanekeeper [OPTIONS] COMMAND")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["result", "caf\udce9", "-w", "live-chat"], id="an id"),
        pytest.param(["result", "a", "-w", "caf\udce9"], id="a workload"),
        pytest.param(["forget", "caf\udce9", "-w", "live-chat"], id="an id to forget"),
        pytest.param(["send", "-", "-w", "caf\udce9"], id="a default workload"),
    ],
)
def test_a_name_that_is_not_utf_8_is_wrong_usage(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == Exit.USAGE
    assert "it is not UTF-8: write it as it was sent" in result.stderr


# finding the stack


class LocalStackUsedError(Exception):
    """In these tests a local stack always runs."""


@pytest.fixture
def a_local_stack_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def use() -> None:
        raise LocalStackUsedError

    monkeypatch.setattr(connection, "running_stack", use)
    for name in connection.SAID_ELSEWHERE:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("region", [None, "AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_local_stack_is_used_without_a_flag_where_it_runs_whatever_region_the_shell_has(
    a_local_stack_runs: None, monkeypatch: pytest.MonkeyPatch, region: str | None
) -> None:
    if region is not None:
        monkeypatch.setenv(region, "eu-west-1")
    with pytest.raises(LocalStackUsedError):
        connected(NOWHERE)


@pytest.mark.parametrize(
    ("where", "environment"),
    [
        pytest.param(Where("mine", None, None), {}, id="a stack"),
        pytest.param(Where(None, None, "eu-west-1"), {}, id="a region"),
        pytest.param(Where(None, "none-of-this-name", None), {}, id="a profile"),
        pytest.param(NOWHERE, {"AWS_PROFILE": "none-of-this-name"}, id="a profile in the environment"),
        pytest.param(NOWHERE, {"AWS_DEFAULT_PROFILE": "none-of-this-name"}, id="a profile by its older name"),
        pytest.param(NOWHERE, {"AWS_ACCESS_KEY_ID": "AKIAREAL"}, id="an access key, as a CI job has it"),
        pytest.param(NOWHERE, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, id="a role by a web identity"),
        pytest.param(NOWHERE, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2"}, id="a container's role"),
        pytest.param(NOWHERE, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, id="a container's role by URL"),
        pytest.param(NOWHERE, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, id="another address"),
    ],
)
def test_the_local_stack_is_never_used_where_another_is_meant(
    aws: None,
    a_local_stack_runs: None,
    monkeypatch: pytest.MonkeyPatch,
    where: Where,
    environment: dict[str, str],
) -> None:
    in_aws = Reached({}, boto3.Session(), {})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connection, "_in_aws", lambda _: in_aws)
    assert reach(where) is in_aws


def test_the_stack_can_be_named_in_the_environment(aws: None) -> None:
    result = run("result", "x", "-w", "live-chat", LANEKEEPER_STACK="staging", AWS_REGION="eu-west-1")
    assert result.exit_code == Exit.UNREACHABLE
    assert result.stderr == (
        "Error: there is no stack staging in eu-west-1 of this AWS account: name another stack, region or profile"
        " (--stack, --region, --profile)\n"
    )


def test_the_local_stack_says_that_it_is_used(
    aws: None, a_local_stack_runs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from local.ministack import Ministack
    from local.stack import Stack

    outputs = dict.fromkeys(("RequestQueueUrl", "ContentBucketName", "RequestsTableName", "LedgerTableName"), "x")
    ministack = Ministack(pid=0, endpoint="http://127.0.0.1:4599", certificate=None)
    monkeypatch.setattr(connection, "running_stack", lambda: Stack(ministack, outputs, {}))

    @click.command()
    def command() -> None:
        click.echo(connected(NOWHERE).sqs.meta.endpoint_url)

    result = CliRunner().invoke(command)
    assert result.stderr == "using the local stack at http://127.0.0.1:4599; --stack names another\n"
    assert result.stdout == "http://127.0.0.1:4599\n"


# failing


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said so"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(NoCredentialsError(), "there are no AWS credentials: log in", id="not logged in"),
        pytest.param(NoRegionError(), "name one with --region or AWS_REGION", id="no region"),
        pytest.param(ProfileNotFound(profile="x"), "aws configure list-profiles", id="no such profile"),
        pytest.param(EndpointConnectionError(endpoint_url="https://sqs"), "AWS cannot be reached", id="no network"),
        pytest.param(refusal("ExpiredToken"), "log in again", id="a login that has expired"),
        pytest.param(refusal("AccessDenied"), "may not DescribeStacks: docs/client.md lists", id="not allowed"),
        pytest.param(
            refusal("AWS.SimpleQueueService.NonExistentQueue"),
            "AWS answered NonExistentQueue to DescribeStacks: said so",
            id="something else",
        ),
    ],
)
def test_what_is_in_the_way_is_told_with_a_remedy(error: BotoCoreError | ClientError, words: str) -> None:
    with pytest.raises(UnreachableError) as raised, understandable():
        raise error
    assert words in raised.value.message
    assert raised.value.exit_code == Exit.UNREACHABLE


# progress


def test_where_nobody_watches_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with Counter("sending", 10_000, clock=lambda: now) as counter:
        now = 1.0
        counter.advance(100)
        now = 6.0
        counter.advance(500)
    written = capsys.readouterr()
    assert written.err == "sending: 600 of 10,000, 100 a second, 94 s left\n"
    assert written.out == ""


def test_the_rate_is_that_of_this_run_alone() -> None:
    counter = Counter("sending", 1_000, done=900, clock=iter([0.0, 10.0]).__next__)
    counter._done = 950
    assert counter.sentence() == "950 of 1,000, 5 a second, 10 s left"
