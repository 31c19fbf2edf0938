"""The `lanekeeper` command. Each subcommand is one file, which is loaded when it is asked for."""

from importlib import import_module

import click
from click.shell_completion import CompletionItem

from cli.conventions import Exit, MissingExtraError

COMMANDS = {
    "plan": ("cli.plan:plan", "Which lane pays for a workload, and what batches save."),
    "send": ("cli.send:send", "Send the requests of a file, and say which were refused."),
    "result": ("cli.result:result", "Print the answers of requests."),
    "status": ("cli.status:status", "What is under way, what waits and for whom."),
    "show": ("cli.show:show", "One request's life, with times and reasons."),
    "report": ("cli.report:report", "What a period cost and saved, and how long answers took."),
    "forget": ("cli.forget:forget", "Delete one request's content; its row and its cost stay."),
    "audit": ("cli.audit:audit", "Look for requests, batches and costs that do not add up."),
    "redrive": ("cli.redrive:redrive", "Send dead letters back to the queues that they came from."),
    "release": ("cli.release:release", "Take what a batch in quarantine has; the rest ends as lost."),
    "emulator": ("local.emulator.__main__:main", "Run an emulated Claude API on this machine."),
    "completion": ("cli.completion:completion", "Print the script that completes commands in a shell."),
}
EXTRAS = {"genai_prices": "emulator", "pydantic": "emulator", "starlette": "emulator", "uvicorn": "emulator"}


class LazyGroup(click.Group):
    """Knows its commands by name and sentence, so that neither help nor completion waits for what they import."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name not in EXTRAS:
                raise
            raise MissingExtraError(cmd_name, EXTRAS[error.name]) from error
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [
            CompletionItem(name, help=sentence)
            for name, (_, sentence) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            click.echo("interrupted", err=True)
            raise click.exceptions.Exit(Exit.INTERRUPTED) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lanekeeper", prog_name="lanekeeper")
def main() -> None:
    """Every Claude request answered in time at the lowest price."""


if __name__ == "__main__":
    main(prog_name="lanekeeper")
