"""The report on a terminal and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from local.demo.report import BatchLine, Report, Share

LANES = {"realtime": "real time", "batch": "batch"}


def show(report: Report, console: Console) -> None:
    """The table, the batches, and what else there is to say, within 80 columns."""
    console.print(_costs(report))
    if report.batches:
        console.print(_batches(report.batches))
    for sentence in _sentences(report):
        console.print(sentence, soft_wrap=False, highlight=False)


def document(report: Report, account: Mapping[str, Any] | None, failures: Sequence[str]) -> dict[str, Any]:
    """The same for programs: seconds as numbers, money in micro-dollars, null where unknown."""
    return {
        "passed": not failures,
        "failures": list(failures),
        "messages": report.messages,
        "answers": report.answers,
        "repeated": report.repeated,
        "rejected": report.rejected,
        "refused_by_sqs": report.refused,
        "failed": report.failed,
        "cost_micro_usd": exact(report.cost),
        "standard_micro_usd": exact(report.standard),
        "saved_micro_usd": exact(report.saved),
        "possible_duplicates": report.possible_duplicates,
        "workloads": [_share_document(share) for share in report.shares],
        "batches": [_batch_document(batch) for batch in report.batches],
        "dead_letter_queues": report.dead_letters,
        "answers_in": f"s3://{report.bucket}/results/",
        "emulator_account": account,
    }


def exact(amount: Decimal | None) -> int | float | str | None:
    """A JSON value without loss: a number where one can say it, else the digits as text."""
    if amount is None:
        return None
    if amount == amount.to_integral_value():
        return int(amount)
    number = float(amount)
    return number if Decimal(repr(number)) == amount else str(amount)


def dollars(micro: Decimal | None) -> str:
    """With two decimals, or as many as a small amount needs to be seen."""
    if micro is None:
        return "unknown"
    amount = micro / 1_000_000
    return f"${amount:,.2f}" if amount == 0 or abs(amount) >= 1 else f"${amount:,.4f}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def counted(counts: Mapping[str, int]) -> str:
    """`unknown_workload 2, invalid_json 1`"""
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), collapse_padding=True, show_edge=False)


def _costs(report: Report) -> Table:
    table = _table()
    table.show_footer = True
    table.add_column("workload, lane", "all", overflow="fold")
    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    table.add_column("sent", str(sum(share.requests for share in report.shares)), **right)
    table.add_column("p50", **right)
    table.add_column("p95", **right)
    table.add_column("clock", no_wrap=True)
    table.add_column("cost", dollars(report.cost), **right)
    table.add_column("if all in\nreal time", dollars(report.standard), **right)
    table.add_column("saved", dollars(report.saved), style="green", **right)
    for share in report.shares:
        table.add_row(*_cells(share))
    return table


def _cells(share: Share) -> Iterator[str]:
    yield from (f"{share.workload}, {LANES[share.lane]}", str(share.requests))
    yield from (duration(share.p50), duration(share.p95), share.clock)
    yield from (dollars(share.cost), dollars(share.standard), dollars(share.saved))


def _batches(batches: Sequence[BatchLine]) -> Table:
    table = _table()
    table.add_column("batch", no_wrap=True)
    table.add_column("workload", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("requests", justify="right")
    table.add_column(f"at Claude\n({batches[0].clock})", justify="right", no_wrap=True)
    for batch in batches:
        table.add_row(batch.batch, batch.workload, batch.state, str(batch.requests), duration(batch.at_claude))
    return table


def _sentences(report: Report) -> Iterator[str]:
    depths = {queue.removesuffix("DeadLetterQueue"): depth for queue, depth in report.dead_letters.items()}
    yield f"Answers      {report.answers}, in s3://{report.bucket}/results/"
    yield f"Dead letters {counted(depths)}"
    for share in report.shares:
        if share.clock == "emulated":
            yield f"On the wall  {share.workload}, {LANES[share.lane]}: " + _wall(share)
    for name, counts in (("Rejected", report.rejected), ("SQS refused", report.refused), ("Failed", report.failed)):
        if counts:
            yield f"{name:12} {counted(counts)}"
    if report.repeated:
        yield f"Repeated     {report.repeated} messages named a request that had come before; each was answered once"
    if report.possible_duplicates:
        yield f"Unseen       {report.possible_duplicates} calls may have been billed without an answer; cost unknown"


def _wall(share: Share) -> str:
    return f"p50 {duration(share.wall_p50)}, p95 {duration(share.wall_p95)} from sent to answered"


def _share_document(share: Share) -> dict[str, Any]:
    return {
        "workload": share.workload,
        "lane": share.lane,
        "requests": share.requests,
        "failed": share.failed,
        "p50_seconds": share.p50,
        "p95_seconds": share.p95,
        "clock": share.clock,
        "wall_p50_seconds": share.wall_p50,
        "wall_p95_seconds": share.wall_p95,
        "cost_micro_usd": exact(share.cost),
        "standard_micro_usd": exact(share.standard),
        "saved_micro_usd": exact(share.saved),
    }


def _batch_document(batch: BatchLine) -> dict[str, Any]:
    return {
        "batch": batch.batch,
        "workload": batch.workload,
        "requests": batch.requests,
        "state": batch.state,
        "seconds_at_claude": batch.at_claude,
        "clock": batch.clock,
    }
