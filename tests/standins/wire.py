"""The wire between our functions and the services: every remote call can be seen, refused, lost, or not survived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import ClientError

Listener = Callable[[str, Mapping[str, Any]], None]
_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


@dataclass
class Wire:
    """Listeners hear `("dynamodb.PutItem", arguments)` around each call, and may raise.

    What `before` raises keeps the call from happening; what `after` raises loses the answer of one that happened. Where
    `again` says so, boto3 has lost the first answer and got a second one.
    """

    before: list[Listener] = field(default_factory=list)
    after: list[Listener] = field(default_factory=list)
    again: Callable[[str], bool] = lambda _: False

    def call(self, name: str, arguments: Mapping[str, Any], effect: Callable[[], _Answer]) -> _Answer:
        for listener in list(self.before):
            listener(name, arguments)
        answer = effect()
        if self.again(name):
            answer = effect()
        for listener in list(self.after):
            listener(name, arguments)
        return answer


def remote(method: Callable[_Arguments, _Answer]) -> Callable[_Arguments, _Answer]:
    """Makes a method of a stand-in a call over its wire: `put_item` of `dynamodb` is heard as `dynamodb.PutItem`."""
    operation = "".join(part.capitalize() for part in method.__name__.split("_"))

    @wraps(method)
    def call(*itself: _Arguments.args, **arguments: _Arguments.kwargs) -> _Answer:
        stand_in: Any = itself[0]
        name = f"{stand_in.service}.{operation}"
        return stand_in.wire.call(name, arguments, lambda: method(*itself, **arguments))  # type: ignore[no-any-return]

    return call


def refusal(code: str, operation: str, **more: Any) -> ClientError:
    """The error that boto3 raises for this code."""
    response: Any = {"Error": {"Code": code, "Message": ""}, **more}
    return ClientError(response, operation)
