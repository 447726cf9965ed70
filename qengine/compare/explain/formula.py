"""A statement of a kernel as a formula: the source's own expression, with the numbers of one element.

The text is an expression of Python, simplified: with the numbers of the element for its names it can be computed again
(`arithmetic.py` has its functions).
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from . import arithmetic
from .select import exact, text_of
from .simplify import LEADING, called, dotted


@dataclass(frozen=True, eq=False)
class Formula:
    """An expression with what its names and calls stand for.

    text: over the kernel's names, of choices only the branch that the element takes. resolved: over v0, v1, ..., the
    numbers in `values`, each a name's or what a call of a kernel's function gave. used: the kernel's names in it.
    is_call: whether it is one call of a function. is_plain: whether it computes nothing itself: it names something, or
    calls a function of what is there. is_choice: whether it is one branch of several. handed: of calls in it, the
    arithmetic that makes their first argument.
    """

    text: str
    resolved: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    used: frozenset[str] = frozenset()
    is_call: bool = False
    is_plain: bool = True
    is_choice: bool = False
    handed: Sequence[tuple[Made, Formula]] = ()

    @cached_property
    def numbers(self) -> str:
        """The expression with numbers in the place of names and of calls."""
        tree = ast.parse(self.resolved, mode="eval").body
        text = ast.unparse(ast.fix_missing_locations(_Written(self.values).visit(tree)))
        return re.sub(r"(?<=[-+*/] |[-~(]-)(-[\d.]+(?:e[-+]?\d+)?)", r"(\1)", text)

    @cached_property
    def is_complete(self) -> bool:
        """Whether its numbers, and arithmetic, are all that it names, so that it can be computed again."""
        try:
            tree = ast.parse(self.resolved, mode="eval").body
        except SyntaxError:
            return False
        known = {*self.values, *arithmetic.NAMES}
        parts = list(ast.walk(tree))
        matrices = any(isinstance(part, ast.MatMult | ast.Starred) for part in parts)
        return not matrices and all(part.id in known for part in parts if isinstance(part, ast.Name))

    @cached_property
    def _again(self) -> Any:
        """The expression computed again, as a number; None where it can't be, or is an array."""
        try:
            found = self.evaluate() if self.is_complete else None
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            return None
        return None if isinstance(found, np.ndarray) else found

    @property
    def is_checkable(self) -> bool:
        return self._again is not None

    def giving(self, value: Any) -> Formula:
        """The formula as that of `value`: where it only rounds it to float32 in the end, with that rounding."""
        again = self._again
        with np.errstate(all="ignore"):
            if not isinstance(value, np.float32) or not isinstance(again, float | int) or np.float32(again) != value:
                return self
        return replace(self, text=f"f32({self.text})", resolved=f"f32({self.resolved})")

    def evaluate(self) -> Any:
        """The expression computed again from its numbers. NameError where it names more than them and arithmetic."""
        numbers = {name: exact(value) for name, value in self.values.items()}
        with np.errstate(all="ignore"):
            found = eval(compile(self.resolved, "formula", "eval"), arithmetic.NAMES, numbers)
        return found[()] if isinstance(found, np.ndarray) and found.ndim == 0 else found


class Made(Protocol):
    """A call that was made: of which function, and what it gave for the element."""

    @property
    def function(self) -> str: ...
    @property
    def element(self) -> Any: ...


def formula_of(
    expression: ast.expr, operands: Mapping[str, Any], absent: frozenset[str], made: Sequence[Made]
) -> tuple[Formula, list[Made]]:
    """The formula of a simplified expression, and which of the calls made in it were for other elements' branches.

    operands: the numbers of names. absent: names that stand for None.
    """
    tree = copy.deepcopy(expression)
    own = {one.function.rpartition(".")[2] for one in made}
    calls = [call for call in _calls(tree) if called(call, own) is not None]
    matched = _matched(calls, made)
    for number, call in enumerate(calls):
        call.lineno = -1 - number  # what tells calls apart in copies of the tree
    results = {-1 - number: None if match is None else match.element for number, (_, match) in enumerate(matched)}
    chosen = _Chooser(operands, absent, results).visit(tree)
    kept = {call.lineno for call in _calls(chosen)}
    dropped = [match for number, (_, match) in enumerate(matched) if match is not None and -1 - number not in kept]
    text = _unmarked(ast.unparse(ast.fix_missing_locations(chosen)))
    used = frozenset(node.id for node in ast.walk(chosen) if isinstance(node, ast.Name))
    resolver = _Resolver(operands, results)
    resolved = copy.deepcopy(chosen)
    is_call = isinstance(resolved, ast.Call) and resolved.lineno < 0
    if isinstance(resolved, ast.Call) and is_call:  # what it is given tells more than what it gives
        resolved.args = [resolver.visit(argument) for argument in resolved.args]
        resolved.keywords = [ast.keyword(k.arg, resolver.visit(k.value)) for k in resolved.keywords]
        makes = (dotted(resolved.func) or "").rpartition(".")[2].removeprefix("cls")[:1]
        plain = not makes or makes.isupper() or all(isinstance(part, _PLAIN | ast.Starred) for part in resolved.args)
    else:
        resolved = resolver.visit(resolved)
        plain = isinstance(resolved, _PLAIN)
    written = ast.unparse(ast.fix_missing_locations(resolved))
    handed = []
    for call in _calls(chosen):
        match = matched[-1 - call.lineno][1] if call.lineno < 0 else None
        if match is not None and call.args and isinstance(call.args[0], ast.BinOp | ast.UnaryOp):
            handed.append((match, _argument(call.args[0], operands, results)))
    is_choice = isinstance(expression, ast.IfExp) and not isinstance(chosen, ast.IfExp)
    return Formula(text, written, resolver.values, used, is_call, plain, is_choice, handed), dropped


def _argument(expression: ast.expr, operands: Mapping[str, Any], results: Mapping[int, Any]) -> Formula:
    """The formula of what a call is handed."""
    resolver = _Resolver(operands, results)
    resolved = resolver.visit(copy.deepcopy(expression))
    text, written = (ast.unparse(ast.fix_missing_locations(tree)) for tree in (copy.deepcopy(expression), resolved))
    return Formula(_unmarked(text), written, resolver.values, is_plain=False)


def _unmarked(text: str) -> str:
    return text.replace(f".{LEADING}", "")


_PLAIN = ast.Name | ast.Constant | ast.Tuple | ast.Attribute | ast.Subscript


def _matched(calls: Sequence[ast.Call], made: Sequence[Made]) -> list[tuple[ast.Call, Made | None]]:
    """The calls of an expression with those that were made: by name; a value that is called, by its `__call__`."""
    left = list(made)
    found: list[tuple[ast.Call, Made | None]] = []
    for call in calls:
        name = (dotted(call.func) or "").rpartition(".")[2]
        match = next((one for one in left if one.function.rpartition(".")[2] == name), None)
        if match is None:
            match = next((one for one in left if one.function.endswith("__call__")), None)
        if match is None and len(calls) == len(made) and left:
            match = left[0]
        if match is not None:
            left.remove(match)
        found.append((call, match))
    return found


def _calls(tree: ast.AST) -> list[ast.Call]:
    """Calls in the order in which Python makes them: arguments first, left to right; a choice's condition first."""
    found: list[ast.Call] = []

    def walk(node: ast.AST) -> None:
        children = [node.test, node.body, node.orelse] if isinstance(node, ast.IfExp) else ast.iter_child_nodes(node)
        for child in children:
            walk(child)
        if isinstance(node, ast.Call):
            found.append(node)

    walk(tree)
    return found


class _Chooser(ast.NodeTransformer):
    """Takes the branch of `x if c else y` that the element takes, where c is known."""

    def __init__(self, operands: Mapping[str, Any], absent: frozenset[str], results: Mapping[int, Any]) -> None:
        self.operands, self.absent, self.results = operands, absent, results

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        known = self._truth(node.test)
        if known is None:
            return ast.IfExp(self.visit(node.test), self.visit(node.body), self.visit(node.orelse))
        return self.visit(node.body if known else node.orelse)  # type: ignore[no-any-return]

    def _truth(self, test: ast.expr) -> bool | None:
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is | ast.IsNot):
            name, other = dotted(test.left), test.comparators[0]
            if name is not None and isinstance(other, ast.Constant) and other.value is None:
                return (name in self.absent) == isinstance(test.ops[0], ast.Is)
        resolver = _Resolver(self.operands, self.results)
        tree = ast.unparse(ast.fix_missing_locations(resolver.visit(copy.deepcopy(test))))
        try:
            numbers = {name: exact(value) for name, value in resolver.values.items()}
            return bool(eval(compile(tree, "condition", "eval"), arithmetic.NAMES, numbers))
        except (NameError, TypeError, AttributeError, ValueError):
            return None


class _Resolver(ast.NodeTransformer):
    """Names for numbers: of operands, and of what calls gave."""

    def __init__(self, operands: Mapping[str, Any], results: Mapping[int, Any]) -> None:
        self.operands, self.results = operands, results
        self.values: dict[str, Any] = {}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._named(node, self.operands.get(node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        name = dotted(node)
        if name is not None:
            return self._named(node, self.operands.get(name))
        return ast.Attribute(self.visit(node.value), node.attr, ast.Load())

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        """Its names change their meaning from turn to turn."""
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        result = self.results.get(node.lineno)
        if result is not None:
            return self._named(node, result)
        keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        return ast.Call(node.func, [self.visit(arg) for arg in node.args], keywords)

    def _named(self, node: ast.expr, value: Any) -> ast.expr:
        if value is None:
            return node
        name = f"v{len(self.values)}"
        self.values[name] = value
        return ast.Name(name, ast.Load())


class _Written(ast.NodeTransformer):
    """Texts of numbers for names."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(text_of(self.values[node.id])) if node.id in self.values else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """`(3, -5)[1]` is -5."""
        inner, which = node.value, node.slice
        if isinstance(inner, ast.Name) and isinstance(which, ast.Constant) and isinstance(which.value, int):
            value = self.values.get(inner.id)
            if isinstance(value, tuple) and -len(value) <= which.value < len(value):
                return ast.Name(text_of(value[which.value]))
        return ast.Subscript(self.visit(node.value), self.visit(node.slice), ast.Load())
