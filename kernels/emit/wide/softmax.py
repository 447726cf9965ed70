"""SOFTMAX over int16 by two tables of 513 numbers: the exponential, and the reciprocal of the sum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..fixed_point import multiply
from ..language import I1, I16, I32, I64, Function, Value
from ..plan import Compiled, Family, Plan, result, source
from ..target import Target

MOST = 1 << 15
"""Numbers of a row whose exponentials' sum int32 holds."""
MOST_LEFT = 14
"""Bits that the difference of two int16 numbers may be shifted left by."""


def _look_up(table: Value, x: Value) -> Value:
    """int32 x in int16's range: the upper 9 bits choose an entry, the lower 7 interpolate; the slope wraps."""
    place = table + ((x >> 7) + 256).signed(I64) * 2
    entry, next_ = (place.load(I16, at) for at in (0, 2))
    slope = (next_ - entry).signed(I32)
    return (entry.signed(I32) + ((slope * (x & 127) + 64) >> 7)).truncate(I16).signed(I32)


def _write_softmax(f: Function) -> None:
    """Exponentials wait in the output until their sum is known."""
    row = f.arguments(WIDE_SOFTMAX.slots)
    multiplier, left, right = (x.truncate(I32) for x in (row.multiplier, row.left, row.right))
    with f.loop(row.rows, a=row.a, out=row.out) as line:
        with f.loop(row.size, a=line.a, most=f.constant(-(2**15), I16)) as each:
            each.most, each.a = each.most.max(each.a.load(I16)), each.a + 2
        most = each.most.signed(I32)
        with f.loop(row.size, a=line.a, out=line.out, total=f.constant(0, I32)) as each:
            steps = multiply(each.a.load(I16).signed(I32) - most, multiplier, left, right) + 32767
            power = _look_up(row.exponential, steps.max(-(2**15)).min(2**15 - 1))
            each.out.store(power.truncate(I16))
            each.total, each.a, each.out = each.total + power, each.a + 2, each.out + 2
        headroom = f.call("llvm.ctlz.i32", I32, each.total, f.constant(1, I1)).signed(I64)
        scaled = each.total.signed(I64) << (headroom - 1)
        normalized = ((scaled + (1 << 13)) >> 14) - (3 << 15)
        inverse = _look_up(row.reciprocal, normalized.max(-(2**15)).min(2**15 - 1).truncate(I32))
        shift = f.constant(31, I32) - headroom.truncate(I32)
        half = f.constant(1, I32) << (shift - 1)
        with f.loop(row.size, out=line.out) as each:
            share = (each.out.load(I16).signed(I32) * inverse + half) >> shift
            each.out.store(share.max(0).min(2**15 - 1).truncate(I16))
            each.out = each.out + 2
        line.a, line.out = line.a + (row.size << 1), each.out


WIDE_SOFTMAX = Family(
    "widesoftmax", "*a *out #rows #size multiplier left right *exponential *reciprocal", _write_softmax
)


def plan_softmax(
    target: Target, rows: int, size: int, multiplier: int, shift: int,
    tables: tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]],
) -> Compiled | str:  # fmt: skip
    """Rows of int16; multiplier and shift bring differences to steps of the exponential's table. Or why not."""
    if size >= MOST or shift > MOST_LEFT or shift < -31:
        return "no native kernel for so long rows, or for such a scale"
    plan = Plan(target)
    if rows * size:
        plan.row(
            WIDE_SOFTMAX, a=source(), out=result(), rows=rows, size=size, multiplier=multiplier, left=max(shift, 0),
            right=max(-shift, 0), exponential=plan.constant(tables[0]), reciprocal=plan.constant(tables[1]),
            work=rows * size * 10,
        )  # fmt: skip
        plan.divisible(WIDE_SOFTMAX, "rows", a=2 * size, out=2 * size)
    return plan.done("tables of 513")
