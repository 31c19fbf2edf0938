"""`python -m local.demo.stop`, which is what `make demo-stop` runs: ends what `KEEP=1 make demo` left running."""

from local.demo import claude
from local.stack import FOLDER, LocalStack


def main() -> None:
    """Ends the kept stack and the kept emulator; raises AlreadyRunningError while their demo still runs."""
    LocalStack({}, say=print).clear_leftovers()
    claude.stop_leftover(FOLDER)


if __name__ == "__main__":
    main()
