"""The report on a terminal and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from local.demo.report import BatchLine, Report, Share

ROOMY = 100  # columns, from which on the tables get wider gaps
LANES = {"realtime": "real time", "batch": "batch"}


def show(report: Report, console: Console) -> None:
    """The table, the batches, and what else there is to say, within 80 columns."""
    console.print("", _costs(report, console), "", sep="\n")
    if report.batches:
        console.print(_batches(report.batches, console), "", sep="\n")
    for sentence in _sentences(report):
        console.print(sentence, soft_wrap=True, highlight=False)


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


def dollars(micro: Decimal | None, decimals: int = 2) -> str:
    """Micro-dollars as `$9.24`."""
    return "unknown" if micro is None else f"${micro / 1_000_000:,.{decimals}f}"


def decimals_for(micro: Decimal | None) -> int:
    """As many decimals as the parts of this sum need to be seen."""
    return 2 if micro is None or micro >= 1_000_000 else 4


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def counted(counts: Mapping[str, int]) -> str:
    """`unknown_workload 2, invalid_json 1`"""
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def _table(console: Console) -> Table:
    gap = 1 if console.width >= ROOMY else 0
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap), collapse_padding=True)


def _costs(report: Report, console: Console) -> Table:
    table, decimals = _table(console), decimals_for(report.cost)
    table.show_footer = True
    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    table.add_column("workload, lane", "all", overflow="fold")
    table.add_column("requests", str(sum(share.requests for share in report.shares)), **right)
    table.add_column("p50", **right)
    table.add_column("p95", **right)
    table.add_column("clock", no_wrap=True)
    table.add_column("cost", dollars(report.cost, decimals), **right)
    table.add_column("in real\ntime", dollars(report.standard, decimals), **right)
    table.add_column("saved", dollars(report.saved, decimals), style="green", **right)
    for share in report.shares:
        table.add_row(*_cells(share, decimals))
    return table


def _cells(share: Share, decimals: int) -> Iterator[str]:
    yield from (f"{share.workload}, {LANES[share.lane]}", str(share.requests))
    yield from (duration(share.p50), duration(share.p95), share.clock)
    yield from (dollars(amount, decimals) for amount in (share.cost, share.standard, share.saved))


def _batches(batches: Sequence[BatchLine], console: Console) -> Table:
    table = _table(console)
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
    return f"p50 {duration(share.wall_p50)}, p95 {duration(share.wall_p95)} until answered"


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
