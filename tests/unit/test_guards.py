"""The table of safeguards follows the code: each is found exactly once, and its test exists."""

import ast
from pathlib import Path

import pytest

from scripts.guard_table import GUARDS, Guard
from scripts.guards import ROOT, GuardNotFoundError, without_guard

SOURCE = """
def first() -> bool:
    return True


def second() -> bool:
    return True
"""


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_safeguard_is_found_once_and_what_is_left_is_python(guard: Guard) -> None:
    source = Path(ROOT, guard.file).read_text()
    left = without_guard(guard, source)
    assert left != source
    ast.parse(left)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_test_of_a_safeguard_exists(guard: Guard) -> None:
    file, _, name = guard.test.partition("::")
    tests = {node.name for node in ast.parse(Path(ROOT, file).read_text()).body if isinstance(node, ast.FunctionDef)}
    assert name in tests


def test_safeguards_have_names_of_their_own() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)


def test_a_safeguard_is_taken_out_of_its_own_function_alone() -> None:
    guard = Guard("a guard", "file.py", "second", "return True", "return False", "test")
    assert without_guard(guard, SOURCE) == SOURCE[::-1].replace("eurT", "eslaF", 1)[::-1]


@pytest.mark.parametrize(
    ("within", "old"),
    [
        pytest.param("third", "return True", id="no-such-function"),
        pytest.param("first", "return None", id="no-such-text"),
        pytest.param("first", "r", id="more-than-once"),
    ],
)
def test_a_safeguard_that_is_not_there_exactly_once_is_an_error(within: str, old: str) -> None:
    with pytest.raises(GuardNotFoundError):
        without_guard(Guard("a guard", "file.py", within, old, "", "test"), SOURCE)
