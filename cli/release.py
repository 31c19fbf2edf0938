"""`lanekeeper release`: a person takes what a batch's results have, and gives the rest up."""

import click

from cli.conventions import Where, json_option, stack_options


@click.command(short_help="Take what a batch in quarantine has; the rest ends as lost.")
@click.argument("batch_id", metavar="BATCH")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@stack_options
def release(*, batch_id: str, yes: bool, as_json: bool, where: Where) -> None:
    """Ends the quarantine of a batch whose results do not come whole.

    At the next collection, within minutes, every good row is taken. A request without one fails with the reason
    `result-lost`: it is not sent again, since it may have been billed, and its cost is unknown. This cannot be undone.

    Exit codes: 0 released, 1 not wanted, or nothing is to be released, 3 no way to the stack, 4 the collection is still
    tried, 5 not found.
    """
    from cli.release_run import run  # the SDK of AWS takes its time

    run(batch_id, where=where, yes=yes, as_json=as_json)
