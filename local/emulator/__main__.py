"""`lanekeeper emulator`: the emulated Claude API by itself."""

import json
from pathlib import Path
from random import Random
from typing import get_args

import click
from pydantic import TypeAdapter, ValidationError

from local.emulator.clock import Clock
from local.emulator.faults import Fault
from local.emulator.limits import Tier, limits_of
from local.emulator.params import sentence
from local.emulator.server import run
from local.emulator.world import World

POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command(name="emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=4600, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option("--speed", default=60, show_default=True, type=POSITIVE, help="How many times as fast time runs.")
@click.option("--seed", default=None, type=int, help="Draw the same ids, waiting times and row faults each time.")
@click.option(
    "--batch-minutes",
    nargs=2,
    type=click.FloatRange(0, 2 * 24 * 60),
    default=(5, 40),
    show_default=True,
    metavar="LEAST MOST",
    help="How long a batch takes, in emulated minutes.",
)
@click.option(
    "--list-lag",
    default=0,
    show_default=True,
    type=click.FloatRange(0, 24 * 60 * 60),
    metavar="SECONDS",
    help="A new batch is missing from the listing for so many emulated seconds.",
)
@click.option(
    "--row-faults",
    default=0,
    show_default=True,
    type=click.FloatRange(0, 1),
    metavar="FRACTION",
    help="So many of a batch's rows fail, expire or are canceled; 0.05 is one in twenty.",
)
@click.option(
    "--tier",
    default="start",
    show_default=True,
    type=click.Choice(get_args(Tier)),
    help="Whose limits hold for batches.",
)
@click.option(
    "--messages-per-minute",
    default=None,
    type=click.IntRange(1),
    metavar="COUNT",
    help="More messages in an emulated minute are refused with a 429.  [default: no limit]",
)
@click.option(
    "--faults",
    "faults_file",
    default=None,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Misbehave from the start: a JSON list of faults, as POST /_emulator/faults takes them.",
)
def main(
    host: str,
    port: int,
    speed: float,
    seed: int | None,
    batch_minutes: tuple[float, float],
    list_lag: float,
    row_faults: float,
    tier: Tier,
    messages_per_minute: int | None,
    faults_file: Path | None,
) -> None:
    """Run a Claude API on this machine, as strict as the real one.

    Any key will do and nothing is billed. Time runs faster than on the wall.

    \b
    It misbehaves on demand (docs/emulator.md has the tables):
      by the options below,
      by POST /_emulator/faults,
      by a marker in a prompt, such as [[emulator: overloaded times=2]].

    Ctrl-C ends it.
    """
    if batch_minutes[0] > batch_minutes[1]:
        raise click.BadParameter("LEAST is more than MOST", param_hint="--batch-minutes")
    world = World(
        clock=Clock(speed),
        random=Random(seed),  # noqa: S311 - it draws waiting times, not secrets
        batch_minutes=batch_minutes,
        limits=limits_of(tier, messages_per_minute),
        standing_faults=[*_standing(list_lag, row_faults), *_read_faults(faults_file)],
    )
    try:
        run(world, host, port, lambda url: _announce(url, world))
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _announce(url: str, world: World) -> None:
    """The URL comes first and alone, for programs that start this one."""
    least, most = world.batch_minutes
    click.echo(url)
    click.echo(f"Point a client at it:  export ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=any")
    click.echo(
        f"Time runs {world.clock.speed:g} times as fast as on the wall: a batch takes "
        f"{_seconds(least, world)} to {_seconds(most, world)}. Ctrl-C ends it."
    )


def _seconds(minutes: float, world: World) -> str:
    return f"{minutes * 60 / world.clock.speed:,.3g} s"


def _standing(list_lag: float, row_faults: float) -> list[Fault]:
    """The options are faults like any other, in force until the end."""
    lasting: list[Fault] = []
    if list_lag:
        lasting.append(Fault(route="create", fault="unlisted", seconds=list_lag, count=None))
    if row_faults:
        lasting.append(Fault(route="batch_rows", outcome="any", chance=row_faults, count=None))
    return lasting


def _read_faults(file: Path | None) -> list[Fault]:
    if file is None:
        return []
    try:
        return TypeAdapter(list[Fault]).validate_python(json.loads(file.read_bytes()))
    except ValidationError as error:
        reason = sentence(error.errors(include_url=False, include_input=False)[0])
    except ValueError:
        reason = "not JSON"
    raise click.BadParameter(f"{file}: {reason}", param_hint="--faults")


if __name__ == "__main__":
    main()
