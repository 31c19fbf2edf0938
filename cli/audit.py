"""`lanekeeper audit`: every request in one place, every Claude batch ours, the ledger right; or where it is not."""

import click

from cli.conventions import Where, json_option, stack_options


@click.command(short_help="Look for requests, batches and costs that do not add up.")
@click.option("--since", default="7d", show_default=True, metavar="TIME", help="How far back: 36h, 7d; at most 29d.")
@click.option("--no-claude", is_flag=True, help="Leave Claude's listing out: needs neither its key nor a way to it.")
@json_option
@stack_options
def audit(*, since: str, no_claude: bool, as_json: bool, where: Where) -> None:
    """Proves from tables, bucket and Claude's listing that nothing is lost, or names what is.

    All unanswered requests are looked at, and what has ended since then. It reads only, also while the stack works:
    what is younger than ten minutes is in flight, and what looks wrong is looked at twice.

    Exit codes: 0 no gap, 1 gaps, 2 wrong usage, 3 no way to the stack or to Claude, so that a part is not proven.
    """
    from cli.audit_run import run  # the SDK of AWS takes its time

    run(where, since=since, with_claude=not no_claude, as_json=as_json)
