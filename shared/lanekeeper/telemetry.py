"""Logger and metrics, made once. Log lines name actions, keys and codes; never prompts, answers or producers' ids."""

import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics(namespace="Lanekeeper")
warnings.filterwarnings("ignore", "No application metrics to publish*")  # an invocation may have nothing to count


def count(name: str, value: int = 1) -> None:
    """Adds to a metric of this invocation; all leave together at its end (or at 100 values)."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def seconds(name: str, value: float) -> None:
    metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=value)
