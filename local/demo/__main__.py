"""`python -m local.demo`, which is what `make demo` runs."""

import os
import signal
import sys
from collections.abc import Callable

from rich.console import Console

from local.demo.claude import EmulatorFailedError
from local.demo.options import Options, UsageError, read_options
from local.demo.run import Then, nothing_more, run
from local.host import UnsupportedHostError
from local.ministack import MinistackFailedError
from local.sam import SamFailedError
from local.stack import AlreadyRunningError

CANNOT_RUN = (
    UsageError,
    UnsupportedHostError,
    AlreadyRunningError,
    MinistackFailedError,
    SamFailedError,
    EmulatorFailedError,
)


def main() -> int:
    """0 where everything adds up, 1 where something does not, 2 where the demo could not run."""
    return carry_out(lambda: read_options(os.environ), Console())


def carry_out(options: Callable[[], Options], console: Console, *, then: Then = nothing_more) -> int:
    """Runs the demo, and `then` what is to be tried on the same stack; the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us also ends what we have started
    try:
        wrong = run(options(), console, then=then)
    except CANNOT_RUN as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted; everything that was started has been ended.")
        return 130
    console.print("[red]The demo failed.[/red]" if wrong else "[green]Everything adds up.[/green]")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
