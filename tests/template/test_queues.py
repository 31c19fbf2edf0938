"""Queues: nothing is delivered twice too early, nothing is dropped, nothing travels in the clear."""

from typing import Any

import pytest

from lanekeeper.queues import WORN_AGE, WORN_RECEIVES
from tests.template.reading import (
    ALARMS,
    DEAD_LETTER_QUEUES,
    FUNCTIONS,
    QUEUES,
    SOURCES,
    largest,
    of_type,
    target,
)

CONSUMED = {target(source["EventSourceArn"]): source for source in SOURCES.values()}
REDRIVEN = {
    name: target(queue["RedrivePolicy"]["deadLetterTargetArn"])
    for name, queue in QUEUES.items()
    if "RedrivePolicy" in queue
}


@pytest.mark.parametrize("queue", CONSUMED)
def test_a_message_stays_hidden_for_six_timeouts_of_its_function(queue: str) -> None:
    source = CONSUMED[queue]
    timeout = largest(FUNCTIONS[target(source["FunctionName"])]["Timeout"])
    window = source.get("MaximumBatchingWindowInSeconds", 0)
    assert QUEUES[queue]["VisibilityTimeout"] >= 6 * timeout + window


@pytest.mark.parametrize("queue", CONSUMED)
def test_what_a_function_cannot_handle_goes_to_a_dead_letter_queue_of_its_own(queue: str) -> None:
    assert REDRIVEN[queue] == queue.removesuffix("Queue") + "DeadLetterQueue"


def test_every_dead_letter_queue_is_used_once() -> None:
    assert sorted([*REDRIVEN.values(), "PollerDeadLetterQueue"]) == sorted(DEAD_LETTER_QUEUES)


@pytest.mark.parametrize("queue", REDRIVEN)
def test_a_message_that_moves_to_the_dead_letter_queue_has_four_days_left_there(queue: str) -> None:
    days = 24 * 3600
    left = QUEUES[REDRIVEN[queue]]["MessageRetentionPeriod"] - QUEUES[queue]["MessageRetentionPeriod"]
    assert left >= 4 * days


def test_an_outage_of_claude_dead_letters_nothing_in_the_real_time_lane() -> None:
    queue = QUEUES["RealtimeQueue"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 1000 >= 2 * WORN_RECEIVES
    assert queue["MessageRetentionPeriod"] >= 2 * WORN_AGE.total_seconds()


@pytest.mark.parametrize("queue", ["BatchQueue", "CollectQueue"])
def test_a_wake_up_is_tried_for_most_of_a_day_and_dead_letters_before_it_expires(queue: str) -> None:
    tried = QUEUES[queue]["VisibilityTimeout"] * QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"]
    assert 18 * 3600 < tried < QUEUES[queue]["MessageRetentionPeriod"]


@pytest.mark.parametrize("queue", QUEUES)
def test_messages_are_encrypted_at_rest(queue: str) -> None:
    assert QUEUES[queue]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_refuses_whoever_does_not_speak_tls(queue: str) -> None:
    (policy,) = [each for each in of_type("AWS::SQS::QueuePolicy").values() if queue in map(target, each["Queues"])]
    assert refuses_plain_text(policy["PolicyDocument"]["Statement"], "sqs:*")


@pytest.mark.parametrize("queue", sorted(DEAD_LETTER_QUEUES))
def test_one_message_in_a_dead_letter_queue_rings(queue: str) -> None:
    (alarm,) = [each for each in ALARMS.values() if _watches(each, queue)]
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Maximum", 60, 1)


def test_producers_of_other_accounts_are_let_in_only_when_named() -> None:
    (policy,) = [
        each for each in of_type("AWS::SQS::QueuePolicy").values() if each["Queues"] == [{"Ref": "RequestQueue"}]
    ]
    condition, allowed, otherwise = policy["PolicyDocument"]["Statement"][1]["Fn::If"]
    assert condition == "HasProducerPrincipals"
    assert allowed["Principal"] == {"AWS": {"Ref": "ProducerPrincipals"}}
    assert allowed["Action"] == ["sqs:SendMessage", "sqs:GetQueueUrl"]
    assert otherwise == {"Ref": "AWS::NoValue"}


def refuses_plain_text(policy: list[dict[str, Any]], actions: str) -> bool:
    return any(
        (each.get("Effect"), each.get("Principal"), each.get("Action")) == ("Deny", "*", actions)
        and each["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for each in policy
    )


def _watches(alarm: dict[str, Any], queue: str) -> bool:
    return alarm.get("Dimensions") == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
