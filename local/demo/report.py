"""The demo's figures: what each workload got in each lane, how fast, and for how much."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil
from pathlib import PurePosixPath
from typing import Any

from lanekeeper import moments
from lanekeeper.models import Lane, Outcome
from local.demo.check import total
from local.demo.evidence import Evidence, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One workload in one lane. Times in seconds, money in micro-dollars; None says unknown."""

    workload: str
    lane: str
    requests: int
    failed: int
    clock: str  # of the two times: wall, or emulated for Claude's sped-up time in a batch
    p50: float | None
    p95: float | None
    wall_p50: float | None
    wall_p95: float | None
    cost: Decimal | None
    standard: Decimal | None  # what the same usage costs in real time

    @property
    def saved(self) -> Decimal | None:
        return None if self.cost is None or self.standard is None else self.standard - self.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """One batch: times in seconds."""

    batch: str
    workload: str
    requests: int
    state: str
    at_claude: float | None
    clock: str  # Claude's own: emulated, or somebody else's


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that the table, the JSON file and the closing sentences say."""

    shares: Sequence[Share]
    batches: Sequence[BatchLine]
    dead_letters: dict[str, int]
    rejected: dict[str, int]  # messages by code
    refused: dict[str, int]  # by SQS itself, by code
    failed: dict[str, int]  # requests by reason
    messages: int
    repeated: int  # messages that named a request which another message had named
    answers: int
    possible_duplicates: int
    bucket: str

    @property
    def cost(self) -> Decimal | None:
        return total(share.cost for share in self.shares)

    @property
    def standard(self) -> Decimal | None:
        return total(share.standard for share in self.shares)

    @property
    def saved(self) -> Decimal | None:
        return None if self.cost is None or self.standard is None else self.standard - self.cost


def report_of(evidence: Evidence, *, emulated: bool) -> Report:
    """`emulated`: Claude's clock is the emulator's, which runs fast."""
    clock = "emulated" if emulated else "wall"
    named = [s.line.key for s in evidence.sent if s.message_id and s.message_id not in evidence.rejected]
    return Report(
        shares=list(_shares(evidence, clock)),
        batches=sorted(
            (_batch_line(row, "emulated" if emulated else "its clock") for row in evidence.batches),
            key=lambda line: line.batch,
        ),
        dead_letters=dict(evidence.dead_letters),
        rejected=dict(Counter(evidence.rejected.values())),
        refused=dict(Counter(sent.refusal for sent in evidence.sent if sent.refusal)),
        failed=dict(Counter(str(row["outcome_reason"]) for row in _ended(evidence) if _has_failed(row))),
        messages=len(evidence.sent),
        repeated=len(named) - len(set(named)),
        answers=sum(1 for _ in _ended(evidence)),
        possible_duplicates=sum(row["kind"] == "possible_duplicate" for row in evidence.ledger),
        bucket=evidence.bucket,
    )


def percentile(values: Iterable[float], percent: int) -> float | None:
    """Nearest rank: a value that was really measured. None where nothing was."""
    ordered = sorted(values)
    return ordered[ceil(percent / 100 * len(ordered)) - 1] if ordered else None


def _shares(evidence: Evidence, clock: str) -> Iterator[Share]:
    rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in evidence.requests.values():
        rows[row["workload"], row["lane"]].append(row)
    at_claude = {str(row["item_id"]).removeprefix("batch#"): _seconds_at_claude(row) for row in evidence.batches}
    for (workload, lane), group in sorted(rows.items()):
        yield _share(workload, lane, group, evidence.ledger, clock if lane == Lane.BATCH else "wall", at_claude)


def _share(
    workload: str, lane: str, rows: Sequence[Row], ledger: Sequence[Row], clock: str, at_claude: dict[str, Any]
) -> Share:
    ended = [row for row in rows if "outcome" in row]
    wall = [_wall_seconds(row) for row in ended]
    emulated = [
        seconds for row in ended if (seconds := at_claude.get(PurePosixPath(row["answer_key"]).stem)) is not None
    ]
    times = emulated if clock == "emulated" else wall
    bills = [row for row in ledger if (row["workload"], row["lane"], row["kind"]) == (workload, lane, "answer")]
    return Share(
        workload=workload,
        lane=lane,
        requests=len(rows),
        failed=sum(map(_has_failed, ended)),
        clock=clock,
        p50=percentile(times, 50),
        p95=percentile(times, 95),
        wall_p50=percentile(wall, 50),
        wall_p95=percentile(wall, 95),
        cost=total(row["cost_micro_usd"] for row in bills),
        standard=total(row["standard_micro_usd"] for row in bills),
    )


def _batch_line(row: Row, clock: str) -> BatchLine:
    return BatchLine(
        batch=str(row["item_id"]).removeprefix("batch#"),
        workload=row["workload"],
        requests=int(row["count"]),
        state=row["state"],
        at_claude=_seconds_at_claude(row),
        clock=clock,
    )


def _ended(evidence: Evidence) -> Iterator[Row]:
    return (row for row in evidence.requests.values() if "outcome" in row)


def _has_failed(row: Row) -> bool:
    return bool(row["outcome"] == Outcome.FAILED)


def _wall_seconds(row: Row) -> float:
    """From sent to answered, as the producer waits."""
    return _between(row["sent_at"], row["finished_at"])


def _seconds_at_claude(batch: Row) -> float | None:
    if batch.get("created_at") is None or batch.get("ended_at") is None:
        return None
    return _between(batch["created_at"], batch["ended_at"])


def _between(start: str, end: str) -> float:
    span: datetime = moments.from_text(end)
    return (span - moments.from_text(start)).total_seconds()
