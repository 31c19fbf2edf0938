"""The few places where ministack differs from AWS so much that a built template must be changed for it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Template = dict[str, Any]

# On AWS the permission for one message covers a batch of them; ministack asks for names that AWS does not have.
_BATCH_CALLS = {
    "sqs:SendMessage": "sqs:SendMessageBatch",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessage": "sqs:DeleteMessageBatch",
}


def adjust_for_ministack(template: Template, parameters: Mapping[str, str]) -> list[str]:
    """Changes the built template in place, by the values that will hold, and returns a sentence for each change."""
    properties = [resource.get("Properties", {}) for resource in template["Resources"].values()]
    concurrency = [_write_out_concurrency(each.get("ScalingConfig", {}), template, parameters) for each in properties]
    mathematical = _drop_metric_math(template["Resources"])
    roles = [_allow_batch_calls(statement) for each in properties for statement in _statements(each)]
    sentences: dict[str, Sequence[object]] = {
        "event sources' concurrency written out as a number, since its queue poller fails on a parameter": concurrency,
        "SQS's batch calls allowed in the roles by names of their own, since it asks for them": roles,
        f"{' and '.join(mathematical)} left out, since it takes no alarm on metric math": mathematical,
    }
    return [sentence for sentence, changes in sentences.items() if any(changes)]


def _drop_metric_math(resources: dict[str, Any]) -> list[str]:
    """Returns the alarms that are gone. Local alarms prove nothing anyway: `local.alarms` evaluates the template's."""
    gone = [name for name, each in resources.items() if "Metrics" in each.get("Properties", {}) and _is_alarm(each)]
    for name in gone:
        del resources[name]
    return gone


def _is_alarm(resource: Mapping[str, Any]) -> bool:
    return bool(resource["Type"] == "AWS::CloudWatch::Alarm")


def _write_out_concurrency(scaling: dict[str, Any], template: Template, parameters: Mapping[str, str]) -> bool:
    match scaling.get("MaximumConcurrency"):
        case {"Ref": parameter}:
            default = template["Parameters"][parameter]["Default"]
            scaling["MaximumConcurrency"] = int(parameters.get(parameter, default))
            return True
    return False


def _allow_batch_calls(statement: dict[str, Any]) -> bool:
    added = [_BATCH_CALLS[action] for action in statement["Action"] if action in _BATCH_CALLS]
    statement["Action"] += added
    return bool(added)


def _statements(properties: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in properties.get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]
