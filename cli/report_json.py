"""A report for programs: money in micro-dollars with all its digits, times in seconds, null where unknown."""

from decimal import Decimal
from typing import Any

from cli.report_words import TWO_HOURS, headline
from lanekeeper import moments
from lanekeeper.durations import Durations
from lanekeeper.models import Lane
from lanekeeper.report import Account, Day, Line, Month, Report
from lanekeeper.spending import Ends, Overspend, Spend


def document(report: Report) -> dict[str, Any]:
    move = report.move
    return {
        "first_day": report.period.first.isoformat(),
        "last_day": report.period.last.isoformat(),
        "made_at": moments.to_text(report.made_at),
        "headline": headline(report),
        "total": _account(report.total),
        "eligible_batch_share": _share(report.eligible.batch_share),
        "overdue_requests": report.overdue,
        "next_to_move": move
        and {"workload": move.workload, "saving_micro_usd": _number(move.saving), "may_wait": move.may_wait},
        "discount": _discount(report.total.spends[Lane.BATCH]),
        "month": _month(report.month),
        "workloads": [_line(line) for line in report.lines],
        "days": [_day(day) for day in report.days],
    }


def _line(line: Line) -> dict[str, Any]:
    return {"workload": line.name, "may_wait": line.may_wait, **_account(line.account)}


def _account(account: Account) -> dict[str, Any]:
    return {
        "cost_micro_usd": _number(account.cost),
        "standard_micro_usd": _number(account.standard),
        "saved_micro_usd": _number(account.saved),
        "net_saving_micro_usd": _number(account.net),
        "batch_share": _share(account.batch_share),
        "overspend": _overspend(account.overspend),
        "requests": _ends(account.ends),
        **{lane.value: _lane(account.spends[lane], account.durations[lane]) for lane in Lane},
    }


def _lane(spend: Spend, times: Durations) -> dict[str, Any]:
    return {
        "answers": spend.answers,
        "rows": spend.rows,
        "cost_micro_usd": _number(spend.cost),
        "standard_micro_usd": _number(spend.standard),
        "saved_micro_usd": _number(spend.saved),
        "unpriced_rows": spend.unpriced_rows,
        "unpriced_answers": spend.unpriced_answers,
        "possible_duplicates": spend.unseen_calls,
        "lost_answers": spend.lost_answers,
        "rescues": spend.rescues,
        "rescue_micro_usd": _number(spend.rescue_cost),
        "recorded": spend.recorded,
        "recorded_micro_usd": _number(spend.recorded_cost),
        "p50_seconds": _number(times.percentile(50)),
        "p95_seconds": _number(times.percentile(95)),
        "longest_seconds": _number(times.longest),
        "within_2_hours": times.within(TWO_HOURS),
        "timed_answers": times.number,
    }


def _ends(ends: Ends) -> dict[str, Any]:
    return {
        "ended": ends.requests,
        "failed": ends.failed,
        "failures": dict(sorted(ends.failures.items())),
        "late": ends.late,
        "late_and_told_before": ends.late_told,
        "rescued": ends.rescued,
        "further_rounds": ends.rounds,
        "further_calls": ends.attempts,
    }


def _overspend(over: Overspend) -> dict[str, Any]:
    is_known = over.total is not None
    return {
        "total_micro_usd": _number(over.total),
        "unused_batch_micro_usd": _number(over.unused_batch) if is_known else None,
        "unused_realtime_micro_usd": _number(over.unused_realtime) if is_known else None,
        "rescue_premium_micro_usd": _number(over.rescue_premium) if is_known else None,
        "compared_workload_days": over.compared,
        "not_compared_workload_days": over.not_compared,
    }


def _discount(batch: Spend) -> dict[str, Any]:
    """The token charge of batch rows over the real-time price of the same usage."""
    return {
        "ratio": batch.token_cost / batch.token_standard if batch.token_standard else None,
        "rows": batch.proven_rows,
        "rows_at_exactly_half": batch.halved_rows,
    }


def _month(month: Month) -> dict[str, Any]:
    return {
        "month": month.name,
        "cost_micro_usd": _number(month.cost),
        "saved_micro_usd": _number(month.saved),
        "unpriced_rows": month.unpriced_rows,
        "elapsed": _share(month.elapsed),
        "projected_cost_micro_usd": _whole(month.projected_cost),
        "projected_saved_micro_usd": _whole(month.projected_saved),
    }


def _day(day: Day) -> dict[str, Any]:
    return {
        "day": day.day,
        "batch_micro_usd": _number(day.batch),
        "realtime_micro_usd": _number(day.realtime),
        "saved_micro_usd": _number(day.saved),
    }


def _number(number: Decimal | None) -> Decimal | None:
    """Without the zeros that arithmetic leaves behind."""
    return None if number is None else number.normalize()


def _whole(number: Decimal | None) -> Decimal | None:
    return None if number is None else number.quantize(Decimal(1))


def _share(share: Decimal | None) -> Decimal | None:
    return None if share is None else share.quantize(Decimal("0.0001"))
