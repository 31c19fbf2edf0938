"""`lanekeeper status`: what is under way in a stack, what waits, and who has to act."""

import click

from cli.conventions import Where, json_option, stack_options


@click.command(short_help="What is under way, what waits and for whom.")
@click.option("--watch", is_flag=True, help="Look again every 5 seconds, in place; Ctrl-C ends it.")
@json_option
@stack_options
def status(*, watch: bool, as_json: bool, where: Where) -> None:
    """Shows both lanes, batches that are not done, what waits for one, the queues, dead letters and alarms.

    It reads only: the index of open batches, two rows, the queues' own estimates, and CloudWatch's alarms where the
    caller may see them.
    """
    from cli.status_run import run  # the SDK of AWS takes its time

    run(where, watch=watch, as_json=as_json)
