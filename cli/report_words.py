"""What a report says in words: its headline, and each figure that needs a sentence."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from cli.output import micro_money
from lanekeeper.durations import Durations
from lanekeeper.models import Lane
from lanekeeper.report import Account, Move, Report
from lanekeeper.spending import Spend

TWO_HOURS = 7200
UNKNOWN = "unknown"


def headline(report: Report) -> list[str]:
    """What was saved, whether the promise of the deadlines holds, what to move next."""
    first = " ".join(filter(None, [saved(report.total), left_out(report.total)]))
    return [first, deadlines(report), next_move(report.move)]


def saved(total: Account) -> str:
    if not total.cost and not total.unpriced_rows:
        return "Nothing was billed."
    if total.net is None:
        return f"Batches saved {dollars(total.saved)}, less what was bought twice, which is not known yet."
    if total.net < 0:
        return f"Nothing was saved: what was bought twice cost {dollars(-total.net)} more than batches saved."
    standard = total.standard - total.overspend.unused_standard
    share = percent(total.net, standard)
    return f"Saved {dollars(total.net)} of the {dollars(standard)} that real time would have cost: {share}."


def left_out(total: Account) -> str | None:
    """What no sum can hold; None where all has a price."""
    return f"Left out: {counted(total.unpriced_rows, 'row')} without a price." if total.unpriced_rows else None


def deadlines(report: Report) -> str:
    ends = report.total.ends
    if not ends.requests:
        return "No request has ended." if not report.overdue else f"{overdue(report.overdue)}."
    behind = f"; {overdue(report.overdue)}" if report.overdue else ""
    if not ends.late:
        met = f"All {ends.requests:,} requests ended within their deadlines"
        return f"{'The one request ended within its deadline' if ends.requests == 1 else met}{behind}."
    untold = ends.late - ends.late_told
    share = f"{ends.late:,} of {counted(ends.requests, 'request')} ended behind their deadlines"
    told = f"{untold:,} unannounced" if untold else "all announced before"
    return f"{share} ({percent(ends.late, ends.requests)}), {told}{behind}."


def overdue(number: int) -> str:
    return f"{number:,} {'waits' if number == 1 else 'wait'} behind {'its deadline' if number == 1 else 'theirs'} now"


def next_move(move: Move | None) -> str:
    if move is None:
        return "Nothing is left to move to batches that would save $10 a month."
    amount = dollars(move.saving)
    if move.may_wait:
        return f"Next to move: {move.workload}, which may wait: its real-time calls cost {amount} less in batches."
    return f"Next to move: {move.workload}, if it can wait an hour or more: batches would save {amount}."


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """A name and a sentence for everything that is no column."""
    total = report.total
    yield from _money(total)
    yield from _times(total)
    if total.cost:
        yield "Batch share", shares(report)
    yield from _counts(total)
    yield from _unknowns(total)
    if proven := proof(total.spends[Lane.BATCH]):
        yield "Half price", proven
    yield "Month", month(report)


def shares(report: Report) -> str:
    of_eligible = report.eligible.batch_share
    eligible = (
        "nothing was spent on workloads that may wait"
        if of_eligible is None
        else (f"{percent(of_eligible, 1)} of what workloads that may wait spent")
    )
    return f"{percent(report.total.batch_share or Decimal(0), 1)} of all spend, {eligible}"


def proof(batch: Spend) -> str | None:
    """The discount as the rows have it; None where no batch was priced."""
    if not batch.proven_rows or not batch.token_standard:
        return None
    ratio = (batch.token_cost / batch.token_standard).quantize(Decimal("0.000001")).normalize()
    each = "in each" if batch.halved_rows == batch.proven_rows else f"but only in {batch.halved_rows:,} exactly half"
    return f"tokens of {counted(batch.proven_rows, 'row')} from batches cost {ratio:f} of their real-time price, {each}"


def month(report: Report) -> str:
    this = report.month
    until_now = f"{this.name}: {dollars(this.cost)} spent and {dollars(this.saved)} saved by now"
    if this.projected_cost is None or this.projected_saved is None:
        return f"{until_now}, too early to say what it comes to"
    return f"{until_now}; at this rate {dollars(this.projected_cost)} and {dollars(this.projected_saved)} by its end"


def _money(total: Account) -> Iterator[tuple[str, str]]:
    spend, over = total.spends[Lane.REALTIME], total.overspend
    if spend.rescues:
        more = f", {dollars(over.rescue_premium)} more than in their batches" if over.total is not None else ""
        yield "Rescues", f"{counted(spend.rescues, 'call')} for {dollars(spend.rescue_cost)}{more}"
    if over.unused_batch or over.unused_realtime:
        in_batches, in_realtime = dollars(over.unused_batch), dollars(over.unused_realtime)
        yield "Bought twice", f"{in_batches} in batches, {in_realtime} in real time: answers that came second"
    if total.net is not None and total.net != total.saved:
        twice = dollars(over.unused_standard)
        yield (
            "Net saving",
            f"{dollars(total.net)}: {dollars(total.saved)} less {twice}, the second answers in real time",
        )
    if over.not_compared:
        days = f"{over.not_compared:,} of {over.compared + over.not_compared:,} days of workloads"
        yield "Not compared", f"{days}, for what was bought twice: at work, unpriced, or over 30 days ago"


def _times(total: Account) -> Iterator[tuple[str, str]]:
    batch, realtime = total.durations[Lane.BATCH], total.durations[Lane.REALTIME]
    if batch.longest is not None:
        in_time = percent(batch.within(TWO_HOURS), batch.number)
        yield "Batches", f"{_halves(batch)}, the last after {duration(batch.longest)}; {in_time} within 2 h"
    if realtime.longest is not None:
        yield "Real time", _halves(realtime)


def _halves(times: Durations) -> str:
    return f"half of the answers within {duration(times.percentile(50))}, 95 % within {duration(times.percentile(95))}"


def _counts(total: Account) -> Iterator[tuple[str, str]]:
    ends = total.ends
    if ends.rounds or ends.attempts:
        rounds, calls = counted(ends.rounds, "further round"), counted(ends.attempts, "further call")
        yield "Retries", f"{rounds} in batches, {calls} in real time"
    if ends.failed:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in sorted(ends.failures.items()))
        yield "Failed", f"{ends.failed:,} of {ends.requests:,} requests: {reasons}"


def _unknowns(total: Account) -> Iterator[tuple[str, str]]:
    spends = total.spends.values()
    answers = sum(spend.unpriced_answers for spend in spends)
    if total.unpriced_rows:
        yield (
            "Not priced",
            f"{counted(total.unpriced_rows, 'row')} with {counted(answers, 'answer')}: they are in no sum",
        )
    if unseen := sum(spend.unseen_calls for spend in spends):
        yield "Unseen", f"{counted(unseen, 'call')} whose answer nobody saw, billed or not: at unknown cost"
    if lost := sum(spend.lost_answers for spend in spends):
        yield "Lost", f"{counted(lost, 'result')} of batches that nobody will see: at unknown cost"


def dollars(micro_usd: Decimal | None) -> str:
    """`$9.24`, `-$1.00`, `unknown`."""
    if micro_usd is None:
        return UNKNOWN
    return f"-{micro_money(-micro_usd)}" if micro_usd < 0 else micro_money(micro_usd)


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    """`11.6 %`; what is not nothing is not shown as nothing."""
    if not whole:
        return "–"
    exact = 100 * Decimal(part) / Decimal(whole)
    if 0 < exact < Decimal("0.05"):
        return "<0.1 %"
    return f"{exact.quantize(Decimal('0.1'), ROUND_HALF_UP):f} %".replace(".0 %", " %")


def counted(number: int, noun: str) -> str:
    """`1 row`, `1,234 rows`"""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: Decimal | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
