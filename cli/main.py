"""The `lanekeeper` command. Each subcommand is one file that adds itself here."""

import click

from cli.forget import forget
from cli.plan import plan


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lanekeeper", prog_name="lanekeeper")
def main() -> None:
    """Every Claude request answered in time at the lowest price."""


main.add_command(forget)
main.add_command(plan)
