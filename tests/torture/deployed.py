"""What the template says of our functions: who consumes what, how much at once, for how long, in which environment."""

from functools import cache
from typing import Any

from tests import stack
from tests.standins.account import logical_ids
from tests.standins.claude import URL

PARAMETERS = {"ClaudeUrl": URL}


@cache
def consumers() -> dict[str, tuple[str, int]]:
    """The function and the most messages of an event, by queue."""
    return {
        each["EventSourceArn"]["Fn::GetAtt"][0]: (each["FunctionName"]["Ref"], each["BatchSize"])
        for each in _of_type("AWS::Lambda::EventSourceMapping").values()
    }


@cache
def timeout(function: str) -> float:
    """Seconds that an invocation may take."""
    value = _of_type("AWS::Lambda::Function")[function]["Timeout"]
    return float(value if isinstance(value, int) else parameter(value["Ref"]))


@cache
def environment(function: str) -> dict[str, str]:
    return stack.environment(function, logical_ids(), PARAMETERS)


@cache
def settle_seconds() -> float:
    return float(parameter("SettleSeconds"))


@cache
def parameter(name: str) -> Any:
    return PARAMETERS.get(name, stack.translated()["Parameters"][name].get("Default"))


@cache
def _of_type(kind: str) -> dict[str, Any]:
    resources = stack.translated()["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}
