"""One run of the demo, from the deployment to the verdict."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape

from lanekeeper.audit import Report as AuditReport
from lanekeeper.pricing import standard_prices
from local.demo import claude, evidence
from local.demo.audit import audited, sentences
from local.demo.check import failures
from local.demo.drive import Drive, time_limit
from local.demo.evidence import Evidence, Rejections
from local.demo.live import live_lines, most_it_can_cost
from local.demo.options import Options, UsageError
from local.demo.page import write_page
from local.demo.progress import Steps, Watch
from local.demo.report import Report, report_of
from local.demo.show import document, dollars, exact, show
from local.demo.traffic import Line, read_lines
from local.demo.warmth import WORKERS, warm
from local.stack import FOLDER, LocalStack, Stack

# The fewest workers: each that starts costs two seconds of one core, and two with ten calls at a time are enough.
FEW_WORKERS = {f"{step}Concurrency": "2" for step in ("Classifier", "Realtime", "Submitter", "Collector")}
# Shortened, so that nobody waits: what must hold between these and the emulated batch times, a test says.
PARAMETERS = FEW_WORKERS | {"BatchWindowSeconds": "3", "SettleSeconds": "90", "SendTimeoutSeconds": "60"}
# Somebody else's Claude may take its time to list a new batch: there, a doubtful send waits as long as in production.
PATIENT_PARAMETERS = PARAMETERS | {"SettleSeconds": "1800"}
ANSWERS = FOLDER / "answers"
LOGS = FOLDER / "logs"


@dataclass(frozen=True, slots=True)
class Claude:
    """Who answers: its address, and its own account where it keeps one for us."""

    url: str
    account: Callable[[], dict[str, Any]] | None


Then = Callable[[Stack, Claude, Callable[[str], None]], list[str]]


def nothing_more(_stack: Stack, _answerer: Claude, _say: Callable[[str], None]) -> list[str]:
    """The demo is all."""
    return []


def run(options: Options, console: Console, *, then: Then = nothing_more) -> list[str]:
    """Returns what failed, a sentence each. Raises UsageError and whatever keeps the stack from starting.

    `then` goes on with the same stack once the demo has passed, and also says what failed.
    """
    say = Steps(console)
    lines = _lines(options, say)
    with _claude(options, say) as answerer, _stack(options, answerer, say) as stack:
        _store_key(stack, options.api_key)
        gathered, wrong = _drive(stack, lines, options, answerer, say, console)
        report = report_of(gathered, emulated=answerer.account is not None)
        wrong += failures(gathered, standard_prices())
        audit = audited(stack, with_claude=answerer.account is not None)
        wrong += sentences(audit)
        _tell(report, gathered, wrong, options, console)
        _tell_audit(audit, console)
        console.print(f"Report       {_short(write_page(stack))}", highlight=False, soft_wrap=True)
        if not wrong:
            wrong = then(stack, answerer, say)
        elif options.secured:
            wrong += [
                f"{function} was denied something: does its role lack a permission?" for function in _denied(stack)
            ]
        _tell_failures(wrong, console)
        if wrong:
            _save_logs(stack, console)
        if options.keep:
            _tell_endpoints(stack, answerer, console)
    return wrong


def _lines(options: Options, say: Steps) -> list[Line]:
    if options.live:
        lines = live_lines()
        most = dollars(most_it_can_cost(datetime.now(UTC)), decimals=4)
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
    say(f"Claude API emulator at {emulator.url}, clock × {claude.SPEED}")
    try:
        yield Claude(emulator.url, emulator.account)
    finally:
        if not options.keep:
            emulator.stop()
            claude.forget(FOLDER)


def _stack(options: Options, answerer: Claude, say: Steps) -> LocalStack:
    parameters = PARAMETERS if answerer.account else PATIENT_PARAMETERS
    settings = {**parameters, "ClaudeUrl": answerer.url}
    return LocalStack(settings, secured=options.secured, keep=options.keep, say=say)


def _store_key(stack: Stack, key: str | None) -> None:
    """Into the secret and not among the parameters, which a deployment writes to files."""
    if key:
        stack.client("secretsmanager").put_secret_value(SecretId=stack.outputs["ClaudeSecretArn"], SecretString=key)


def _drive(
    stack: Stack, lines: list[Line], options: Options, answerer: Claude, say: Steps, console: Console
) -> tuple[Evidence, list[str]]:
    """Sends, waits, and gathers what there is to know in the end."""
    if stack.ministack.enforces_roles():
        say("each call is checked against the caller's role from here on, and TLS is a must")
    say("warming the functions up: a first start takes seconds here")
    with console.status("starting their processes"):
        warm(stack)
    say(f"sending {len(lines)} messages to {stack.outputs['RequestQueueUrl'].rpartition('/')[2]}")
    drive, limit = Drive(stack, lines, Rejections(stack)), time_limit(options.minutes, len(lines))
    with Watch(console, say, len(lines)) as watch:
        is_over = drive(watch, limit)
    say("checking every answer and every cost record")
    gathered = _gather(stack, drive, answerer)
    return gathered, [] if is_over else [f"after {limit:.0f} s not everything was answered"]


def _gather(stack: Stack, drive: Drive, answerer: Claude) -> Evidence:
    gathered = Evidence(
        sent=sorted(drive.sent, key=lambda one: one.line.number),
        requests=evidence.requests(stack),
        batches=evidence.batches(stack),
        ledger=evidence.table(stack, "LedgerTableName"),
        objects=evidence.answers(stack),
        rejected=dict(drive.rejections.codes),
        dead_letters=evidence.dead_letters(stack),
        account=answerer.account() if answerer.account else None,
        bucket=stack.outputs["ContentBucketName"],
    )
    drive.rejections.give_back()
    evidence.copy_answers(gathered.objects, ANSWERS)
    return gathered


def _tell(report: Report, gathered: Evidence, wrong: Sequence[str], options: Options, console: Console) -> None:
    show(report, console)
    console.print(f"Copied to    {_short(ANSWERS)}", highlight=False, soft_wrap=True)
    if gathered.account is None:
        console.print("Not asked    the account of the Claude server: only our emulator keeps one")
    else:
        console.print(f"Clocks       Claude's own time passes {claude.SPEED} times as fast here, in both lanes")
    if options.secured:
        console.print("Roles        enforced, and TLS: each function had its own role's permissions")
    if not wrong:
        same = "ledger = stored answers" + ("" if gathered.account is None else " = emulator's account")
        console.print(f"Adds up      {same} = {exact(report.cost)} micro-dollars", highlight=False, soft_wrap=True)
    if options.json_file:
        text = json.dumps(document(report, gathered.account, wrong), indent=2)
        options.json_file.write_text(text + "\n", encoding="utf-8")


def _tell_audit(audit: AuditReport, console: Console) -> None:
    looked_at = ", ".join(f"{number} {what}" for what, number in audit.looked_at.items())
    console.print(f"Audit        {len(audit.gaps)} gaps in {looked_at}", highlight=False, soft_wrap=True)


def _tell_failures(wrong: Sequence[str], console: Console) -> None:
    for sentence in wrong:
        console.print(f"[bold red]FAILED[/bold red]       {escape(sentence)}", highlight=False, soft_wrap=True)


def _denied(stack: Stack) -> list[str]:
    """The functions whose logs tell of a call that AWS refused them."""
    return [
        function for function in WORKERS if any("AccessDenied" in line for line in stack.logs(f"{function}Function"))
    ]


def _save_logs(stack: Stack, console: Console) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    for function in WORKERS:
        with suppress(ClientError):
            (LOGS / f"{function}.log").write_text("\n".join(stack.logs(f"{function}Function")), encoding="utf-8")
    console.print(f"The functions' logs are in {_short(LOGS)}", highlight=False, soft_wrap=True)


def _tell_endpoints(stack: Stack, answerer: Claude, console: Console) -> None:
    for name, value in (
        ("AWS", f"AWS_ENDPOINT_URL={stack.endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"),
        ("Region", "AWS_DEFAULT_REGION=us-east-1"),
        *[("Certificate", f"AWS_CA_BUNDLE={path}") for path in (stack.ministack.certificate,) if path],
        ("Queue", stack.outputs["RequestQueueUrl"]),
        ("Claude", answerer.url),
        ("Until", "the next make demo clears it away"),
    ):
        console.print(f"{name:12} {value}", highlight=False, soft_wrap=True)


def _short(path: Path) -> Path:
    """As one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
