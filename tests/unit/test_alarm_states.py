"""The alarm evaluator against CloudWatch's documentation: its two tables of missing data, and cases by hand."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.alarms.alarm import UnresolvedError, read_alarm, resolve
from local.alarms.evaluate import State, judge, state_of
from local.alarms.expression import UnknownExpressionError, value_of
from local.alarms.samples import Metric, Sample, samples_of
from local.alarms.statistics import UnknownStatisticError, statistic

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.INSUFFICIENT_DATA
KEPT = "kept"  # the state that it was in before

POINTS = {"0": False, "X": True, "-": None}
MEANINGS = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize(
    ("needed", "points", "states"),
    [
        # "How alarm state is evaluated when data is missing", 3 of 3, then 2 of 3; an evaluation range of 5
        pytest.param(3, "0 - X - X", (OK, OK, OK, OK), id="one-good-of-three"),
        pytest.param(3, "0 - - - -", (OK, OK, OK, OK), id="a-good-one-long-ago"),
        pytest.param(3, "- - - - -", (UNKNOWN, KEPT, ALARM, OK), id="nothing"),
        pytest.param(3, "0 X X - X", (ALARM, ALARM, ALARM, ALARM), id="three-bad-ones"),
        pytest.param(3, "- - X - -", (ALARM, KEPT, ALARM, OK), id="a-bad-one-three-periods-ago"),
        pytest.param(2, "0 - X - X", (ALARM, ALARM, ALARM, ALARM), id="two-bad-of-three"),
        pytest.param(2, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM), id="two-bad-of-the-last-three"),
        pytest.param(2, "0 - X - -", (OK, OK, ALARM, OK), id="one-bad-and-one-good"),
        pytest.param(2, "- - - - 0", (OK, OK, ALARM, OK), id="one-good"),
        pytest.param(2, "- - - X -", (ALARM, KEPT, ALARM, OK), id="a-bad-one-two-periods-ago"),
        # "Avoiding premature transitions to alarm state"
        pytest.param(3, "- - - - X", (OK, KEPT, ALARM, OK), id="a-bad-one-just-now"),
        pytest.param(3, "- - - X -", (OK, KEPT, ALARM, OK), id="not-old-enough"),
    ],
)
def test_missing_data_is_treated_as_cloudwatch_documents_it(
    needed: int, points: str, states: tuple[State | str, ...]
) -> None:
    read = [POINTS[point] for point in points.split()]
    for before in State:
        for meaning, state in zip(MEANINGS, states, strict=True):
            judged = judge(read, evaluation_periods=3, datapoints_to_alarm=needed, missing=meaning, before=before)
            assert judged == (before if state is KEPT else state), meaning


@pytest.mark.parametrize(
    ("name", "values", "value"),
    [
        pytest.param("Sum", [1, 2, 6], 9, id="sum"),
        pytest.param("Average", [1, 2, 6], 3, id="average"),
        pytest.param("Minimum", [2, 1, 6], 1, id="minimum"),
        pytest.param("Maximum", [2, 6, 1], 6, id="maximum"),
        pytest.param("SampleCount", [2, 6, 1], 3, id="samples"),
        pytest.param("p95", [7], 7, id="p95-of-one"),
        pytest.param("p50", [4, 1, 3, 2], 2.5, id="p50-between-two"),
        pytest.param("p95", list(range(101)), 95, id="p95"),
        pytest.param("p99.9", list(range(1001)), 999, id="p99.9"),
        pytest.param("p100", [3, 9, 1], 9, id="p100"),
        pytest.param("Sum", [], None, id="no-sum-of-nothing"),
        pytest.param("p95", [], None, id="no-percentile-of-nothing"),
    ],
)
def test_a_statistic_is_what_its_name_says(name: str, values: Sequence[float], value: float | None) -> None:
    assert statistic(name, values) == pytest.approx(value)


def test_a_statistic_that_is_not_modelled_is_refused() -> None:
    with pytest.raises(UnknownStatisticError):
        statistic("tm90", [1.0])


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param("a + b * 2", 10, id="product-before-sum"),
        pytest.param("(a + b) / 2", 3, id="brackets"),
        pytest.param("-a - 1", -3, id="minus"),
        pytest.param("a + gone", None, id="nothing-to-add"),
        pytest.param("FILL(gone, 0) + a", 2, id="filled"),
        pytest.param("FILL(a, 0)", 2, id="not-to-be-filled"),
        pytest.param("a / (b - 4)", None, id="by-zero"),
        pytest.param("IF(a >= 2, b, 0)", 4, id="so"),
        pytest.param("IF(a > 2, a / 0, 0)", 0, id="otherwise"),
        pytest.param("IF(gone > 2, 1, 0)", None, id="who-knows"),
    ],
)
def test_an_expression_is_worked_out_for_one_period(expression: str, value: float | None) -> None:
    assert value_of(expression, {"a": 2.0, "b": 4.0, "gone": None}.__getitem__) == value


@pytest.mark.parametrize("expression", ["RATE(a)", "a ** 2", "a +", "FILL(a, REPEAT)[0]", "a > 1 > 0"])
def test_an_expression_that_is_not_modelled_is_refused(expression: str) -> None:
    with pytest.raises(UnknownExpressionError):
        value_of(expression, lambda _: 1.0)


THINGS = Metric("us", "Things")


def sample(value: float, *, minutes_ago: float, metric: Metric = THINGS) -> Sample:
    return Sample(metric, NOW - timedelta(minutes=minutes_ago), value)


def properties(**changes: Any) -> dict[str, Any]:
    return {
        "Namespace": "us",
        "MetricName": "Things",
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": "5",
        "TreatMissingData": "notBreaching",
        **changes,
    }


@pytest.mark.parametrize(
    ("samples", "state"),
    [
        pytest.param([sample(3, minutes_ago=1), sample(3, minutes_ago=5)], ALARM, id="of-one-period"),
        pytest.param([sample(3, minutes_ago=1), sample(3, minutes_ago=5.1)], OK, id="of-two-periods"),
        pytest.param([sample(6, minutes_ago=14)], ALARM, id="the-latest-that-there-is"),
        pytest.param([sample(6, minutes_ago=16)], OK, id="too-long-ago"),
        pytest.param([sample(6, minutes_ago=0)], OK, id="of-a-minute-that-has-not-passed"),
        pytest.param([sample(5, minutes_ago=1)], OK, id="not-above-the-threshold"),
        pytest.param([sample(6, minutes_ago=1, metric=Metric("they", "Things"))], OK, id="of-another-namespace"),
        pytest.param([sample(6, minutes_ago=1, metric=Metric("us", "Thing"))], OK, id="of-another-name"),
        pytest.param(
            [sample(6, minutes_ago=1, metric=Metric("us", "Things", frozenset({("lane", "batch")})))],
            OK,
            id="of-other-dimensions",
        ),
    ],
)
def test_an_alarm_looks_at_its_own_metric_in_periods_that_end_now(samples: list[Sample], state: State) -> None:
    assert state_of(read_alarm(properties()), samples, now=NOW + timedelta(seconds=30)) is state


@pytest.mark.parametrize(
    ("comparison", "state"),
    [
        ("GreaterThanThreshold", OK),
        ("GreaterThanOrEqualToThreshold", ALARM),
        ("LessThanThreshold", OK),
        ("LessThanOrEqualToThreshold", ALARM),
    ],
)
def test_a_value_on_the_threshold_breaches_where_the_comparison_says_so(comparison: str, state: State) -> None:
    alarm = read_alarm(properties(ComparisonOperator=comparison))
    assert state_of(alarm, [sample(5, minutes_ago=1)], now=NOW) is state


def test_m_of_n_periods_are_enough_and_fewer_are_not() -> None:
    alarm = read_alarm(properties(EvaluationPeriods=3, DatapointsToAlarm=2))
    twice = [sample(6, minutes_ago=1), sample(0, minutes_ago=6), sample(6, minutes_ago=11)]
    assert state_of(alarm, twice, now=NOW) is ALARM
    assert state_of(alarm, twice[:2], now=NOW) is OK


def test_an_alarm_on_metric_math_compares_what_its_expression_returns() -> None:
    def query(name: str) -> dict[str, Any]:
        metric = {"Namespace": "us", "MetricName": name}
        return {"Id": name, "MetricStat": {"Metric": metric, "Stat": "Sum", "Period": 300}, "ReturnData": False}

    rate = {"Id": "rate", "Expression": "100 * bad / (bad + FILL(good, 0))"}
    lines = [rate, query("bad"), query("good")]
    alarm = read_alarm({name: each for name, each in properties(Metrics=lines).items() if name != "MetricName"})
    bad, good = (sample(value, minutes_ago=1, metric=Metric("us", name)) for value, name in ((1, "bad"), (19, "good")))
    assert state_of(alarm, [bad, good], now=NOW) is OK
    assert state_of(alarm, [bad], now=NOW) is ALARM
    assert alarm.metrics == {bad.metric, good.metric}


def test_samples_are_read_from_whatever_else_is_logged() -> None:
    directive = {"Namespace": "us", "Dimensions": [[], ["lane"]], "Metrics": [{"Name": "Things"}, {"Name": "One"}]}
    metrics = {"Timestamp": NOW.timestamp() * 1000, "CloudWatchMetrics": [directive]}
    line = json.dumps({"_aws": metrics, "lane": "batch", "Things": [1.0, 2.0], "One": 3})
    read = list(samples_of(["START RequestId: 1", "17", '{"action": "batch-sealed"}', line]))

    by_lane = frozenset({("lane", "batch")})
    assert read == [
        Sample(Metric("us", name, dimensions), NOW, value)
        for dimensions in (frozenset(), by_lane)
        for name, value in (("Things", 1.0), ("Things", 2.0), ("One", 3.0))
    ]


def test_what_the_template_refers_to_is_put_in_its_place() -> None:
    part = {"a": {"Ref": "P"}, "b": [{"Fn::GetAtt": ["Q", "Name"]}, {"Fn::Sub": "${P} of ${Q.Arn} in ${AWS::Region}"}]}
    assert resolve(part, {"P": 1, "Q": "q", "AWS::Region": "here"}) == {"a": 1, "b": ["q", "1 of q in here"]}


def test_a_reference_into_nothing_is_an_error() -> None:
    with pytest.raises(UnresolvedError):
        resolve({"Ref": "P"}, {})
