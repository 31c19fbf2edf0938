"""One run of the demo, from the deployment to the verdict."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from lanekeeper.pricing import standard_prices
from local.demo import claude, evidence
from local.demo.check import failures
from local.demo.evidence import Evidence, Rejections
from local.demo.live import live_lines, most_it_can_cost
from local.demo.options import Options, UsageError
from local.demo.progress import Status, Steps, Watch, status_of
from local.demo.report import Report, report_of
from local.demo.show import document, dollars, show
from local.demo.traffic import Line, Sent, read_lines, send
from local.stack import FOLDER, FunctionFailedError, LocalStack, Stack

# The fewest workers: each that starts costs two seconds of one core, and two with ten calls at a time are enough.
FEW_WORKERS = {f"{step}Concurrency": "2" for step in ("Classifier", "Realtime", "Submitter", "Collector")}
# Shortened, so that nobody waits: what must hold between these and the emulated batch times, a test says.
PARAMETERS = FEW_WORKERS | {"BatchWindowSeconds": "3", "SettleSeconds": "30", "SendTimeoutSeconds": "20"}
# Somebody else's Claude may take its time to list a new batch: there, a doubtful send waits as long as in production.
PATIENT_PARAMETERS = PARAMETERS | {"SettleSeconds": "1800"}
TICK_SECONDS = 1.5  # between two calls of the poller, beside those of the schedule
LOOK_SECONDS = 1.0
LIMIT_SECONDS = 180.0  # to the last answer, and a little for each message
LIMIT_SECONDS_PER_MESSAGE = 0.5
ANSWERS = FOLDER / "answers"
LOGS = FOLDER / "logs"
FUNCTIONS = ("Classifier", "RealtimeInvoker", "BatchSubmitter", "Poller", "Collector")


@dataclass(frozen=True, slots=True)
class Claude:
    """Who answers: its address, and its own account where it keeps one for us."""

    url: str
    account: Callable[[], dict[str, Any]] | None


def run(options: Options, console: Console) -> list[str]:
    """Returns what failed, a sentence each. Raises UsageError and whatever keeps the stack from starting."""
    say = Steps(console)
    lines = _lines(options, say)
    with _claude(options, say) as answerer, _stack(options, answerer, say) as stack:
        _store_key(stack, options.api_key)
        evidence, wrong = _drive(stack, lines, options, answerer, say, console)
        report = report_of(evidence, emulated=answerer.account is not None)
        wrong += failures(evidence, standard_prices())
        _tell(report, evidence, wrong, options, console)
        if wrong:
            _save_logs(stack, console)
        if options.keep:
            _tell_endpoints(stack, answerer, console)
    return wrong


def time_limit(options: Options, messages: int) -> float:
    """The most seconds to wait for the last answer."""
    if options.minutes is not None:
        return options.minutes * 60
    return LIMIT_SECONDS + LIMIT_SECONDS_PER_MESSAGE * messages


def _lines(options: Options, say: Steps) -> list[Line]:
    if options.live:
        lines = live_lines()
        most = dollars(most_it_can_cost(datetime.now(UTC)))
        say(f"the real Claude API answers {len(lines)} small requests, which costs {most} at most")
        return lines
    lines = read_lines(options.requests)
    if not lines:
        raise UsageError(f"REQUESTS: {options.requests} holds no line to send.")
    return lines


@contextmanager
def _claude(options: Options, say: Steps) -> Iterator[Claude]:
    if options.claude_url is not None:
        claude.stop_leftover(FOLDER)
        say(f"Claude is at {options.claude_url}; its account is not asked for")
        yield Claude(options.claude_url, None)
        return
    emulator = claude.start(FOLDER)
    say(f"the Claude API emulator runs at {emulator.url}, its clock {claude.SPEED} times as fast as the wall's")
    try:
        yield Claude(emulator.url, emulator.account)
    finally:
        if not options.keep:
            emulator.stop()


def _stack(options: Options, answerer: Claude, say: Steps) -> LocalStack:
    parameters = PARAMETERS if answerer.account else PATIENT_PARAMETERS
    return LocalStack({**parameters, "ClaudeUrl": answerer.url}, keep=options.keep, say=say)


def _store_key(stack: Stack, key: str | None) -> None:
    """Into the secret and not among the parameters, which a deployment writes to files."""
    if key:
        stack.client("secretsmanager").put_secret_value(SecretId=stack.outputs["ClaudeSecretArn"], SecretString=key)


def _drive(
    stack: Stack, lines: Sequence[Line], options: Options, answerer: Claude, say: Steps, console: Console
) -> tuple[Evidence, list[str]]:
    """Sends, waits, and gathers what there is to know in the end."""
    limit = time_limit(options, len(lines))
    rejections = Rejections(stack)
    say(f"sending {len(lines)} messages to {stack.outputs['RequestQueueUrl'].rpartition('/')[2]}")
    batches_exist = threading.Event()
    with _ticking(stack, batches_exist), Watch(console, say, len(lines)) as watch:
        sent = send(stack.client("sqs"), stack.outputs["RequestQueueUrl"], lines, watch.sent)
        is_over = _wait(lambda: _status(stack, sent, rejections, batches_exist), watch, limit)
    say("checking every answer and every cost record")
    gathered = _gather(stack, sent, rejections, answerer)
    return gathered, [] if is_over else [f"after {limit:.0f} s not everything was answered"]


def _status(stack: Stack, sent: Sequence[Sent], rejections: Rejections, batches_exist: threading.Event) -> Status:
    rejections.look()
    batches = evidence.batches(stack)
    if batches:
        batches_exist.set()
    return status_of(sent, evidence.requests(stack), batches, rejections.codes)


def _wait(status: Callable[[], Status], watch: Watch, limit: float) -> bool:
    """Until every message has its end and every batch is collected; False where the time is up first."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        began = time.monotonic()
        now = status()
        watch.show(now)
        if now.is_over:
            return True
        time.sleep(max(LOOK_SECONDS, time.monotonic() - began))  # a large table is not read all the time
    return False


@contextmanager
def _ticking(stack: Stack, batches_exist: threading.Event) -> Iterator[None]:
    """Calls the poller every other second once there are batches, so that nobody waits for the minute."""
    stopped = threading.Event()

    def tick() -> None:
        while not stopped.wait(TICK_SECONDS):
            if not batches_exist.is_set():
                continue
            with suppress(FunctionFailedError, ClientError, BotoCoreError):  # its log tells; the next tick tries again
                stack.invoke("PollerFunction")

    ticker = threading.Thread(target=tick, name="poller", daemon=True)
    ticker.start()
    try:
        yield
    finally:
        stopped.set()
        ticker.join()


def _gather(stack: Stack, sent: Sequence[Sent], rejections: Rejections, answerer: Claude) -> Evidence:
    gathered = Evidence(
        sent=sent,
        requests=evidence.requests(stack),
        batches=evidence.batches(stack),
        ledger=evidence.table(stack, "LedgerTableName"),
        objects=evidence.answers(stack),
        rejected=dict(rejections.codes),
        dead_letters=evidence.dead_letters(stack),
        account=answerer.account() if answerer.account else None,
        bucket=stack.outputs["ContentBucketName"],
    )
    rejections.give_back()
    evidence.copy_answers(gathered.objects, ANSWERS)
    return gathered


def _tell(report: Report, gathered: Evidence, wrong: Sequence[str], options: Options, console: Console) -> None:
    show(report, console)
    console.print(f"Copied to    {ANSWERS}", highlight=False, soft_wrap=True)
    if gathered.account is None:
        console.print("Not asked    the account of the Claude server: only our emulator keeps one")
    for sentence in wrong:
        console.print(f"[bold red]FAILED[/bold red]       {sentence}", highlight=False, soft_wrap=True)
    if options.json_file:
        text = json.dumps(document(report, gathered.account, wrong), indent=2)
        options.json_file.write_text(text + "\n", encoding="utf-8")


def _save_logs(stack: Stack, console: Console) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    for function in FUNCTIONS:
        with suppress(ClientError):
            (LOGS / f"{function}.log").write_text("\n".join(stack.logs(f"{function}Function")), encoding="utf-8")
    console.print(f"The functions' logs are in {LOGS}", highlight=False, soft_wrap=True)


def _tell_endpoints(stack: Stack, answerer: Claude, console: Console) -> None:
    for name, value in (
        ("AWS", f"AWS_ENDPOINT_URL={stack.endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"),
        ("Region", "AWS_DEFAULT_REGION=us-east-1"),
        ("Queue", stack.outputs["RequestQueueUrl"]),
        ("Claude", answerer.url),
        ("Until", "the next make demo clears it away"),
    ):
        console.print(f"{name:12} {value}", highlight=False, soft_wrap=True)
