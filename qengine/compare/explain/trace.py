"""Watching the reference kernels compute: every statement with the numbers of one element.

An explanation is the kernel's own run. While `watched` runs a function, each call of a kernel's function is noted as a
tree: its arguments, its statements with their formulas and numbers, and the calls within them.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import CodeType, FrameType
from typing import Any

from .formula import Formula, formula_of
from .select import Element, Leading
from .simplify import LEADING, names_in, simplified

OPAQUE = {
    "conv_2d", "depthwise_conv_2d", "transpose_conv_2d", "window_sums", "counts", "in_vector_loop", "inner_loop",
    "product_type", "exact_float", "largest_magnitude", "centered", "in_order", "kept", "count_of", "reduced",
    "_tables_int16", "_tabulated", "lookup_table_int16", "max_pool", "pick", "in_steps", "along", "count_leading_zeros",
    "is_int32", "erfc", "power_table", "_row_maximum", "latest_extreme", "blockwise_sums", "nearest", "resolved",
    "nearest_fixed_point", "places_float32", "places_fixed_point", "places_clamped", "quantize_multipliers",
    "quantize_multiplier", "saturating_rounding_doubling_high_mul", "saturating_rounding_doubling_high_mul_int16",
    "rounding_divide_by_pot", "rounding_divide_by_pot_unchecked", "wrap_int32", "wrap_int16", "saturate",
    "round_half_away", "float_to_int32", "constant", "prepared", "scale_of", "scales_of", "zero_point_of", "_limits",
    "limits_of", "fused_range", "ends", "zero_points", "exponent_of", "takes_sum", "known", "check_types",
}  # fmt: skip
"""Functions that are one step, or whose inside isn't about one element."""
MODULES = ("qengine.kernels.", "qengine.scales", "qengine.affine.arithmetic", "qengine.ops.")


@dataclass(eq=False)
class Call:
    """One call of a function, or (function "") whatever was watched as a whole.

    arguments: by name, as they were handed over. element: what its result holds for the element; None: nothing.
    """

    function: str
    module: str = ""
    summary: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    body: list[Statement] = field(default_factory=list)
    result: Any = None
    element: Any = None

    def calls(self) -> Iterator[Call]:
        """This call and all within it."""
        yield self
        for statement in self.body:
            for call in statement.calls:
                yield from call.calls()


@dataclass(eq=False)
class Statement:
    """One statement that ran: `targets` = formula, or what the function returned.

    values: by target what came out, for the element; "" is what was returned. calls: of kernels' functions in it that
    the element needed.
    """

    formula: Formula
    values: dict[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    calls: list[Call] = field(default_factory=list)
    returns: bool = False


def watched(element: Element, function: Callable[[], Any], opaque: Collection[str] = ()) -> tuple[Any, Call]:
    """The function's result, and what the kernels under it did. opaque: more functions not to look into.

    A debugger or a coverage tool that is watching is left out for so long.
    """
    watcher = _Watcher(element, {*OPAQUE, *opaque})
    before = sys.gettrace()
    sys.settrace(watcher.entered)
    try:
        result = function()
    finally:
        sys.settrace(before)
    return result, watcher.root


class _Watcher:
    def __init__(self, element: Element, opaque: Collection[str]) -> None:
        self.element, self.opaque = element, opaque
        self.root = Call("", body=[Statement(Formula("None"))])
        self.stack = [self.root]
        self.muted = False

    def entered(self, frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_name
        hidden = (name.startswith(("<", "__")) and name != "__call__") or name.startswith("check")
        if self.muted or event != "call" or hidden or not _is_watched(frame):
            return None
        title = _title(name, frame.f_locals)
        module = str(frame.f_globals.get("__name__", ""))
        call = Call(title, module, _summary(frame, name), dict(frame.f_locals))
        above = self.stack[-1]
        if not above.body:
            above.body.append(Statement(Formula("None")))
        above.body[-1].calls.append(call)
        self.stack.append(call)
        self.muted = name in self.opaque
        return _Frame(self, frame, call).event


class _Frame:
    """One call being watched, statement by statement."""

    def __init__(self, watcher: _Watcher, frame: FrameType, call: Call) -> None:
        self.watcher, self.call = watcher, call
        self.mute = watcher.muted
        self.statements = {} if self.mute else _statements(frame.f_code)
        self.open: tuple[ast.stmt, ast.expr, dict[str, Any], frozenset[str]] | None = None
        frame.f_trace_lines = not self.mute

    def event(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            found = self.statements.get(frame.f_lineno)
            if found is None or self.open is None or found[0] is not self.open[0]:
                self._close(frame, None)
                self._begin(frame, found)
        elif event == "return":
            self._close(frame, argument)
            self.call.result, self.call.element = argument, self.watcher.element.pick(argument)
            self.watcher.stack.pop()
            self.watcher.muted = False if self.mute else self.watcher.muted
        return self.event

    def _begin(self, frame: FrameType, found: tuple[ast.stmt, ast.expr] | None) -> None:
        """Notes the numbers with which a statement begins."""
        if found is None:
            return
        statement, expression = found
        names = names_in(expression)
        operands = {name: value for name in names if (value := self._lookup(frame, name)) is not None}
        absent = frozenset(name for name in names if name in frame.f_locals and frame.f_locals[name] is None)
        self.open = statement, expression, operands, absent
        placeholder = Formula(ast.unparse(expression))
        self.call.body.append(Statement(placeholder, {}, _targets(statement), [], isinstance(statement, ast.Return)))

    def _close(self, frame: FrameType, returned: Any) -> None:
        """Notes what a statement gave."""
        if self.open is None:
            return
        _, expression, operands, absent = self.open
        statement, pick = self.call.body[-1], self.watcher.element.pick
        statement.formula, dropped = formula_of(expression, operands, absent, statement.calls)
        statement.calls = [call for call in statement.calls if call not in dropped]
        found = {"": returned} if statement.returns else {t: frame.f_locals.get(t) for t in statement.targets}
        statement.values = {name: picked for name, value in found.items() if (picked := pick(value)) is not None}
        self.open = None

    def _lookup(self, frame: FrameType, name: str) -> Any:
        return self.watcher.element.pick(self._value(frame, name))

    @staticmethod
    def _value(frame: FrameType, name: str) -> Any:
        """What `name` or `name.field` stands for in the frame; None where that isn't known."""
        first, *rest = name.split(".")
        if first in frame.f_locals:
            value = frame.f_locals[first]
        elif first.isupper() and first in frame.f_globals:
            value = frame.f_globals[first]
        else:
            return None
        for part in rest:
            value = Leading(value) if part == LEADING else getattr(value, part, None)
        return value


def _title(name: str, arguments: dict[str, Any]) -> str:
    """The function's name, with that of its class where it says little alone."""
    if name in ("rescale", "__call__") and "self" in arguments:
        return f"{type(arguments['self']).__name__}.{name}"
    return f"{arguments['cls'].__name__}.{name}" if "cls" in arguments else name


def _is_watched(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return module.startswith(MODULES) and not module.startswith("qengine.kernels.emit")


def _summary(frame: FrameType, name: str) -> str:
    """The first line of a function's docstring; of a requantizer's methods, of the class'."""
    documentation = frame.f_code.co_consts[0] if frame.f_code.co_consts else None
    if name in ("rescale", "__call__", "from_real"):
        owner = frame.f_locals.get("cls", type(frame.f_locals.get("self")))
        documentation = owner.__doc__
    return documentation.partition("\n")[0] if isinstance(documentation, str) else ""


@cache
def _statements(code: CodeType) -> dict[int, tuple[ast.stmt, ast.expr]]:
    """The statements of a function and their simplified expressions, by the lines that belong to them; empty where
    there is no source."""
    try:
        lines, first = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError):
        return {}
    found: dict[int, tuple[ast.stmt, ast.expr]] = {}
    for node in ast.walk(tree.body[0]):
        expression = _expression(node)
        if isinstance(node, ast.stmt) and expression is not None:
            entry = node, simplified(expression)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found[first + line - 1] = entry
    return found


def _expression(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Assign | ast.Return | ast.AnnAssign):
        return node.value
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return ast.BinOp(ast.Name(node.target.id), node.op, node.value)
    return None


def _targets(statement: ast.stmt) -> tuple[str, ...]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    parts = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return tuple(part.id for part in parts if isinstance(part, ast.Name))
