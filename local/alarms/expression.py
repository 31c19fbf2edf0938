"""Metric math, as far as our alarms use it: + - * /, comparisons, IF and FILL with a number.

An expression is worked out for one period at a time. None stands for a period without a data point.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import operator
from collections.abc import Callable, Mapping

_OPERATIONS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class UnknownExpressionError(ValueError):
    """An expression that uses what is not modelled here."""


def value_of(expression: str, named: Callable[[str], float | None]) -> float | None:
    """The value of an expression in one period; `named` gives that of a metric or of another expression by its id."""
    try:
        return _value(ast.parse(expression, mode="eval").body, named)
    except SyntaxError as error:
        raise UnknownExpressionError(expression) from error


def _value(node: ast.expr, named: Callable[[str], float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return named(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _combined(ast.Sub, 0.0, _value(operand, named))
        case (
            ast.BinOp(left=left, op=operation, right=right)
            | ast.Compare(left=left, ops=[operation], comparators=[right])
        ):
            return _combined(type(operation), _value(left, named), _value(right, named))
        case ast.Call(func=ast.Name(id="FILL"), args=[series, instead]):
            found = _value(series, named)
            return _value(instead, named) if found is None else found
        case ast.Call(func=ast.Name(id="IF"), args=[condition, yes, no]):
            chosen = _value(condition, named)
            return None if chosen is None else _value(yes if chosen else no, named)
    raise UnknownExpressionError(ast.unparse(node))


def _combined(operation: type, left: float | None, right: float | None) -> float | None:
    """None where a side has no data point, and for a division by zero, which gives none."""
    if operation not in _OPERATIONS:
        raise UnknownExpressionError(operation.__name__)
    if left is None or right is None or (operation is ast.Div and right == 0):
        return None
    return float(_OPERATIONS[operation](left, right))
