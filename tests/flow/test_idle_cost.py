"""What an idle stack costs: the runbook's table is counted from the template and from an idle tick."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.translate import TEMPLATE
from tests.system import System
from tests.template.reading import ALARMS, SOURCES, of_type
from tests.watch import Watch, alarm_of

ROOT = TEMPLATE.parent
RUNBOOK = (ROOT / "docs/operations.md").read_text()
TABLE = re.search(r"^## What a stack costs$.*?\n\n(\|.*?)\n\n", RUNBOOK, re.MULTILINE | re.DOTALL)


def rows() -> list[list[str]]:
    """What, how many, the price of each, the price a month: texts without signs."""
    assert TABLE
    lines = TABLE[1].splitlines()[2:]
    return [[cell.strip().replace("$", "").replace(",", "") for cell in line.strip("|").split("|")] for line in lines]


def counted(words: str) -> int:
    (number,) = [number for what, number, _, _ in rows() if words in what]
    return int(number)


def test_alarms_are_counted_by_the_metrics_that_they_look_at() -> None:
    assert counted("alarms") == sum(len(alarm_of(alarm).metrics) for alarm in ALARMS)


def test_the_pollers_metrics_are_those_of_a_tick_that_finds_nothing(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Watch(system, capsys)
    system.tick()
    assert counted("poller sends") == len({sample.metric for sample in watch.samples})


def test_everything_else_that_costs_while_nothing_happens_is_counted() -> None:
    assert counted("secret") == len(of_type("AWS::SecretsManager::Secret"))
    assert counted("event source mappings") == len(SOURCES)


def test_metrics_that_are_sent_in_use_are_counted() -> None:
    code = "".join(path.read_text() for path in _python_files())
    names = set(re.findall(r'(?:count|seconds)\(\s*"(\w+)"', code)) | set(re.findall(r'else "(\w+)"\)', code))
    (said,) = re.findall(r"(\d+) metrics in all", RUNBOOK)
    assert int(said) == len(names)


def test_the_table_adds_up_and_stays_under_fifteen_dollars() -> None:
    *items, (what, _, _, together) = rows()
    assert what == "together"
    assert all(int(number) * Decimal(each) == Decimal(month) for _, number, each, month in items if each)
    assert Decimal(together) == sum(Decimal(month) for *_, month in items) < 15


def _python_files() -> list[Path]:
    return [path for part in ("functions", "shared/lanekeeper") for path in sorted((ROOT / part).rglob("*.py"))]
