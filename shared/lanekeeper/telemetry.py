"""Logger and metrics, made once. Log lines name actions, keys and codes; never prompts, answers or producers' ids.

Each stack has a metric namespace of its own, so that one stack never answers for another in the same account. Metrics
carry no dimension: CloudWatch bills each combination of name and dimensions, and a name that two steps send adds up.
"""

import os
import warnings
from threading import Lock

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lanekeeper.errors import ClaudeError
from lanekeeper.refusals import Call, Remedy, remedy

logger = Logger()
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Lanekeeper"))
metrics.service = None  # or the step's name would be a dimension; log lines carry it all the same
warnings.filterwarnings("ignore", "No application metrics to publish*")  # an invocation may have nothing to count
_adding = Lock()  # the real-time invoker counts from ten threads


def count(name: str, value: int = 1) -> None:
    """Adds to a metric of this invocation; all leave together at its end (or at 100 values)."""
    _add(name, MetricUnit.Count, value)


def seconds(name: str, value: float) -> None:
    _add(name, MetricUnit.Seconds, value)


def count_trouble(error: ClaudeError, call: Call) -> None:
    """Counts a call that Claude did not answer under the name of what ends the trouble."""
    match remedy(error, call):
        case Remedy.PERSON:
            count("HoldsForAPerson")
        case Remedy.PATIENCE:
            count("ClaudeThrottles")


def _add(name: str, unit: MetricUnit, value: float) -> None:
    with _adding:
        metrics.add_metric(name=name, unit=unit, value=value)
