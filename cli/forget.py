"""`lanekeeper forget`: one request's content deleted, its row and its cost kept."""

import click

from cli.conventions import Utf8, Where, json_option, stack_options
from cli.output import BadInputError


@click.command(short_help="Delete one request's content; its row and its cost stay.")
@click.argument("request_id", metavar="ID", type=Utf8(), required=False)
@click.option("-w", "--workload", type=Utf8(), metavar="NAME", help="The workload that the request was sent for.")
@click.option("--rejected", "message_id", metavar="MESSAGE_ID", help="A rejected message instead.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@json_option
@stack_options
def forget(
    *,
    request_id: str | None,
    workload: str | None,
    message_id: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    where: Where,
) -> None:
    """Deletes one request's prompt, answer, id and metadata, in every version of every object that holds them.

    What will go is shown first. The request must have its answer, and its batch must be collected. Its row and its
    cost record stay, and its neighbours' answers stay where they are.

    Exit codes: 0 nothing is left, 1 failed or not wanted, 2 wrong usage, 3 no way to the stack, 4 not yet, 5 not found.
    A repeat goes on where the last one was cut off.
    """
    if (request_id is None) == (message_id is None) or (workload is None) != (request_id is None):
        raise BadInputError("name a request by ID and --workload, or a message by --rejected MESSAGE_ID")
    from cli.forget_run import Run, connected  # the SDK of AWS takes its time

    run = Run(connected(where), yes=yes, dry_run=dry_run, as_json=as_json)
    if message_id is not None:
        run.rejected(message_id)
    else:
        run.request(str(workload), str(request_id))
