"""The real template on this machine: built and deployed by SAM into ministack, no Docker and no account.

with LocalStack({"ClaudeUrl": "http://127.0.0.1:8000"}) as stack:
    stack.client("sqs").send_message(QueueUrl=stack.outputs["RequestQueueUrl"], MessageBody=body)
    stack.invoke("PollerFunction")
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from local import ministack, parameters
from local.host import ROOT, host_parameters, is_running
from local.ministack import Ministack
from local.sam import CREDENTIALS, REGION, STACK, Sam

FOLDER = ROOT / ".demo"
STATE = "stack.json"  # in the folder: what runs, and who started it

# The user's own AWS settings are not looked at: no profile, no files.
_NO_SETTINGS: dict[str, Any] = {
    "profile": (None, [], None, None),
    "config_file": (None, [], os.devnull, None),
    "credentials_file": (None, [], os.devnull, None),
}


# A function's first start takes seconds on an idle machine and minutes on a busy one; a call that was given up and
# repeated would only start another.
_PATIENT = Config(read_timeout=300, retries={"total_max_attempts": 2})


class AlreadyRunningError(Exception):
    """Another process runs a local stack in the same folder."""


class NotDeployedError(Exception):
    """A local stack runs, but its template is not deployed yet."""


class FunctionFailedError(Exception):
    """A function that was invoked raised an error or ran out of time."""


@dataclass(frozen=True)
class Stack:
    """A deployed local stack. Physical ids go by the template's logical ids: a queue's is its URL."""

    ministack: Ministack
    outputs: Mapping[str, str]
    physical: Mapping[str, str]
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def endpoint(self) -> str:
        """Where AWS clients find this stack."""
        return self.ministack.endpoint

    def client(self, service: str) -> Any:
        """An AWS client of this stack, the same one each time."""
        if service not in self._clients:
            self._clients[service] = client(service, self.ministack)
        return self._clients[service]

    def invoke(self, function: str, event: Mapping[str, Any] | None = None) -> Any:
        """Runs the function with this logical id and waits for its answer; FunctionFailedError when it fails."""
        answer = self.client("lambda").invoke(FunctionName=self.physical[function], Payload=json.dumps(event or {}))
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise FunctionFailedError(f"{function}: {payload.get('errorType')}: {payload.get('errorMessage')}")
        return payload

    def logs(self, function: str) -> list[str]:
        """All that the function with this logical id has logged, its metrics among it, the oldest first."""
        group = self.physical[function.removesuffix("Function") + "Logs"]
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]


class LocalStack:
    """Runs a stack for the time of a `with` block and clears away an earlier one that was killed.

    `parameters` are the template's; `secured` makes ministack enforce the functions' roles and the TLS-only policies;
    `keep` leaves the stack running after the block; `say` is told of each step as it begins.
    """

    def __init__(
        self,
        parameters: Mapping[str, str],
        *,
        folder: Path = FOLDER,
        secured: bool = False,
        keep: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._parameters = host_parameters() | dict(parameters)
        self._folder = folder
        self._secured = secured
        self._keep = keep
        self._say = say

    def __enter__(self) -> Stack:
        parameters.check(self._parameters, listing_lag_seconds=0)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.clear_leftovers()
        self._ministack = ministack.start(self._folder, secured=self._secured)
        try:
            return self._deployed()
        except BaseException:
            self._stop(self._ministack)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._keep:
            self._stop(self._ministack)

    def _deployed(self) -> Stack:
        self._record(self._ministack)
        sam = Sam(self._folder / "sam", self._parameters)
        self._say(f"sam build ({self._parameters['PythonRuntime']}, {self._parameters['Architecture']})")
        sam.build()
        for change in sam.fit_to_ministack():
            self._say(f"changed for ministack: {change}")
        self._say("sam deploy")
        sam.deploy(self._ministack.endpoint, self._ministack.certificate)
        return _described(self._ministack)

    def clear_leftovers(self) -> None:
        """Ends the ministack of an earlier run that was killed or told to keep it."""
        owner, left = _left_in(self._folder)
        if left is None or not left.is_alive():
            return
        if is_running(owner):
            raise AlreadyRunningError(f"process {owner} runs a local stack at {left.endpoint}: end it first")
        self._say(f"ending the stack that an earlier run left at {left.endpoint}")
        self._stop(left)

    def _record(self, running: Ministack) -> None:
        certificate = str(running.certificate) if running.certificate else None
        state = {"owner": os.getpid(), "pid": running.pid, "endpoint": running.endpoint, "certificate": certificate}
        (self._folder / STATE).write_text(json.dumps(state))

    def _stop(self, running: Ministack) -> None:
        running.stop()
        ministack.delete_scratch(self._folder)
        (self._folder / STATE).unlink(missing_ok=True)


def running_stack(folder: Path = FOLDER) -> Stack | None:
    """The stack that runs in this folder, whoever started it; None where none does. Raises NotDeployedError."""
    _, left = _left_in(folder)
    if left is None or not left.is_alive():
        return None
    try:
        return _described(left)
    except (ClientError, KeyError) as error:
        raise NotDeployedError(f"the local stack at {left.endpoint} is still being deployed") from error


def client(service: str, running: Ministack) -> Any:
    """An AWS client of a running ministack, whatever AWS settings the user has."""
    return session().client(service, **place(running), config=_PATIENT)


def session() -> Any:
    """An AWS session for ministack, in which nothing of the user's own settings counts."""
    return boto3.Session(
        botocore_session=botocore.session.Session(session_vars=_NO_SETTINGS),
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def place(running: Ministack) -> dict[str, Any]:
    """What tells a client of the session where ministack is."""
    verify = str(running.certificate) if running.certificate else False
    return {"endpoint_url": running.endpoint, "verify": verify}


def _described(running: Ministack) -> Stack:
    cloudformation = client("cloudformation", running)
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    return Stack(
        ministack=running,
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        physical={each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources},
    )


def _left_in(folder: Path) -> tuple[int, Ministack | None]:
    """The process that last started a stack in this folder, and its ministack; None where a state is not to be read."""
    try:
        state = json.loads((folder / STATE).read_text())
        left = Ministack(pid=int(state["pid"]), endpoint=state["endpoint"], certificate=_path(state["certificate"]))
        return int(state["owner"]), left
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # a process that was killed may have cut it
        return 0, None


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
