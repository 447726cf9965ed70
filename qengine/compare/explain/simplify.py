"""What of a kernel's expression is arithmetic: without what only NumPy needs.

`np.asarray(a, np.int64) * np.asarray(b, np.int64)` reads `a * b`; `np.where(has_bit, x, y)` reads
`x if has_bit else y`; conversions to float32 stay, as f32(...), since they round.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

RENAMED = {
    "np.minimum": "min",
    "np.maximum": "max",
    "np.clip": "clamp",
    "np.abs": "abs",
    "np.rint": "half_to_even",
    "np.sign": "sign",
    "np.trunc": "trunc",
    "np.floor": "floor",
    "np.ceil": "ceil",
    "np.exp": "exp",
    "np.log": "log",
    "np.sqrt": "sqrt",
    "np.tanh": "tanh",
    "np.expm1": "expm1",
    "np.copysign": "copysign",
    "np.ldexp": "ldexp",
    "np.fmod": "fmod",
}
DROPPED = {"np.asarray", "np.array", "np.int64", "np.int32", "np.int16", "np.atleast_1d", "int", "bool"}
"""Formulas' integers are those of mathematics: conversions between their types don't change them."""
KEPT_TYPES = {"np.float32": "f32", "np.float16": "f16", "np.float64": "f64", "float": "f64"}
OPERATORS = {"np.left_shift": "<<", "np.add": "+", "np.subtract": "-", "np.multiply": "*", "np.bitwise_and": "&"}
SHAPING = ("reshape", "copy", "item")
VIEWS = {f"np.{kind}{bits}": f"as_{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
ARITHMETIC = {*VIEWS.values(), *RENAMED.values(), *KEPT_TYPES.values(), "min", "max", "abs"}


LEADING = "leading"
"""Marks an array of which each row of the output has its own number."""


def dotted(node: ast.expr) -> str | None:
    """`np.asarray` of an attribute of names; None for other expressions."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


class _Simplifier(ast.NodeTransformer):
    """Takes out of an expression what doesn't change a number."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = dotted(node.func)
        args = [self.visit(arg) for arg in node.args]
        if name is not None and name.endswith(".dtype.type") and args:
            return args[0]  # type: ignore[no-any-return]
        if name in DROPPED and args:
            kinds = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "dtype")]
            kind = dotted(kinds[0]) if kinds else None
            return ast.Call(ast.Name(KEPT_TYPES[kind]), args[:1], []) if kind in KEPT_TYPES else args[0]
        if name in KEPT_TYPES and args:
            return ast.Call(ast.Name(KEPT_TYPES[name]), args[:1], [])
        if name == "np.where" and len(args) == 3:
            return ast.IfExp(args[0], args[1], args[2])
        if name in OPERATORS and len(args) == 2:
            return _binary(OPERATORS[name], args[0], args[1])
        if isinstance(node.func, ast.Attribute) and node.func.attr == "astype":
            kind = dotted(node.args[0]) if node.args else None
            inner = self.visit(node.func.value)
            return ast.Call(ast.Name(KEPT_TYPES[kind]), [inner], []) if kind in KEPT_TYPES else inner
        if isinstance(node.func, ast.Attribute) and node.func.attr == "view" and args:
            kind = dotted(node.args[0])
            inner = self.visit(node.func.value)
            return ast.Call(ast.Name(VIEWS[kind]), [inner], []) if kind in VIEWS else inner
        if isinstance(node.func, ast.Attribute) and node.func.attr in SHAPING:
            return self.visit(node.func.value)  # type: ignore[no-any-return]
        function = ast.Name(RENAMED[name]) if name in RENAMED else node.func
        return ast.Call(function, args, [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords])

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """`x[..., np.newaxis]` is x; `x[:, None]` is x by its row: `x.leading`."""
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if all(_is_axis(part) for part in parts):
            inner = self.visit(node.value)
            by_row = len(parts) > 1 and isinstance(parts[0], ast.Slice) and not isinstance(parts[1], ast.Slice)
            return ast.Attribute(inner, LEADING, ast.Load()) if by_row and dotted(inner) is not None else inner
        return ast.Subscript(self.visit(node.value), self.visit(node.slice), ast.Load())


def _is_axis(part: ast.expr) -> bool:
    whole = isinstance(part, ast.Slice) and part.lower is None and part.upper is None and part.step is None
    constant = isinstance(part, ast.Constant) and part.value in (None, ...)
    return whole or constant or dotted(part) == "np.newaxis"


def _binary(symbol: str, left: ast.expr, right: ast.expr) -> ast.expr:
    parsed = ast.parse(f"a {symbol} b", mode="eval").body
    assert isinstance(parsed, ast.BinOp)
    return ast.BinOp(left, parsed.op, right)


def simplified(expression: ast.expr) -> ast.expr:
    """The expression without what only NumPy needs."""
    copy = ast.parse(ast.unparse(expression), mode="eval").body
    return _fixed(_Simplifier().visit(copy))


def _fixed(expression: ast.expr) -> ast.expr:
    """The same, as if it had been written so: unparsed and parsed again."""
    return ast.parse(ast.unparse(ast.fix_missing_locations(expression)), mode="eval").body


def names_in(expression: ast.expr) -> set[str]:
    """Names, and names with their fields (`scale.a`), in an expression."""
    return {name for node in ast.walk(expression) if isinstance(node, ast.expr) and (name := dotted(node)) is not None}


def called(call: ast.Call, own: Collection[str] = ()) -> str | None:
    """The name of the kernel's function that is called; None for plain arithmetic.

    own: kernels' functions that are known to have been called, though they may share a name with arithmetic.
    """
    name = dotted(call.func)
    if name is None or (name in ARITHMETIC and name not in own) or name.startswith("np."):
        return None
    return name.rpartition(".")[2]
