"""DynamoDB's expressions, as far as we write them: read once, then asked again and again."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

Item = Mapping[str, Any]
Test = Callable[[Item, "Bindings"], bool]
Bindings = tuple[Mapping[str, str], Mapping[str, Any]]  # names by #name, values by :name

TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>(),]|[#:]?\w+)")
COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ABSENT = object()


class UnknownExpressionError(NotImplementedError):
    """None of our functions has written such an expression so far: teach the stand-in, and hold it equal to moto."""


@cache
def condition(text: str) -> Test:
    """A condition as a question to an item."""
    tokens = _Tokens(text)
    test = _either(tokens)
    tokens.end()
    return test


@cache
def updates(text: str) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """What an update sets (attribute, value) and which attributes it removes, as they stand in the text."""
    found = re.fullmatch(r"(?:SET (?P<sets>[^A-Z]+?))?\s*(?:REMOVE (?P<removes>.+))?", text)
    if found is None:
        raise UnknownExpressionError(text)
    sets = [part.strip() for part in (found["sets"] or "").split(",") if part.strip()]
    removes = [part.strip() for part in (found["removes"] or "").split(",") if part.strip()]
    return tuple(_assignment(part) for part in sets), tuple(removes)


def _assignment(part: str) -> tuple[str, str]:
    found = re.fullmatch(r"(#?\w+) = (:\w+)", part)
    if found is None:
        raise UnknownExpressionError(part)
    return found[1], found[2]


class _Tokens:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if not token or (wanted and token not in wanted):
            raise UnknownExpressionError(self.text)
        self.place += 1
        return token

    def end(self) -> None:
        if self.peek():
            raise UnknownExpressionError(self.text)


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text.rstrip()):
        found = TOKEN.match(text, place)
        if found is None:
            raise UnknownExpressionError(text)
        yield found[1]
        place = found.end()


def _either(tokens: _Tokens) -> Test:
    tests = [_both(tokens)]
    while tokens.peek() == "OR":
        tokens.take()
        tests.append(_both(tokens))
    return tests[0] if len(tests) == 1 else lambda item, bindings: any(test(item, bindings) for test in tests)


def _both(tokens: _Tokens) -> Test:
    tests = [_one(tokens)]
    while tokens.peek() == "AND":
        tokens.take()
        tests.append(_one(tokens))
    return tests[0] if len(tests) == 1 else lambda item, bindings: all(test(item, bindings) for test in tests)


def _one(tokens: _Tokens) -> Test:
    first = tokens.take()
    if first == "NOT":
        negated = _one(tokens)
        return lambda item, bindings: not negated(item, bindings)
    if first == "(":
        inner = _either(tokens)
        tokens.take(")")
        return inner
    if first in ("attribute_exists", "attribute_not_exists"):
        return _existence(tokens, wanted=first == "attribute_exists")
    return _comparison(first, tokens)


def _existence(tokens: _Tokens, *, wanted: bool) -> Test:
    tokens.take("(")
    name = tokens.take()
    tokens.take(")")
    return lambda item, bindings: (_name(name, bindings) in item) is wanted


def _comparison(left: str, tokens: _Tokens) -> Test:
    sign = tokens.take()
    if sign == "IN":
        return _membership(left, tokens)
    compare, right = COMPARATORS[sign], tokens.take()

    def test(item: Item, bindings: Bindings) -> bool:
        one, other = _value(left, item, bindings), _value(right, item, bindings)
        if one is _ABSENT or other is _ABSENT:
            return sign == "<>"
        if type(one) is not type(other):  # never equal, never ordered
            return sign == "<>"
        return compare(one, other)

    return test


def _membership(left: str, tokens: _Tokens) -> Test:
    tokens.take("(")
    choices = [tokens.take()]
    while tokens.take(",", ")") == ",":
        choices.append(tokens.take())
    return lambda item, bindings: _value(left, item, bindings) in [_value(choice, item, bindings) for choice in choices]


def _name(token: str, bindings: Bindings) -> str:
    return bindings[0][token] if token.startswith("#") else token


def _value(token: str, item: Item, bindings: Bindings) -> Any:
    return bindings[1][token] if token.startswith(":") else item.get(_name(token, bindings), _ABSENT)
