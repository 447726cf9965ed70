"""Functions of plain numbers of any type, element by element with broadcasting: extremes, sums, comparisons, choice.

Numbers stand for themselves here. Bytes are compared as they are stored, which keeps the order of int8, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from .broadcast import broadcast_runs
from .language import F32, I8, I16, I32, I64, Function, Type, Value
from .lookup import LOOKUP
from .pieces import BLOCK, store
from .plan import Compiled, Family, Place, Plan, result, source
from .target import Target

TYPES = {"byte": I8, "i16": I16, "i32": I32, "i64": I64, "f32": F32}


Binary = Callable[[Value, Value], Value]


def _unsigned(type: str, signed: Binary, unsigned: Binary) -> Binary:
    return unsigned if type == "byte" else signed


def _largest(type: str) -> Binary:
    return _unsigned(type, lambda a, b: a.max(b), lambda a, b: a.max_unsigned(b))


def _smallest(type: str) -> Binary:
    return _unsigned(type, lambda a, b: a.min(b), lambda a, b: a.min_unsigned(b))


def _less(type: str) -> Binary:
    return _unsigned(type, lambda a, b: a < b, lambda a, b: a.below_unsigned(b))


def _less_equal(type: str) -> Binary:
    def unsigned(a: Value, b: Value) -> Value:
        return b.below_unsigned(a) ^ True

    return _unsigned(type, lambda a, b: b >= a, unsigned)


def _always(operation: Binary) -> Callable[[str], Binary]:
    return lambda type: operation


COMPARISONS: Mapping[str, Callable[[str], Binary]] = {
    "less": _less,
    "lessequal": _less_equal,
    "equal": _always(lambda a, b: a.equals(b)),
    "notequal": _always(lambda a, b: a.equals(b) ^ True),
}
"""Flags (0 or 1) of numbers; no comparison holds with NaN but notequal."""

FUNCTIONS: Mapping[str, Callable[[str], Binary]] = {
    "max": _largest,
    "min": _smallest,
    "add": _always(lambda a, b: a + b),
    "sub": _always(lambda a, b: a - b),
    "mul": _always(lambda a, b: a * b),
    "and": _always(lambda a, b: a & b),
    "or": _always(lambda a, b: a | b),
    "xor": _always(lambda a, b: a ^ b),
}
"""Numbers of numbers of one type; integers wrap."""


def lanes_of(target: Target, type: Type) -> int:
    """Numbers of a vector as wide as the target's."""
    return target.lanes * 4 // type.size


def each_number(
    f: Function, size: Value, lanes: int, moving: Mapping[str, tuple[Value, int]], body: Callable[..., Value]
) -> None:
    """Run `body` on every `lanes` numbers of `size`, storing what it gives at `out`; the last vector is cut short.

    moving: pointers, with the bytes of one number there; `body` gets them by name.
    """

    def run(pointers: Mapping[str, Value], count: Value | None) -> None:
        store(pointers["out"], body(**{name: p for name, p in pointers.items() if name != "out"}), count)

    full, rest = size.shift_right_unsigned(int(math.log2(lanes))), size & (lanes - 1)
    with f.loop(full, True, **{name: pointer for name, (pointer, _) in moving.items()}) as each:
        run({name: getattr(each, name) for name in moving}, None)
        for name, (_, step) in moving.items():
            setattr(each, name, getattr(each, name) + lanes * step)
    with f.when(rest > 0):
        run({name: getattr(each, name) for name in moving}, rest)


def _write_pair(f: Function, name: str, type: str, order: str, kind: str) -> None:
    """`order` ab or ba: which operand comes first; `kind` scalar: one b a row."""
    row, element = f.arguments(PAIR.slots), TYPES[type]
    lanes = lanes_of(f.target, element)
    compares = name in COMPARISONS
    function = (COMPARISONS if compares else FUNCTIONS)[name](type)
    vector, size = element.x(lanes), element.size

    def combined(a: Value, b: Value) -> Value:
        c = function(a, b) if order == "ab" else function(b, a)
        return c.unsigned(I8) if compares else c

    with f.loop(row.rows, a=row.a, b=row.b, out=row.out) as line:
        moving = {"a": (line.a, size), "out": (line.out, 1 if compares else size)}
        if kind == "scalar":
            second = line.b.load(element).splat(lanes)
            each_number(f, row.size, lanes, moving, lambda a: combined(a.load(vector), second))
        else:
            moving["b"] = line.b, size
            each_number(f, row.size, lanes, moving, lambda a, b: combined(a.load(vector), b.load(vector)))
        line.a, line.b, line.out = line.a + row.a_pitch, line.b + row.b_pitch, line.out + row.out_pitch


PAIR = Family("pair", "*a *b *out #size #rows a_pitch b_pitch out_pitch", _write_pair)


def plan_pair(
    target: Target, name: str, type: str, a_shape: Sequence[int], b_shape: Sequence[int], *, swapped: bool = False
) -> Compiled:
    """One of COMPARISONS or FUNCTIONS of two tensors; any broadcast. swapped: of b and a."""
    plan = Plan(target)
    _plan_pair(plan, name, type, a_shape, b_shape, (source(0), source(1)), swapped)
    return plan.done("vectors")


def _plan_pair(
    plan: Plan,
    name: str,
    type: str,
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    operands: tuple[Place, Place],
    swapped: bool,
) -> None:
    size = TYPES[type].size
    out_size = 1 if name in COMPARISONS else size
    for run in broadcast_runs(a_shape, b_shape):
        a, b = reversed(operands) if run.swapped else operands
        plan.row(
            PAIR,
            name,
            type,
            "ba" if run.swapped != swapped else "ab",
            "scalar" if run.scalar else "vector",
            a=a + size * run.a,
            b=b + size * run.b,
            out=result() + out_size * run.out,
            size=run.size,
            rows=run.rows,
            a_pitch=size * run.a_pitch,
            b_pitch=size * run.b_pitch,
            out_pitch=out_size * run.out_pitch,
            work=run.rows * (run.size * size // 64 + 2) * 4,
        )
        if run.rows > 1:
            steps = {"a": size * run.a_pitch, "b": size * run.b_pitch, "out": out_size * run.out_pitch}
            plan.divisible(PAIR, "rows", **steps)
        else:
            plan.divisible(PAIR, "size", BLOCK, a=size, b=0 if run.scalar else size, out=out_size)


def plan_tabulated_pair(
    target: Target,
    name: str,
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    tables: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
    *,
    swapped: bool = False,
) -> Compiled:
    """As `plan_pair`, of bytes that stand for the int32 numbers in these tables, by the stored bits of a number."""
    plan, places = Plan(target), []
    for i, (shape, table) in enumerate(zip((a_shape, b_shape), tables, strict=True)):
        count = math.prod(shape)
        place = plan.reserve(4 * count)
        if count:
            plan.row(LOOKUP, 8, 32, a=source(i), out=place, size=count, table=plan.constant(table), work=count)
        places.append(place)
    plan.then()
    _plan_pair(plan, name, "i32", a_shape, b_shape, (places[0], places[1]), swapped)
    return plan.done("through tables of what the numbers stand for")


def _write_choose(f: Function, type: str, condition: str, first: str, second: str) -> None:
    """a where the flag holds, else b; each operand `vector`, or `scalar`: one number for all."""
    row, element = f.arguments(CHOOSE.slots), TYPES[type]
    lanes = lanes_of(f.target, element)
    operands = {"flag": (row.flag, I8, condition), "a": (row.a, element, first), "b": (row.b, element, second)}
    fixed = {name: p.load(type).splat(lanes) for name, (p, type, kind) in operands.items() if kind == "scalar"}
    moving = {name: (p, type.size) for name, (p, type, kind) in operands.items() if kind == "vector"}
    moving["out"] = row.out, element.size

    def chosen(**pointers: Value) -> Value:
        x = {
            name: fixed[name] if name in fixed else pointers[name].load(operands[name][1].x(lanes)) for name in operands
        }
        return (x["flag"].equals(0) ^ True).select(x["a"], x["b"])

    each_number(f, row.size, lanes, moving, chosen)


CHOOSE = Family("choose", "*flag *a *b *out #size", _write_choose)


def plan_choose(target: Target, type: str, sizes: tuple[int, int, int], size: int) -> Compiled:
    """`size` numbers: of the second input where the first (flags) holds, else of the third.

    sizes: how many numbers the three have, each 1 or `size`.
    """
    plan, step = Plan(target), TYPES[type].size
    kinds = ["vector" if own == size and size > 1 else "scalar" for own in sizes]
    if size:
        a, b, c = (source(i) for i in range(3))
        plan.row(CHOOSE, type, *kinds, flag=a, a=b, b=c, out=result(), size=size, work=size * step // 16)
        moved = zip(("flag", "a", "b"), (1, step, step), kinds, strict=True)
        plan.divisible(
            CHOOSE, "size", BLOCK, out=step, **{name: bytes_ for name, bytes_, kind in moved if kind == "vector"}
        )
    return plan.done("vectors")


def _write_negate(f: Function) -> None:
    """Flags turned round."""
    row, lanes = f.arguments(NEGATE.slots), 4 * f.target.lanes
    moving = {"a": (row.a, 1), "out": (row.out, 1)}
    each_number(f, row.size, lanes, moving, lambda a: a.load(I8.x(lanes)).equals(0).unsigned(I8))


NEGATE = Family("negate", "*a *out #size", _write_negate)


def plan_negate(target: Target, size: int) -> Compiled:
    """LOGICAL_NOT of `size` flags."""
    plan = Plan(target)
    if size:
        plan.row(NEGATE, a=source(), out=result(), size=size, work=size // 32)
        plan.divisible(NEGATE, "size", BLOCK, a=1, out=1)
    return plan.done("vectors")
