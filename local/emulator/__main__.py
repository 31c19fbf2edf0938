"""`python -m local.emulator`: the emulated Claude API by itself."""

from random import Random

import click

from local.emulator.clock import Clock
from local.emulator.server import run
from local.emulator.world import World


@click.command(name="emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4600, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--speed", default=60.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="How fast time runs."
)
@click.option("--seed", default=None, type=int, help="Draw the same waiting times each time.")
@click.option(
    "--batch-minutes", nargs=2, type=float, default=(5, 40), show_default=True, help="Emulated duration of a batch."
)
def main(host: str, port: int, speed: float, seed: int | None, batch_minutes: tuple[float, float]) -> None:
    """Run an emulated Claude API: any key will do, and nothing is billed.

    Point a client at it with ANTHROPIC_BASE_URL. GET /_emulator/account tells what it executed and would bill.
    """
    world = World(clock=Clock(speed), random=Random(seed), batch_minutes=batch_minutes)  # noqa: S311 - waiting times
    try:
        run(world, host, port, click.echo)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error


if __name__ == "__main__":
    main()
