"""Questions that the rules ask of the translated template."""

from collections.abc import Iterator
from typing import Any

from tests.stack import translated

TEMPLATE = translated()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
PARAMETERS: dict[str, dict[str, Any]] = TEMPLATE["Parameters"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of one type, by logical id."""
    return {name: each.get("Properties", {}) for name, each in RESOURCES.items() if each["Type"] == kind}


FUNCTIONS = of_type("AWS::Lambda::Function")
QUEUES = of_type("AWS::SQS::Queue")
ROLES = of_type("AWS::IAM::Role")
TABLES = of_type("AWS::DynamoDB::Table")
ALARMS = of_type("AWS::CloudWatch::Alarm")
SOURCES = of_type("AWS::Lambda::EventSourceMapping")
DEAD_LETTER_QUEUES = {name for name in QUEUES if name.endswith("DeadLetterQueue")}


def target(reference: dict[str, Any]) -> str:
    """The logical id that a Ref or GetAtt points to."""
    match reference:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return name
    raise AssertionError(f"neither Ref nor GetAtt: {reference}")


def largest(value: Any) -> int:
    """A number of the template; where it comes from a parameter, the largest that the parameter takes."""
    return int(PARAMETERS[value["Ref"]]["MaxValue"]) if isinstance(value, dict) else int(value)


def references(value: Any) -> Iterator[str]:
    """Every logical id or parameter that a part of the template refers to."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from (part.split("}")[0].split(".")[0] for part in text.split("${")[1:])
        case dict():
            for each in value.values():
                yield from references(each)
        case list():
            for each in value:
                yield from references(each)


def statements(role: str) -> list[dict[str, Any]]:
    """Everything that a role allows."""
    return [each for policy in ROLES[role]["Policies"] for each in policy["PolicyDocument"]["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
