"""SOFTMAX over bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .fixed_point import reciprocal
from .language import F32, F64, I8, I16, I32, I64, Function, Value
from .plan import Compiled, Eight, Family, Plan, float_bits, result, source
from .target import Target


def largest_byte(f: Function, a: Value, size: Value) -> Value:
    """The greatest of `size` bytes as int64: 64 at a time, then one by one."""
    block = I8.x(64)
    with f.loop(size.shift_right_unsigned(6), True, a=a, most=f.constant(0, block)) as each:
        each.most, each.a = each.most.max_unsigned(each.a.load(block)), each.a + 64
    most = f.call("llvm.vector.reduce.umax.v64i8", I8, each.most).unsigned(I64)
    with f.loop(size & 63, True, a=each.a, most=most) as one:
        one.most, one.a = one.most.max(one.a.load(I8).unsigned(I64)), one.a + 1
    result: Value = one.most
    return result


def _write_softmax(f: Function, kind: str) -> None:
    """float32 exponentials from a table by distance from the maximum, added in order.

    `away`: the quotient is rounded half up (it isn't negative); `half`: 0.5 is added in float32, then cut off;
    `wide`: as `away`, to int16 with a zero point.
    """
    row = f.arguments(SOFTMAX.slots)
    step = 2 if kind == "wide" else 1
    out_scale = row.out_scale.truncate(I32).bits(F32)
    with f.loop(row.rows, a=row.a, out=row.out) as line:
        most = largest_byte(f, line.a, row.size)
        entries = row.table + ((f.constant(255, I64) - most) << 2)

        def exponential(at: Value, entries: Value = entries) -> Value:
            return (entries + (at.load(I8).unsigned(I64) << 2)).load(F32, 0, 4)

        with f.loop(row.size, a=line.a, sum=f.constant(0.0, F32)) as each:
            each.sum, each.a = each.sum + exponential(each.a), each.a + 1
        factor = f.constant(1.0, F32).divide(each.sum * out_scale)
        with f.loop(row.size, a=line.a, out=line.out) as each:
            quotient = exponential(each.a) * factor
            if kind == "half":
                rounded = (quotient + 0.5).convert("fptosi", I32)
            else:
                rounded = (quotient.convert("fpext", F64) + 0.5).convert("fptosi", I32)
            if kind == "wide":
                probability = (rounded + row.zero_point.truncate(I32)).max(-32768).min(32767).truncate(I16)
            else:
                probability = rounded.min(255).truncate(I8)
            each.out.store(probability)
            each.a, each.out = each.a + 1, each.out + step
        line.a, line.out = line.a + row.size, line.out + row.size * step


SOFTMAX = Family("softmax", "*a *out #size #rows *table out_scale zero_point", _write_softmax)


def plan_softmax(
    target: Target,
    rows: int,
    size: int,
    output: Eight | None,
    exponentials: npt.NDArray[np.float32],
    out_scale: float,
    zero_point: int = 0,
) -> Compiled:
    """The runtime's float table rule on `rows` rows of `size`; output zero point is the least value of its type.

    output None: int16 with `zero_point`.
    exponentials float32 (256,): element 255 - d is exp(-scale * beta * d), for a distance d from the maximum.
    """
    plan = Plan(target)
    if 0 in (rows, size):
        return plan.done("nothing to compute")
    plan.row(
        SOFTMAX,
        "wide" if output is None else "away" if output.signed else "half",
        a=source(),
        out=result(),
        size=size,
        rows=rows,
        table=plan.constant(exponentials.astype(np.float32)),
        out_scale=float_bits(out_scale),
        zero_point=zero_point,
        work=rows * size * 8,
    )
    plan.divisible(SOFTMAX, "rows", a=size, out=size)
    return plan.done("table of exponentials")


def _write_softmax_fixed(f: Function, bits: int) -> None:
    """Powers in Q0.31 from a table by distance from the maximum, over their sum in Q12.19: in units of 2**-bits."""
    row = f.arguments(SOFTMAX_FIXED.slots)
    size = bits // 8
    with f.loop(row.rows, a=row.a, out=row.out) as line:
        most = largest_byte(f, line.a, row.size)
        entries = row.table + ((f.constant(255, I64) - most) << 2)

        def power(at: Value, entries: Value = entries) -> Value:
            return (entries + (at.load(I8).unsigned(I64) << 2)).load(I32, 0, 4).unsigned(I64)

        with f.loop(row.size, a=line.a, sum=f.constant(0, I64)) as each:
            each.sum, each.a = each.sum + ((power(each.a) + (1 << 11)) >> 12), each.a + 1
        inverse, zeros = reciprocal(each.sum)
        right = f.constant(12 + 31 - bits, I64) - zeros
        half = (f.constant(1, I64) << right) >> 1
        with f.loop(row.size, a=line.a, out=line.out) as each:
            product = (power(each.a) * inverse + (1 << 30)) >> 31
            probability = ((product + half) >> right).min((1 << bits) - 1)
            stored = probability.truncate(I8) if bits == 8 else (probability - (1 << 15)).truncate(I16)
            each.out.store(stored)
            each.a, each.out = each.a + 1, each.out + size
        line.a, line.out = line.a + row.size, line.out + row.size * size


SOFTMAX_FIXED = Family("softmaxfixed", "*a *out #size #rows *table", _write_softmax_fixed)


def plan_softmax_fixed(
    target: Target, rows: int, size: int, bits: int, powers: npt.NDArray[np.int32]
) -> Compiled | str:
    """The reference kernels' fixed point on `rows` rows of `size` bytes; or why not.

    powers int32 (256,): element 255 - d is exp(-scale * beta * d) in Q0.31, for a distance d from the maximum. bits, of
    the output: 8 or 16; its zero point is the least value of its type.
    """
    if size >= 512:
        return "powers of a row may add up to 512 or more, where the runtime gives up"
    plan = Plan(target)
    if rows:
        plan.row(
            SOFTMAX_FIXED,
            bits,
            a=source(),
            out=result(),
            size=size,
            rows=rows,
            table=plan.constant(powers.astype(np.int32)),
            work=rows * size * 8,
        )
        plan.divisible(SOFTMAX_FIXED, "rows", a=size, out=size * bits // 8)
    return plan.done("table of powers in fixed point")
