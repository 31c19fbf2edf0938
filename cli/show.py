"""`lanekeeper show`: one request's life, with times and reasons."""

import click

from cli.conventions import Utf8, Where, json_option, stack_options


@click.command(short_help="One request's life, with times and reasons.")
@click.argument("request_id", metavar="ID", type=Utf8())
@click.option(
    "-w", "--workload", type=Utf8(), metavar="NAME", help="Its workload; else all of workloads.yaml are looked at."
)
@json_option
@stack_options
def show(*, request_id: str, workload: str | None, as_json: bool, where: Where) -> None:
    """Tells what happened to the request with this ID, in order, and what happens next.

    It shows no content: `lanekeeper result` prints the answer. Of a request that went round again, the last batch is
    shown and the one before it is named.

    Exit codes: 0 shown, 3 no way to the stack, 5 no such request.
    """
    from cli.show_run import run  # the SDK of AWS takes its time

    run(request_id, workload, where, as_json=as_json)
