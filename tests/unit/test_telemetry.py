"""What leaves a function: log lines with the step's name, metrics without any dimension in the stack's namespace."""

import json
import os
import subprocess
import sys
from typing import Any

IN_A_FUNCTION = """
from lanekeeper.telemetry import count, logger, metrics
logger.info("batch sealed", action="batch-sealed")
count("BatchesSealed")
metrics.flush_metrics()
"""


def test_log_lines_carry_the_steps_name_and_metrics_only_the_stacks() -> None:
    """In a process of its own: Powertools reads these variables when it is imported."""
    told = {"POWERTOOLS_SERVICE_NAME": "poller", "POWERTOOLS_METRICS_NAMESPACE": "lanekeeper-dev"}
    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", IN_A_FUNCTION], env=os.environ | told, capture_output=True, text=True, check=True
    )
    log_line, metric_line = (json.loads(line) for line in ran.stdout.splitlines())
    assert (log_line["service"], log_line["action"]) == ("poller", "batch-sealed")
    assert _directive(metric_line)["Namespace"] == "lanekeeper-dev"
    assert _directive(metric_line)["Dimensions"] == [[]]
    assert "service" not in metric_line


def _directive(metric_line: dict[str, Any]) -> dict[str, Any]:
    (directive,) = metric_line["_aws"]["CloudWatchMetrics"]
    return dict(directive)
