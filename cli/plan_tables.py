"""How a plan is shown: tables that fit 80 columns, and JSON."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from cli.output import cents, console, json_text, money, printable
from cli.request_log import CHARACTERS_PER_TOKEN
from lanekeeper.models import Lane
from lanekeeper.planning import LogPlan, Recommendation, Share, duration, total_saving, unpriced_model
from lanekeeper.pricing import PriceList

_NARROW = 80  # below, the figures do not fit beside each other
_WIDE = 120  # from here on the reasons fit into the table
_MODELS_SHOWN = 5
_FOUR_PLACES = Decimal("0.0001")


def show_workloads(recommendations: Sequence[Recommendation], *, as_json: bool) -> None:
    """The decision matrix with its total, or the list of its rows."""
    if as_json:
        click.echo(json_text([_row_document(row) for row in recommendations]))
        return
    out = console()
    if out.width < _NARROW:
        out.print(*map(_card, recommendations), sep="\n")
    else:
        out.print(_matrix(recommendations, with_reasons=out.width >= _WIDE), "")
    if _NARROW <= out.width < _WIDE:
        out.print(_reasons(recommendations), "")
    out.print(_total(recommendations))


def show_log(plan: LogPlan, prices: PriceList, *, as_json: bool) -> None:
    """The shares of a log and what batches would save."""
    if as_json:
        click.echo(json_text(_log_document(plan)))
        return
    out = console()
    out.print(_shares(plan), "")
    for sentence in _findings(plan, prices):
        out.print(sentence)


def _row_document(row: Recommendation) -> dict[str, Any]:
    return {
        "name": row.forecast.name,
        "recommendation": row.lane,
        "real_time_monthly": cents(row.realtime_monthly),
        "batch_monthly": cents(row.batch_monthly),
        "monthly_savings": cents(row.monthly_saving),
        "reason": row.reason,
    }


def _matrix(recommendations: Sequence[Recommendation], *, with_reasons: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Workload\nModel", overflow="fold")
    table.add_column("Requests\na day", justify="right", no_wrap=True)
    table.add_column("Tokens\neach", justify="right", no_wrap=True)
    table.add_column("Lane\n", no_wrap=True)
    for heading in ("Real time\na month", "Batch\na month", "Saved\na month"):
        table.add_column(heading, justify="right", no_wrap=True)
    if with_reasons:
        table.add_column("Reason\n")
    for row in recommendations:
        table.add_row(*_cells(row), *[row.reason] * with_reasons)
    return table


def _cells(row: Recommendation) -> tuple[Text | str, ...]:
    """Two lines a workload, so that all figures fit beside each other."""
    load = row.forecast
    style = "green" if row.lane is Lane.BATCH else ""
    return (
        Text.assemble((load.name, "bold"), "\n", (load.model, "dim")),
        f"{load.requests_per_day:,f}\nin {duration(load.latency_minutes)}",
        f"{load.input_tokens:,} in\n{load.output_tokens:,} out",
        Text(row.lane, style),
        money(row.realtime_monthly),
        money(row.batch_monthly),
        Text(money(row.monthly_saving) if row.lane is Lane.BATCH else "–", style),
    )


def _card(row: Recommendation) -> Text:
    load = row.forecast
    return Text.assemble(
        (load.name, "bold"),
        f", {load.model}\n{load.requests_per_day:,f} requests a day, {load.input_tokens:,} tokens in,"
        f" {load.output_tokens:,} out\n{row.lane}: {row.reason}\n"
        f"{money(row.realtime_monthly)} a month in real time, {money(row.batch_monthly)} in batches\n",
    )


def _reasons(recommendations: Sequence[Recommendation]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for row in recommendations:
        table.add_row(Text(row.forecast.name, "bold"), f"{row.lane}: {row.reason}")
    return table


def _total(recommendations: Sequence[Recommendation]) -> str:
    batched = [row for row in recommendations if row.lane is Lane.BATCH]
    if not batched:
        return "Nothing is recommended for batch."
    realtime = sum((row.realtime_monthly for row in batched), Decimal(0))
    return (
        f"Batches save [bold]{money(total_saving(batched))}[/bold] a month of 30 days, on {len(batched)} of"
        f" {len(recommendations)} workloads: {money(realtime)} in real time."
    )


def _shares(plan: LogPlan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    for heading in ("Requests", "Tokens", "Real time", "Batch"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, share in (("urgent", plan.urgent), ("normal", plan.normal)):
        table.add_row(
            name,
            f"{share.requests:,}  {_percent(share.requests, plan.requests)}",
            f"{share.tokens:,}  {_percent(share.tokens, plan.tokens)}",
            f"{money(share.realtime_cost)}  {_percent(share.realtime_cost, plan.realtime_cost)}",
            money(share.batch_cost),
        )
    return table


def _findings(plan: LogPlan, prices: PriceList) -> Iterator[str]:
    yield (
        f"Batches for the normal requests save [bold]{money(plan.saving)}[/bold] of {money(plan.realtime_cost)}:"
        f" {_percent(plan.saving, plan.realtime_cost)}, weighted by tokens and their prices."
        f" Counted by requests it would seem {_percent(plan.normal.requests, 2 * plan.requests)}."
    )
    if plan.estimated:
        yield (
            f"[yellow]Estimated[/yellow] for {plan.estimated:,} of {plan.requests:,} requests, which have no usage:"
            f" input as {CHARACTERS_PER_TOKEN} characters a token, without images and files; output as max_tokens, an"
            " upper bound."
        )
    yield from _unpriced(plan, prices)


def _unpriced(plan: LogPlan, prices: PriceList) -> Iterator[str]:
    for model, count in plan.unpriced.most_common(_MODELS_SHOWN):
        reason = f"{model} with usage that no price covers" if prices.knows(model) else unpriced_model(model, prices)
        yield f"[red]Not in the costs[/red]: {count:,} of {plan.requests:,} requests; {printable(reason)}."
    if (others := len(plan.unpriced) - _MODELS_SHOWN) > 0:
        yield f"[red]Not in the costs[/red]: the requests of {others:,} other models without a price."


def _log_document(plan: LogPlan) -> dict[str, Any]:
    return {
        "requests": plan.requests,
        "estimated_requests": plan.estimated,
        "unpriced_requests": plan.unpriced,
        "urgent": _share_document(plan.urgent, plan),
        "normal": _share_document(plan.normal, plan),
        "real_time_cost": cents(plan.realtime_cost),
        "savings": cents(plan.saving),
        "savings_share": _fraction(plan.saving, plan.realtime_cost),
        "savings_share_by_tokens": _fraction(plan.normal.tokens, 2 * plan.tokens),
        "savings_share_by_requests": _fraction(plan.normal.requests, 2 * plan.requests),
    }


def _share_document(share: Share, plan: LogPlan) -> dict[str, Any]:
    return {
        "requests": share.requests,
        "requests_share": _fraction(share.requests, plan.requests),
        "tokens": share.tokens,
        "tokens_share": _fraction(share.tokens, plan.tokens),
        "real_time_cost": cents(share.realtime_cost),
        "batch_cost": cents(share.batch_cost),
    }


def _fraction(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    return (Decimal(part) / Decimal(whole)).quantize(_FOUR_PLACES, ROUND_HALF_UP) if whole else None


def _percent(part: Decimal | int, whole: Decimal | int) -> str:
    fraction = _fraction(part, whole)
    return "–" if fraction is None else f"{fraction * 100:.1f} %"
