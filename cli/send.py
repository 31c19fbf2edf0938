"""`lanekeeper send`: a file of requests onto the queue."""

import click

from cli.conventions import Utf8, Where, json_option, stack_options

CHECK_SECONDS = 15.0


@click.command(short_help="Send the requests of a file, and say which were refused.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("-w", "--workload", type=Utf8(), metavar="NAME", help="The workload of requests that name none.")
@click.option("--wait", is_flag=True, help="Wait until every request has its end, and show what it cost.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="With --wait: how long at most.")
@click.option(
    "--check/--no-check",
    default=True,
    help=f"Without --wait: look for rejections {CHECK_SECONDS:.0f} s at most.  [default: check]",
)
@click.option("--restart", is_flag=True, help="Send every line again, whatever an interrupted run has sent.")
@json_option
@stack_options
def send(
    *,
    file: str,
    workload: str | None,
    wait: bool,
    timeout: float | None,
    check: bool,
    restart: bool,
    as_json: bool,
    where: Where,
) -> None:
    """Sends the requests of FILE, one JSON object a line as docs/sending.md describes it, or a JSON list of them.

    FILE can be - for stdin. A run that was interrupted goes on where it stopped when it is called again. Then says of
    each line that was not sent or was rejected why, and what to change.
    """
    from cli.send_run import Options, run  # the SDK of AWS takes its time

    options = Options(workload=workload, wait=wait, timeout=timeout, check=check, restart=restart)
    raise click.exceptions.Exit(run(file, where, options, as_json=as_json))
