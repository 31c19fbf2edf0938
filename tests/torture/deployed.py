"""What the template says of our functions: who consumes what, how much at once, for how long, in which environment."""

from datetime import timedelta
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
def concurrency(queue: str) -> int:
    """How many invocations a queue has at once, at most."""
    return int(_value(_mapping(queue)["ScalingConfig"]["MaximumConcurrency"]))


@cache
def window(queue: str) -> timedelta:
    """How long Lambda waits for more messages before it invokes."""
    return timedelta(seconds=_mapping(queue).get("MaximumBatchingWindowInSeconds", 0))


@cache
def timeout(function: str) -> float:
    """Seconds that an invocation may take."""
    return float(_value(_of_type("AWS::Lambda::Function")[function]["Timeout"]))


@cache
def environment(function: str) -> dict[str, str]:
    return stack.environment(function, logical_ids(), PARAMETERS)


@cache
def settle_seconds() -> float:
    return float(parameter("SettleSeconds"))


def _value(given: Any) -> Any:
    return parameter(given["Ref"]) if isinstance(given, dict) else given


def _mapping(queue: str) -> dict[str, Any]:
    return next(
        each
        for each in _of_type("AWS::Lambda::EventSourceMapping").values()
        if each["EventSourceArn"]["Fn::GetAtt"][0] == queue
    )


@cache
def parameter(name: str) -> Any:
    return PARAMETERS.get(name, stack.translated()["Parameters"][name].get("Default"))


@cache
def _of_type(kind: str) -> dict[str, Any]:
    resources = stack.translated()["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}
