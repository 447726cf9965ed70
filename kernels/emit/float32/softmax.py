"""SOFTMAX over float32."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..language import F32, Function, Value
from ..pieces import store
from ..plan import Compiled, Family, Plan, float_bits, result, source
from ..target import Target
from .approximations import softmax_power
from .functions import exponential, lanes_below, without_subnormals
from .pieces import real, zeros

LOWEST = -3.4028234663852886e38
"""The least float32: where the search for the greatest begins, so NaN and -inf count as it."""


def across(values: Value, combine: Callable[[Value, Value], Value]) -> Value:
    """All lanes of a vector combined, in every lane."""
    lanes = values.type.lanes
    step = lanes // 2
    while step:
        values = combine(values, values.shuffle([(lane + step) % lanes for lane in range(lanes)]))
        step //= 2
    return values


def _write_softmax(f: Function) -> None:
    """exp((x - max) * beta) over its sum, row by row; the last vector of a row waits in a register."""
    lanes = f.target.lanes
    row, vector, size = f.arguments(SOFTMAX.slots), F32.x(lanes), 4 * lanes
    full, rest = row.size.shift_right_unsigned(int(math.log2(lanes))), row.size & (lanes - 1)
    inside = lanes_below(f, rest, lanes)
    beta = real(row.beta).splat(lanes)
    lowest = f.constant(LOWEST, vector)
    with f.loop(row.rows, a=row.a, out=row.out) as line:
        with f.loop(full, True, a=line.a, most=lowest) as each:
            each.most, each.a = each.a.load(vector).max(each.most), each.a + size
        last = inside.select(each.a.load(vector), lowest)
        most = across(last.max(each.most), lambda a, b: a.max(b))

        def power(x: Value, most: Value = most) -> Value:
            return exponential((x - most) * beta)

        with f.loop(full, True, a=line.a, out=line.out, sum=zeros(f, lanes)) as each:
            powers = power(each.a.load(vector))
            each.out.store(powers)
            each.sum, each.a, each.out = each.sum + powers, each.a + size, each.out + size
        last = inside.select(power(last), zeros(f, lanes))
        total = across(each.sum + last, lambda a, b: a + b)
        factor = f.constant(1.0, vector).divide(total)
        with f.loop(full, True, out=line.out) as each:
            each.out.store(each.out.load(vector) * factor)
            each.out = each.out + size
        with f.when(rest > 0):
            store(each.out, last * factor, rest)
        line.a, line.out = line.a + (row.size << 2), line.out + (row.size << 2)


def _write_xnnpack_softmax(f: Function) -> None:
    """XNNPACK's steps: 16 lanes whatever the processor has, sums of every other 16 numbers in blocks of 64.

    beta isn't used: it is 1.
    """
    row, vector, size = f.arguments(SOFTMAX.slots), F32.x(16), 64
    fours, full, rest = row.size.shift_right_unsigned(6), row.size.shift_right_unsigned(4), row.size & 15
    inside, lowest, nothing = lanes_below(f, rest, 16), f.constant(LOWEST, vector), zeros(f, 16)
    with f.loop(row.rows, a=row.a, out=row.out) as line:
        with f.loop(full, True, a=line.a, most=lowest) as each:
            each.most, each.a = each.a.load(vector).max(each.most), each.a + size
        last = inside.select(each.a.load(vector), lowest)
        most = across(last.max(each.most), lambda a, b: a.max(b))

        def power(x: Value, most: Value = most) -> Value:
            return softmax_power(x - most)

        with f.loop(fours, True, a=line.a, out=line.out, sums=[nothing] * 2) as four:
            powers = [power(four.a.load(vector, size * j)) for j in range(4)]
            for j, value in enumerate(powers):
                four.out.store(value, size * j)
            four.sums = [four.sums[j] + powers[j] + powers[j + 2] for j in range(2)]
            four.a, four.out = four.a + 4 * size, four.out + 4 * size
        with f.loop(full & 3, True, a=four.a, out=four.out, sum=four.sums[0] + four.sums[1]) as each:
            value = power(each.a.load(vector))
            each.out.store(value)
            each.sum, each.a, each.out = each.sum + value, each.a + size, each.out + size
        last = inside.select(power(last), nothing)
        total = across(each.sum + last, lambda a, b: a + b)
        factor = f.constant(1.0, vector).divide(total)
        with f.loop(full, True, out=line.out) as each:
            each.out.store(without_subnormals(each.out.load(vector) * factor))
            each.out = each.out + size
        with f.when(rest > 0):
            store(each.out, without_subnormals(last * factor), rest)
        line.a, line.out = line.a + (row.size << 2), line.out + (row.size << 2)


def _write(f: Function, kind: str) -> None:
    (_write_xnnpack_softmax if kind == "xnnpack" else _write_softmax)(f)


SOFTMAX = Family("floatsoftmax", "*a *out #size #rows beta", _write)


def plan_softmax(target: Target, rows: int, size: int, beta: float, *, xnnpack: bool = False) -> Compiled:
    """Rows of `size` floats; `xnnpack` with that library's steps, for a beta of 1."""
    plan = Plan(target)
    if 0 not in (rows, size):
        work = rows * (size // target.lanes + 2) * 30
        kind = "xnnpack" if xnnpack else "plain"
        plan.row(SOFTMAX, kind, a=source(), out=result(), size=size, rows=rows, beta=float_bits(beta), work=work)
        plan.divisible(SOFTMAX, "rows", a=4 * size, out=4 * size)
    return plan.done("vectors")
