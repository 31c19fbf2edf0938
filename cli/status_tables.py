"""How a stack's status is shown: a screen of lines for people, all of it as JSON for programs."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cli.open_work import PERSON, Depth, LaneState, Status, Work
from cli.report_words import duration
from lanekeeper import moments
from lanekeeper.models import Lane

SHOWN = 10  # batches; all of them stand in the JSON
_LANES = {Lane.REALTIME: "real time", Lane.BATCH: "batch"}


def text(status: Status) -> str:
    """One screen."""
    return "\n".join(_lines(status))


def document(status: Status) -> dict[str, Any]:
    """The same for programs, every batch among it."""
    return {
        "stack": status.stack,
        "at": moments.to_text(status.at),
        "lanes": [
            {
                "lane": lane.lane.value,
                "held": lane.is_held,
                "until": _moment(lane.until),
                "reason": lane.reason,
                "needs_person": lane.needs_person,
            }
            for lane in status.lanes
        ],
        "batches": [_work(each) for each in status.batches],
        "segments": [_work(each) for each in status.segments],
        "queues": [_depth(each) for each in status.queues],
        "dead_letter_queues": [_depth(each) for each in status.dead_letters],
        "alarms": status.alarms,
    }


def _lines(status: Status) -> Iterator[str]:
    yield f"Stack      {status.stack} at {status.at:%Y-%m-%d %H:%M:%S} UTC"
    for lane in status.lanes:
        yield f"{'Lanes' if lane is status.lanes[0] else '':<10} {_LANES[lane.lane]:<10} {_lane(lane, status.at)}"
    yield from _group("Batches", "not done", status.batches, status.at)
    yield from _group("Segments", "waiting for a batch", status.segments, status.at)
    yield "Queues     " + ", ".join(f"{each.queue} {each.total:,}" for each in status.queues)
    yield from _dead_letters(status.dead_letters)
    yield f"Alarms     {_alarms(status.alarms)}"


def _lane(lane: LaneState, now: datetime) -> str:
    if not lane.is_held or lane.until is None:
        return "calls go through"
    when = "one call tries next" if lane.until <= now else f"one call tries in {_time(lane.until - now)}"
    return f"held: {lane.reason}; {when}" + (f"; {PERSON}" if lane.needs_person else "")


def _group(title: str, words: str, work: Sequence[Work], now: datetime) -> Iterator[str]:
    total = sum(each.requests for each in work)
    yield f"{title:<10} {len(work):,} {words}" + (f", {total:,} requests" if work else "")
    for each in work[:SHOWN]:
        yield f"  {each.id}  {each.state}, {each.requests:,} of {each.workload}"
        yield f"    {_time(now - each.since)} old, {_wanted(each.deadline, now)}; {_next(each, now)}"
    if len(work) > SHOWN:
        yield f"  and {len(work) - SHOWN:,} with later deadlines: --json names all"


def _wanted(deadline: datetime, now: datetime) -> str:
    late = f"wanted {_time(now - deadline)} ago"
    return late if deadline < now else f"wanted in {_time(deadline - now)}"


def _next(work: Work, now: datetime) -> str:
    return f"next {work.next}" if work.next_at <= now else f"in {_time(work.next_at - now)} {work.next}"


def _dead_letters(queues: Sequence[Depth]) -> Iterator[str]:
    full = [each for each in queues if each.total]
    yield "Dead       " + (", ".join(f"{each.queue} {each.total:,}" for each in full) or "no letters")
    if full:
        yield "           the runbook (docs/operations.md) first, then: lanekeeper redrive"


def _alarms(alarms: Sequence[str] | None) -> str:
    if alarms is None:
        return "unknown: no right to read them (cloudwatch:DescribeAlarms)"
    return ", ".join(alarms) or "none rings"


def _time(span: timedelta) -> str:
    return duration(Decimal(max(0, round(span.total_seconds()))))


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moments.to_text(moment)


def _work(work: Work) -> dict[str, Any]:
    return {
        "id": work.id,
        "workload": work.workload,
        "state": work.state,
        "requests": work.requests,
        "since": moments.to_text(work.since),
        "deadline": moments.to_text(work.deadline),
        "next": work.next,
        "next_at": moments.to_text(work.next_at),
    }


def _depth(depth: Depth) -> dict[str, Any]:
    return {"queue": depth.queue, "visible": depth.visible, "in_work": depth.in_work, "delayed": depth.delayed}
