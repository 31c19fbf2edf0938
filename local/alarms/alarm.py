"""An alarm as the template describes it: which metrics it looks at, and when it rings."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.alarms.samples import Metric

ONLY = "m1"  # the id of the one metric of an alarm without metric math


class UnresolvedError(KeyError):
    """A part of the template refers to something whose value was not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One line of an alarm's metric math: a statistic of a metric, or an expression over other lines."""

    metric: Metric | None = None
    statistic: str = ""
    expression: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """AWS::CloudWatch::Alarm, one metric and metric math alike. The period is in seconds."""

    queries: Mapping[str, Query]
    returned: str  # the id of the query that is compared with the threshold
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    comparison: str
    threshold: float
    missing: str  # breaching, notBreaching, ignore or missing

    @property
    def metrics(self) -> set[Metric]:
        return {query.metric for query in self.queries.values() if query.metric is not None}


def read_alarm(properties: Mapping[str, Any]) -> Alarm:
    """Reads an alarm's properties, their intrinsics resolved."""
    lines = properties.get("Metrics") or [_only(properties)]
    periods = {int(line["MetricStat"]["Period"]) for line in lines if "MetricStat" in line}
    (period,) = periods  # an alarm's metrics all have the same
    (returned,) = [line["Id"] for line in lines if line.get("ReturnData", True)]
    return Alarm(
        queries={line["Id"]: _query(line) for line in lines},
        returned=returned,
        period=period,
        evaluation_periods=int(properties["EvaluationPeriods"]),
        datapoints_to_alarm=int(properties.get("DatapointsToAlarm", properties["EvaluationPeriods"])),
        comparison=properties["ComparisonOperator"],
        threshold=float(properties["Threshold"]),
        missing=properties.get("TreatMissingData", "missing"),
    )


def resolve(part: Any, values: Mapping[str, Any]) -> Any:
    """A part of the translated template with Ref, Fn::GetAtt and Fn::Sub replaced by what they refer to.

    `values` go by parameter, pseudo parameter or logical id; an attribute counts as the resource that it belongs to.
    Raises UnresolvedError for a name without a value.
    """
    match part:
        case {"Ref": name} | {"Fn::GetAtt": [name, *_]}:
            return _look_up(name, values)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w:]+)[\w.]*\}", lambda found: str(_look_up(found[1], values)), text)
        case Mapping():
            return {name: resolve(each, values) for name, each in part.items()}
        case list():
            return [resolve(each, values) for each in part]
    return part


def _look_up(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise UnresolvedError(name)
    return values[name]


def _only(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An alarm on a metric of its own is metric math of one line."""
    metric = {name: properties[name] for name in ("Namespace", "MetricName", "Dimensions") if name in properties}
    statistic = properties.get("ExtendedStatistic") or properties["Statistic"]
    return {"Id": ONLY, "MetricStat": {"Metric": metric, "Period": properties["Period"], "Stat": statistic}}


def _query(line: Mapping[str, Any]) -> Query:
    if "Expression" in line:
        return Query(expression=line["Expression"])
    stat = line["MetricStat"]
    return Query(metric=_metric(stat["Metric"]), statistic=stat["Stat"])


def _metric(document: Mapping[str, Any]) -> Metric:
    return Metric(document["Namespace"], document["MetricName"], frozenset(_pairs(document.get("Dimensions", []))))


def _pairs(dimensions: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    return ((each["Name"], str(each["Value"])) for each in dimensions)
