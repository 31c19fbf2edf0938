"""How every command speaks: tables for people, JSON for programs, and errors that say what to change.

Exit codes and options stand in `cli.conventions`. Results go to stdout, everything else to stderr.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from cli.conventions import Exit

CENT = Decimal("0.01")


class BadInputError(click.ClickException):
    """The given file or option cannot be used; the message names the place and the remedy."""

    exit_code = Exit.USAGE


def console() -> Console:
    """Stdout as a rich console: no colours where it is no terminal, or where NO_COLOR is set."""
    return Console(highlight=False)


def cents(dollars: Decimal) -> Decimal:
    """Rounded to the cent, halves up: the only rounding there is, and only for output."""
    return dollars.quantize(CENT, ROUND_HALF_UP)


def money(dollars: Decimal) -> str:
    """`$4,800.00`; what is not nothing but less than a cent is not shown as nothing."""
    return "<$0.01" if 0 < dollars < CENT / 2 else f"${cents(dollars):,}"


def micro_money(micro_usd: Decimal) -> str:
    """Micro-dollars as `$9.24`, or as many decimals as a small amount needs to be seen."""
    dollars = micro_usd / 1_000_000
    return f"${dollars:,.4f}" if 0 < dollars < 1 else f"${dollars:,.2f}"


def printable(text: str) -> str:
    """Somebody else's text, safe to print through rich: no control characters, no markup."""
    return escape("".join(character if character.isprintable() else "?" for character in text))


def json_text(value: Any, indent: str = "") -> str:
    """JSON in which a Decimal is a number with exactly its own digits: Decimal("4800.00") is 4800.00."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        members = [f"{json.dumps(key)}: {json_text(member, indent + '  ')}" for key, member in value.items()]
        return _bracketed("{}", members, indent)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _bracketed("[]", [json_text(member, indent + "  ") for member in value], indent)
    return json.dumps(value)


def _bracketed(brackets: str, members: Sequence[str], indent: str) -> str:
    if not members:
        return brackets
    inner = f",\n{indent}  ".join(members)
    return f"{brackets[0]}\n{indent}  {inner}\n{indent}{brackets[1]}"


def spelled(number: Decimal) -> str:
    """All of its digits, and no more: `0.5` for 0.500, `1200` for 1.2E+3."""
    return f"{number.normalize():f}"
