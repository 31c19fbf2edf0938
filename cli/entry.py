"""What the console script runs: the command, or in one line what to install where only the client is there."""

import sys

NEEDED = {"click", "rich", "yaml"}


def main() -> None:
    """Runs `lanekeeper`."""
    try:
        from cli.main import main as command
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        sys.exit(
            'lanekeeper: the command needs its extra: pip install "lanekeeper[cli]", from where you had the client'
        )
    command(prog_name="lanekeeper")


if __name__ == "__main__":
    main()
