"""`lanekeeper completion SHELL`: the script that completes commands and options."""

import click
from click.shell_completion import get_completion_class

COMMAND = "lanekeeper"
VARIABLE = "_LANEKEEPER_COMPLETE"


@click.command(short_help="Print the script that completes commands in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints the script with which SHELL completes commands and options.

    \b
    bash: lanekeeper completion bash > ~/.local/share/bash-completion/completions/lanekeeper
    zsh:  lanekeeper completion zsh > a folder of $fpath, as _lanekeeper
    fish: lanekeeper completion fish > ~/.config/fish/completions/lanekeeper.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    click.echo(kind(context.find_root().command, {}, COMMAND, VARIABLE).source())
