"""One run of `lanekeeper send`: send, look what became of it, tell."""

from collections.abc import Mapping
from dataclasses import dataclass

import click

from cli.connection import connected, understandable
from cli.conventions import Exit, UnreachableError, Where
from cli.progress import Counter
from cli.request_file import RequestFile, opened
from cli.send import CHECK_SECONDS
from cli.send_report import Report, show
from cli.send_state import SendState, load
from cli.sending import Sending
from lanekeeper.client import Client, Ticket, TimedOutError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user wants."""

    workload: str | None
    wait: bool
    timeout: float | None
    check: bool
    restart: bool


def run(name: str, where: Where, options: Options, *, as_json: bool) -> Exit:
    """Sends the file and prints what became of it."""
    client = connected(where)
    with opened(name) as file, understandable():
        state = load(file.digest, client.addresses.queue_url, options.workload)
        if options.restart:
            state.forget()
        taken_before = len(state.taken)
        sending = _sent(client, file, state, options.workload)
    report = Report(
        taken=len(sending.tickets),
        taken_before=taken_before,
        not_sent=sending.problems,
        pending=len(sending.tickets),
        waited=options.wait,
    )
    try:
        _look(client, sending.tickets, report, options)
    finally:
        show(report, as_json=as_json)
    if not sending.refused and not (options.wait and report.pending):
        state.forget()
    return report.exit_code


def _sent(client: Client, file: RequestFile, state: SendState, workload: str | None) -> Sending:
    if state.taken:
        click.echo(f"{len(state.taken):,} lines are on the queue already (--restart sends all again)", err=True)
    try:
        with Counter("sending", file.total, done=len(state.taken), clock=client.clock) as counter:
            sending = Sending(client=client, state=state, tell=counter.advance)
            sending(file, workload)
    except BaseException:
        click.echo(f"{len(state.taken):,} lines are on the queue; the same command goes on from there", err=True)
        raise
    return sending


def _look(client: Client, tickets: Mapping[int, Ticket], report: Report, options: Options) -> None:
    """What becomes of the lines. A user who only sends need not be allowed to look."""
    if options.wait:
        with understandable():
            _follow(client, tickets, report, timeout=options.timeout)
    elif options.check:
        try:
            with understandable():
                _follow(client, tickets, report, timeout=CHECK_SECONDS)
        except UnreachableError as error:
            click.echo(f"cannot look for rejections: {error.message}", err=True)


def _follow(client: Client, tickets: Mapping[int, Ticket], report: Report, *, timeout: float | None) -> None:
    lines = {ticket: number for number, ticket in tickets.items()}
    with Counter("waiting" if report.waited else "checking", len(lines), forecast=False, clock=client.clock) as counter:
        try:
            for ticket, end in client.settled(lines, timeout=timeout, until_accepted=not report.waited):
                report.add(lines[ticket], end)
                counter.advance(1)
        except TimedOutError:
            pass  # the report counts what is pending
