"""`python -m local.roles`, which is what `make check-roles` runs: the secured demo, then each permission taken away."""

import os
import sys
from collections.abc import Callable

from rich.console import Console

from local.demo.__main__ import carry_out
from local.demo.options import Options, UsageError, read_options
from local.demo.run import Claude
from local.roles.permissions import permissions_of
from local.roles.policies import Policies
from local.roles.proof import cast_of, prove
from local.roles.stage import Stage
from local.roles.table import differences, proof_of
from local.stack import Stack
from scripts.translate import source


def main() -> int:
    """0 where every permission is needed and none is missing, 1 where that is not so, 2 where it could not be tried."""
    console = Console()
    if told := differences(source()):
        console.print("\n".join(told), style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    return carry_out(_options, console, then=check_roles)


def check_roles(stack: Stack, answerer: Claude, say: Callable[[str], None]) -> list[str]:
    """What is wrong with the roles of a stack whose demo is over, a sentence each."""
    template = source()
    proofs = [proof_of(permission) for permission in permissions_of(template)]
    taken = sum(isinstance(proof, type) for proof in proofs)
    say(f"taking {taken} of {len(proofs)} permissions away in turn; why not the others says local/roles/table.py")
    return prove(cast_of(template, Policies(stack, template)), Stage(stack, answerer.url), say)


def _options() -> Options:
    options = read_options(os.environ | {"SECURED": "1"})
    if options.claude_url is not None:
        raise UsageError("The roles are checked against the emulator: leave CLAUDE_URL and LIVE out.")
    return options


if __name__ == "__main__":
    sys.exit(main())
