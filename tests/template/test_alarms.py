"""Alarms: each calls somebody, says what is wrong, and watches a metric of ours or of SQS."""

import pytest

from tests.template.reading import ALARMS, of_type, target


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_calls_somebody_when_it_begins_and_when_it_ends(alarm: str) -> None:
    topic = "NotifyTopic" if ALARMS[alarm]["MetricName"] == "UnpricedModels" else "PageTopic"
    assert [target(action) for action in ALARMS[alarm]["AlarmActions"]] == [topic]
    assert ALARMS[alarm]["OKActions"] == ALARMS[alarm]["AlarmActions"]
    assert ALARMS[alarm]["AlarmDescription"].endswith(".")


@pytest.mark.parametrize("topic", of_type("AWS::SNS::Topic"))
def test_cloudwatch_can_write_to_an_alarm_topic(topic: str) -> None:
    """It has no right to the AWS-managed key: with that one, alarms would be dropped without a trace."""
    assert "KmsMasterKeyId" not in of_type("AWS::SNS::Topic")[topic]


def test_slow_batches_ring_at_two_hours() -> None:
    alarm = ALARMS["BatchCompletionAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Lanekeeper", "BatchCompletionSeconds")
    assert (alarm["ExtendedStatistic"], alarm["Threshold"]) == ("p95", 2 * 3600)
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "collector"}]


def test_a_batch_that_never_ends_rings_before_claude_lets_it_expire() -> None:
    alarm = ALARMS["OldestOpenBatchAlarm"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("OldestOpenBatchSeconds", "Maximum")
    assert alarm["Threshold"] < 24 * 3600
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "poller"}]


def test_a_poller_that_says_nothing_rings() -> None:
    alarm = ALARMS["PollerSilentAlarm"]
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("PollerTicks", "breaching")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "poller"}]


@pytest.mark.parametrize("step", ["collector", "realtime_invoker"])
def test_a_price_that_nobody_knows_rings(step: str) -> None:
    (alarm,) = [
        alarm
        for alarm in ALARMS.values()
        if alarm["MetricName"] == "UnpricedModels" and alarm["Dimensions"] == [{"Name": "service", "Value": step}]
    ]
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)
