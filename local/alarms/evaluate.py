"""The state of an alarm: which data points its periods have, and what CloudWatch makes of those that are missing.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from local.alarms.alarm import Alarm, Query
from local.alarms.expression import value_of
from local.alarms.samples import Sample
from local.alarms.statistics import statistic

# How many periods CloudWatch looks further back than it must, for data points in the place of missing ones. It says
# that this depends on the period; its only example, three periods of five minutes, is evaluated on five.
FURTHER_BACK = 2

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


class State(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


def state_of(
    alarm: Alarm, samples: Iterable[Sample], *, now: datetime, before: State = State.INSUFFICIENT_DATA
) -> State:
    """The state at the last full minute; `before` is the state until then, which missing data may leave as it is."""
    end = now.replace(second=0, microsecond=0)
    reach = timedelta(seconds=alarm.period) * (alarm.evaluation_periods + FURTHER_BACK)
    recent = [sample for sample in samples if end - reach <= sample.at < end]
    breaching = _COMPARISONS[alarm.comparison]
    points = [
        None if value is None else breaching(value, alarm.threshold)
        for value in _values(alarm, recent, end, alarm.evaluation_periods + FURTHER_BACK)
    ]
    return judge(
        points,
        evaluation_periods=alarm.evaluation_periods,
        datapoints_to_alarm=alarm.datapoints_to_alarm,
        missing=alarm.missing,
        before=before,
    )


def judge(
    points: Sequence[bool | None], *, evaluation_periods: int, datapoints_to_alarm: int, missing: str, before: State
) -> State:
    """From data points, the oldest first: True breaches, False does not, None is missing."""
    real = [point for point in points if point is not None]
    if len(real) >= evaluation_periods:
        real = real[-evaluation_periods:]
    breaches, filled = sum(real), evaluation_periods - len(real)
    if breaches + (filled if missing == "breaching" else 0) >= datapoints_to_alarm:
        return State.ALARM
    if missing in ("breaching", "notBreaching") or not filled or not all(real):
        return State.OK
    return _undecided(points, datapoints_to_alarm, missing, before)


def _undecided(points: Sequence[bool | None], datapoints_to_alarm: int, missing: str, before: State) -> State:
    """Too few data points, and none of them is good. One that is old enough, with nothing after it, does ring: an
    alarm would otherwise never ring where the data ends with the trouble."""
    if missing == "ignore":
        return before
    age = next((len(points) - place for place, point in enumerate(points) if point is not None), None)
    if age is None:
        return State.INSUFFICIENT_DATA
    return State.ALARM if age >= datapoints_to_alarm else State.OK


def _values(alarm: Alarm, samples: Sequence[Sample], end: datetime, periods: int) -> list[float | None]:
    """The alarm's value in each period, the oldest first."""
    length = timedelta(seconds=alarm.period)
    return [
        _value(alarm.returned, alarm.queries, [each for each in samples if start <= each.at < start + length])
        for start in (end - length * back for back in range(periods, 0, -1))
    ]


def _value(name: str, queries: Mapping[str, Query], samples: Sequence[Sample]) -> float | None:
    query = queries[name]
    if query.expression is not None:
        return value_of(query.expression, lambda other: _value(other, queries, samples))
    return statistic(query.statistic, [sample.value for sample in samples if sample.metric == query.metric])
