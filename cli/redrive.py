"""`lanekeeper redrive`: dead letters back to where they came from."""

import click

from cli.conventions import Where, json_option, stack_options

# Dead-letter queues and where their messages came from; the poller's are ticks, and the next tick does their work.
SOURCES = {
    "RequestDeadLetterQueue": "RequestQueue",
    "RealtimeDeadLetterQueue": "RealtimeQueue",
    "BatchDeadLetterQueue": "BatchQueue",
    "CollectDeadLetterQueue": "CollectQueue",
    "PollerDeadLetterQueue": None,
}


@click.command(short_help="Send dead letters back to the queues that they came from.")
@click.argument("queues", metavar="[QUEUE]...", nargs=-1, type=click.Choice(list(SOURCES), case_sensitive=False))
@click.option("--dry-run", is_flag=True, help="Only count what would be sent back.")
@json_option
@stack_options
def redrive(*, queues: tuple[str, ...], dry_run: bool, as_json: bool, where: Where) -> None:
    """Sends the messages of dead-letter queues, of all by default, back to the queues that they came from.

    Mend the cause before. It is safe at any time, and as often as you like: requests and batches are known by their
    rows, so nothing that is done is done or paid again. Each message is sent before it is deleted: an interruption
    makes a duplicate, and no loss. PollerDeadLetterQueue holds ticks, which are sent nowhere.

    QUEUE is RequestDeadLetterQueue, RealtimeDeadLetterQueue, BatchDeadLetterQueue or CollectDeadLetterQueue.

    Exit codes: 0 sent, 2 wrong usage, 3 no way to the stack, 130 interrupted.
    """
    from cli.redrive_run import run  # the SDK of AWS takes its time

    run(where, queues or tuple(SOURCES), dry_run=dry_run, as_json=as_json)
