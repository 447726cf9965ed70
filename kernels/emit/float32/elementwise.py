"""Functions of one or two float32 tensors, element by element, with broadcasting and a clamp."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..broadcast import broadcast_runs, spread
from ..language import F32, Function, Value
from ..pieces import BLOCK, store
from ..plan import Compiled, Family, Plan, float_bits, result, source
from ..target import Target
from . import approximations
from .functions import (
    clamp,
    exponential,
    exponential_less_one,
    logarithm,
    logistic,
    magnitude,
    rounded,
    sine,
    square_root,
    tanh,
    without_subnormals,
    without_turns,
)
from .pieces import ANY, Clamp, Clamping, multiply_add, real

Unary = Callable[[Value, Value], Value]
Binary = Callable[[Value, Value], Value]


def _unconverged(x: Value, root: Value) -> Value:
    """Beyond 2**126 the last step of XNNPACK's roots doesn't converge: 1.5 times the root."""
    return (x > 2.0**126).select((x < math.inf).select(root * 1.5, root), root)


def _log_of_any(x: Value) -> Value:
    """Subnormal numbers as 2**24 times themselves first."""
    tiny = (x < 2.0**-126).select((x > 0.0).select(x * 2.0**24, x), x)
    result = (x < 2.0**-126).select(logarithm(tiny) - 24 * math.log(2.0), logarithm(x))
    return (x < 0.0).select(math.nan, result)


def _cosine(x: Value, _: Value) -> Value:
    """sin(pi / 2 - x)"""
    half_pi = float(np.float32(np.pi / 2))
    turned = x.function.constant(half_pi, x.type) - without_turns(x)
    return sine(turned + (math.pi / 2 - half_pi))


def _gelu_tanh(x: Value, _: Value) -> Value:
    cube = x * x * x
    inner = multiply_add(x, cube, x.function.constant(0.044715, x.type)) * math.sqrt(2 / math.pi)
    return x * 0.5 * (tanh(inner) + 1.0)


UNARY: dict[str, Unary] = {
    "same": lambda x, p: x,
    "neg": lambda x, p: x * -1.0,
    "abs": lambda x, p: magnitude(x),
    "square": lambda x, p: x * x,
    "sqrt": lambda x, p: square_root(x),
    "rsqrt": lambda x, p: x.function.constant(1.0, x.type).divide(square_root(x)),
    "newton": lambda x, p: approximations.reciprocal_root(x),
    "sqrtnewton": lambda x, p: _unconverged(without_subnormals(x), square_root(without_subnormals(x))),
    "floor": lambda x, p: rounded(x, "floor"),
    "ceil": lambda x, p: rounded(x, "ceil"),
    "rint": lambda x, p: rounded(x, "rint"),
    "floornormal": lambda x, p: rounded(without_subnormals(x), "floor"),
    "ceilnormal": lambda x, p: rounded(without_subnormals(x), "ceil"),
    "sign": lambda x, p: (x > 0.0).select(1.0, (x < 0.0).select(-1.0, x)),
    "log": lambda x, p: _log_of_any(x),
    "lognormal": lambda x, p: (x * math.sqrt(2)).equals(math.inf).select(math.inf, logarithm(x)),
    "sine": lambda x, p: sine(without_turns(x)),
    "cosine": _cosine,
    "exp": lambda x, p: exponential(x),
    "expofnumber": lambda x, p: x.equals(x).select(exponential(x), 0.0),
    "logistic": lambda x, p: logistic(x),
    "tanh": lambda x, p: tanh(x),
    "elu": lambda x, p: (x < 0.0).select(exponential_less_one(x), x),
    "gelutanh": _gelu_tanh,
    "hardswish": lambda x, p: x * (1 / 6) * clamp(x + 3.0, 0.0, 6.0),
    "xnnpacktanh": lambda x, p: approximations.tanh(x),
    "xnnpacklogistic": lambda x, p: approximations.logistic(x),
    "xnnpackelu": lambda x, p: approximations.elu(x),
    "xnnpackgelu": lambda x, p: approximations.gelu(x),
    "xnnpackgelutanh": lambda x, p: approximations.gelu_tanh(x),
    "xnnpackhardswish": lambda x, p: approximations.hard_swish(x),
    "eigentanh": lambda x, p: approximations.eigen_tanh(x),
    "eigenlogistic": lambda x, p: approximations.eigen_logistic(x),
    "leaky": lambda x, p: (x > 0.0).select(x, x * p),
}
"""By name: the function of x and of a number p that comes with the row.

newton, sqrtnewton: XNNPACK's ways to 1 / sqrt(x) and sqrt(x). normal: subnormal numbers are 0. lognormal: XNNPACK's.
sine, cosine: its, too. expofnumber: exp with NaN giving 0."""

BINARY: dict[str, Binary] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a.divide(b),
    "max": lambda a, b: a.max(b),
    "min": lambda a, b: a.min(b),
    "sqdiff": lambda a, b: (a - b) * (a - b),
    "prelu": lambda a, b: (a >= 0.0).select(a, a * b),
}
"""By name: max is a > b ? a : b, min a < b ? a : b."""


def each_vector(
    f: Function, size: Value, pointers: dict[str, Value], body: Callable[[dict[str, Value]], Value]
) -> None:
    """Run `body` on every L floats of `size`, storing what it gives at `out`; the last vector is cut short.

    `pointers` move along, `out` among them; inputs are read up to L - 1 floats beyond their end.
    """
    lanes = f.target.lanes
    full, rest = size.shift_right_unsigned(int(math.log2(lanes))), size & (lanes - 1)
    with f.loop(full, True, **pointers) as each:
        now = {name: getattr(each, name) for name in pointers}
        store(now["out"], body(now))
        for name, pointer in now.items():
            setattr(each, name, pointer + 4 * lanes)
    left = {name: getattr(each, name) for name in pointers}
    with f.when(rest > 0):
        store(left["out"], body(left), rest)


def _write_unary(f: Function, name: str, ending: str) -> None:
    row, vector = f.arguments(UNARY_FAMILY.slots), F32.x(f.target.lanes)
    clamping, parameter = Clamping(ending, row.low, row.high), real(row.parameter).splat(vector.lanes)
    function = UNARY[name]
    each_vector(
        f,
        row.size,
        {"a": row.a, "out": row.out},
        lambda at: clamping.apply(function(at["a"].load(vector), parameter)),
    )


UNARY_FAMILY = Family("floatunary", "*a *out size parameter low high", _write_unary)


def _write_binary(f: Function, name: str, order: str, flush: str, kind: str, ending: str) -> None:
    """`order` ab or ba: which operand is first; `flush` yes: subnormal operands are 0; `kind` scalar: one b a row."""
    row, vector = f.arguments(BINARY_FAMILY.slots), F32.x(f.target.lanes)
    clamping, function = Clamping(ending, row.low, row.high), BINARY[name]

    def taken(x: Value) -> Value:
        return without_subnormals(x) if flush == "yes" else x

    def combined(a: Value, b: Value) -> Value:
        a, b = taken(a), taken(b)
        return clamping.apply(function(a, b) if order == "ab" else function(b, a))

    with f.loop(row.rows, a=row.a, b=row.b, out=row.out) as line:
        if kind == "scalar":
            second = line.b.load(F32).splat(vector.lanes)
            moving = {"a": line.a, "out": line.out}
            each_vector(f, row.size, moving, lambda at: combined(at["a"].load(vector), second))
        else:
            moving = {"a": line.a, "b": line.b, "out": line.out}
            each_vector(f, row.size, moving, lambda at: combined(at["a"].load(vector), at["b"].load(vector)))
        line.a, line.b, line.out = line.a + row.a_pitch, line.b + row.b_pitch, line.out + row.out_pitch


BINARY_FAMILY = Family("floatbinary", "*a *b *out size #rows a_pitch b_pitch out_pitch low high", _write_binary)


def plan_unary(target: Target, name: str, size: int, clamp: Clamp = ANY, parameter: float = 0.0) -> Compiled:
    """One of UNARY over `size` floats, clamped."""
    plan = Plan(target)
    if size:
        plan.row(
            UNARY_FAMILY,
            name,
            clamp.word,
            a=source(),
            out=result(),
            size=size,
            parameter=float_bits(parameter),
            work=(size // target.lanes + 1) * (2 if name in ("same", "neg", "abs") else 20),
            **clamp.arguments,
        )
        plan.divisible(UNARY_FAMILY, "size", BLOCK, a=4, out=4)
    return plan.done("vectors")


def plan_binary(
    target: Target,
    name: str,
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    clamp: Clamp,
    *,
    swapped: bool = False,
    flush: bool = False,
) -> Compiled:
    """One of BINARY with any broadcast. swapped: of b and a. flush: subnormal operands count as 0."""
    plan = Plan(target)
    for run, a, b in spread(plan, broadcast_runs(a_shape, b_shape), 4):
        plan.row(
            BINARY_FAMILY,
            name,
            "ba" if run.swapped != swapped else "ab",
            "yes" if flush else "no",
            "scalar" if run.scalar else "vector",
            clamp.word,
            a=a,
            b=b,
            out=result() + 4 * run.out,
            size=run.size,
            rows=run.rows,
            a_pitch=4 * run.a_pitch,
            b_pitch=4 * run.b_pitch,
            out_pitch=4 * run.size,
            work=run.rows * (run.size // target.lanes + 2) * 4,
            **clamp.arguments,
        )
        if run.rows > 1:
            plan.divisible(BINARY_FAMILY, "rows", a=4 * run.a_pitch, b=4 * run.b_pitch, out=4 * run.size)
        else:
            plan.divisible(BINARY_FAMILY, "size", BLOCK, a=4, b=0 if run.scalar else 4, out=4)
    return plan.done("vectors")
