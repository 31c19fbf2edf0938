"""`lanekeeper result`: answers by the ids of their requests."""

import click

from cli.conventions import Utf8, Where, json_option, stack_options


@click.command(short_help="Print the answers of requests.")
@click.argument("ids", metavar="ID...", type=Utf8(), nargs=-1, required=True)
@click.option(
    "-w",
    "--workload",
    type=Utf8(),
    metavar="NAME",
    help="Their workload; else all of workloads.yaml are looked at.",
)
@click.option("--wait", is_flag=True, help="Wait until every request has its end; for ids not known yet, a minute.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="With --wait: how long at most.")
@json_option
@stack_options
def result(
    *, ids: tuple[str, ...], workload: str | None, wait: bool, timeout: float | None, as_json: bool, where: Where
) -> None:
    """Prints the answers of the requests with these IDs, in their order: the text on stdout, the facts on stderr.

    With --json one line for each: what the request's row says, and the answer as it is stored.
    """
    from cli.result_run import run  # the SDK of AWS takes its time

    raise click.exceptions.Exit(run(ids, workload, where, wait=wait, timeout=timeout, as_json=as_json))
