"""Where a formula rounds: the exact number just before, and what becomes of ties.

Three shapes are known: `x + half >> bits` with half = 2**(bits - 1), `half_to_even(x)` and `floor(x + 0.5)`; alone, or
with exact integer arithmetic and clamps around them.
"""

from __future__ import annotations

import ast
import copy
from fractions import Fraction
from typing import Any

from . import arithmetic
from .formula import Formula
from .select import exact
from .simplify import dotted

UP, EVEN = "ties up", "ties to even"


def exact_of(formula: Formula) -> tuple[Fraction, str] | None:
    """What a formula gives without its one rounding, and that rounding's rule. None where it has none, or several.

    A clamp around what is rounded counts where it changes something: the number before the rounding is the clamped one.
    """
    try:
        tree = ast.parse(formula.resolved, mode="eval").body
    except SyntaxError:
        return None
    finder = _Finder(formula)
    changed = finder.visit(copy.deepcopy(tree))
    if len(finder.found) != 1:
        return None
    (number, rule), *_ = finder.found
    names = {**_numbers(formula), "exactly": number}
    try:
        code = compile(ast.unparse(ast.fix_missing_locations(changed)), "formula", "eval")
        whole = eval(code, {**arithmetic.NAMES, "clamp": _clamp, "wrap_int32": _same, "saturate": _same}, names)
    except (NameError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    return (Fraction(whole), rule) if isinstance(whole, Fraction | int) else None


def _clamp(x: Any, low: Any, high: Any) -> Any:
    return min(max(x, Fraction(int(low))), Fraction(int(high)))


def _same(x: Any, *_: Any) -> Any:
    return x


def _numbers(formula: Formula) -> dict[str, Any]:
    return {name: exact(value) for name, value in formula.values.items()}


class _Finder(ast.NodeTransformer):
    """Finds roundings and puts the name `exactly` in their place."""

    def __init__(self, formula: Formula) -> None:
        self.numbers = _numbers(formula)
        self.found: list[tuple[Fraction, str]] = []

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if isinstance(node.op, ast.RShift) and isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Add):
            x, half, bits = (self._value(part) for part in (node.left.left, node.left.right, node.right))
            whole = all(isinstance(number, int) for number in (x, half, bits))
            if whole and bits > 0 and half == 1 << (bits - 1):
                return self._noted(Fraction(x, 1 << bits), UP)
        return ast.BinOp(self.visit(node.left), node.op, self.visit(node.right))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = dotted(node.func)
        if name == "half_to_even" and len(node.args) == 1:
            number = self._fraction(node.args[0])
            if number is not None:
                return self._noted(number, EVEN)
        if name == "floor" and len(node.args) == 1 and isinstance(node.args[0], ast.BinOp):
            inner = node.args[0]
            number = self._fraction(inner.left)
            if isinstance(inner.op, ast.Add) and self._fraction(inner.right) == Fraction(1, 2) and number is not None:
                return self._noted(number, UP)
        return ast.Call(node.func, [self.visit(arg) for arg in node.args], node.keywords)

    def _noted(self, number: Fraction, rule: str) -> ast.expr:
        self.found.append((number, rule))
        return ast.Name("exactly", ast.Load())

    def _value(self, node: ast.expr) -> Any:
        try:
            code = compile(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))), "formula", "eval")
            return exact(eval(code, arithmetic.NAMES, dict(self.numbers)))
        except (NameError, TypeError, ValueError, AttributeError, OverflowError):
            return None

    def _fraction(self, node: ast.expr) -> Fraction | None:
        value = self._value(node)
        try:
            return None if value is None else Fraction(float(value))
        except (ValueError, OverflowError, TypeError):
            return None
