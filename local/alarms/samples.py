"""Samples: single measurements, as functions print them in CloudWatch's embedded metric format (EMF)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Metric:
    """What CloudWatch tells metrics apart by: the same name with other dimensions is another metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one metric."""

    metric: Metric
    at: datetime
    value: float


def samples_of(lines: Iterable[str]) -> Iterator[Sample]:
    """Every measurement in these log lines; lines without metrics are passed over.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    for line in lines:
        document = _document(line)
        if "_aws" in document:
            yield from _samples(document)


def _document(line: str) -> Mapping[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _samples(document: Mapping[str, Any]) -> Iterator[Sample]:
    at = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(document[name])) for name in names)
            for definition in directive["Metrics"]:
                metric = Metric(directive["Namespace"], definition["Name"], dimensions)
                values = document[definition["Name"]]
                yield from (Sample(metric, at, float(v)) for v in (values if isinstance(values, list) else [values]))
