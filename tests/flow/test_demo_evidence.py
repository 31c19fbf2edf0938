"""The demo's evidence, gathered from a real run: it adds up, and no longer does once something is damaged."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import boto3
import pytest
from rich.console import Console

from lanekeeper.pricing import standard_prices
from local.demo import evidence
from local.demo.check import failures
from local.demo.drive import Drive
from local.demo.evidence import Evidence, Rejections
from local.demo.progress import Status, Watch
from local.demo.report import report_of
from local.demo.traffic import Sent, line_of, send
from tests.system import System

LINES = (
    '{"id": "chat-1", "workload": "live-chat", "priority": "high", "params": %s}',
    '{"id": "article-1", "workload": "content-pipeline", "params": %s}',
    '{"id": "article-2", "workload": "content-pipeline", "params": %s}',
    '{"id": "article-2", "workload": "content-pipeline", "params": %s}',  # once more
    '{"id": "review-1", "workload": "code-review", "params": %s}',
    '{"id": "nobody-1", "workload": "nobody", "params": %s}',
    "not json (%s)",
)
PARAMS = '{"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello."}]}'


@dataclass
class StackInMoto:
    """What the demo asks of a stack."""

    system: System

    @property
    def physical(self) -> dict[str, str]:
        return self.system.ids

    @property
    def outputs(self) -> dict[str, str]:
        ids = self.system.ids
        tables = {f"{name}Name": ids[name] for name in ("RequestsTable", "BatchesTable", "LedgerTable")}
        queues = {f"{name}Url": ids[name] for name in ("RequestQueue", "RejectedQueue")}
        return tables | queues | {"ContentBucketName": ids["ContentBucket"]}

    def invoke(self, function: str) -> None:
        """Ticks come from the system that drives the handlers."""

    def client(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]


@pytest.fixture
def stack(system: System) -> StackInMoto:
    return StackInMoto(system)


def run(stack: StackInMoto) -> list[Sent]:
    lines = [line_of(number, line % PARAMS) for number, line in enumerate(LINES, start=1)]
    sent = [one for pack in send(boto3.client("sqs"), stack.outputs["RequestQueueUrl"], lines) for one in pack]
    stack.system.run_until_answered()
    return sent


def gather(stack: Any, sent: list[Sent]) -> Evidence:
    rejections = Rejections(stack)
    rejections.look()
    rejections.give_back()
    return Evidence(
        sent=sent,
        requests=evidence.requests(stack),
        batches=evidence.batches(stack),
        ledger=evidence.table(stack, "LedgerTableName"),
        objects=evidence.answers(stack),
        rejected=rejections.codes,
        dead_letters=evidence.dead_letters(stack),
        account=stack.system.emulator.world.account.report(),
    )


def test_a_run_with_bad_and_repeated_lines_adds_up(stack: StackInMoto) -> None:
    gathered = gather(stack, run(stack))
    assert failures(gathered, standard_prices()) == []
    report = report_of(gathered, emulated=True)
    assert [(share.workload, share.lane, share.requests) for share in report.shares] == [
        ("code-review", "batch", 1),
        ("content-pipeline", "batch", 2),
        ("live-chat", "realtime", 1),
    ]
    assert (report.rejected, report.repeated) == ({"invalid_json": 1, "unknown_workload": 1}, 1)
    assert report.cost == stack.system.billed()


def test_the_notices_of_rejection_stay_on_their_queue(stack: StackInMoto) -> None:
    gather(stack, run(stack))
    assert len(stack.system.waiting("RejectedQueue")) == 2


def lose_an_answer(system: System) -> None:
    (key,) = system.objects("results/workload=live-chat/")
    boto3.client("s3").delete_object(Bucket=system.ids["ContentBucket"], Key=key)


def charge_a_micro_dollar_too_much(system: System) -> None:
    row = system.items("LedgerTable")[0]
    system.table("LedgerTable").put_item(Item=row | {"cost_micro_usd": row["cost_micro_usd"] + Decimal(1)})


def reopen_a_request(system: System) -> None:
    row = system.items("RequestsTable")[0]
    system.table("RequestsTable").put_item(Item={name: row[name] for name in row if name != "outcome"})


def put_a_message_on_a_dead_letter_queue(system: System) -> None:
    boto3.client("sqs").send_message(QueueUrl=system.ids["CollectDeadLetterQueue"], MessageBody="{}")


@pytest.mark.parametrize(
    "damage",
    [lose_an_answer, charge_a_micro_dollar_too_much, reopen_a_request, put_a_message_on_a_dead_letter_queue],
)
def test_a_damaged_run_fails(stack: StackInMoto, damage: Callable[[System], None]) -> None:
    sent = run(stack)
    damage(stack.system)
    assert failures(gather(stack, sent), standard_prices())


def test_answers_are_copied_under_workload_and_date(stack: StackInMoto, tmp_path: Any) -> None:
    gathered = gather(stack, run(stack))
    evidence.copy_answers(gathered.objects, tmp_path)
    copied = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.jsonl")}
    assert copied == {"workload=live-chat", "workload=content-pipeline", "workload=code-review"}


def test_when_the_time_is_up_the_demo_goes_on_to_say_what_is_missing(stack: StackInMoto) -> None:
    console, told = Console(file=io.StringIO()), list[str]()
    drive = Drive(stack, [line_of(1, LINES[0] % PARAMS)], Rejections(stack))
    with Watch(console, told.append, 1) as watch:
        assert not drive(watch, limit=0.2)
    assert told == ["1 sent, 0 recorded, 0 rejected; answered: real time 0 of 0, batch 0 of 0; batches: none yet"]
    assert failures(gather(stack, drive.sent), standard_prices()) == [
        "line 1 has no terminal state: neither recorded nor rejected"
    ]


def test_the_drive_ends_when_every_line_has_come_to_its_end(stack: StackInMoto) -> None:
    class Working(Watch):
        """Lets the handlers run between two looks."""

        def show(self, status: Status) -> None:
            super().show(status)
            stack.system.run_until_answered()

    drive = Drive(stack, [line_of(number, line % PARAMS) for number, line in enumerate(LINES)], Rejections(stack))
    with Working(Console(file=io.StringIO()), lambda _: None, len(LINES)) as watch:
        assert drive(watch, limit=60)
