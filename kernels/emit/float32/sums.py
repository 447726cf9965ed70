"""MEAN and SUM over float32: along rows, or of vectors."""

from __future__ import annotations

import math

from ..language import F32, Function
from ..plan import Compiled, Family, Plan, float_bits, result, source
from ..target import Target
from .functions import lanes_below
from .pieces import real, zeros
from .pool import Windows, plan_windows
from .softmax import across


def _write_rows(f: Function, kind: str) -> None:
    (_write_xnnpack_rows if kind == "xnnpack" else _write_plain_rows)(f)


def _write_xnnpack_rows(f: Function) -> None:
    """The sum of each row times `factor`: 16 lanes twice, of every other 16 numbers; both added, then what is left."""
    row, vector, size = f.arguments(ROWS.slots), F32.x(16), 64
    full, rest = row.size.shift_right_unsigned(4), row.size & 15
    inside, factor, nothing = lanes_below(f, rest, 16), real(row.factor), zeros(f, 16)
    with f.loop(row.rows, a=row.a, out=row.out) as line:
        with f.loop(full.shift_right_unsigned(1), True, a=line.a, sums=[nothing] * 2) as two:
            two.sums = [sum_ + two.a.load(vector, size * j) for j, sum_ in enumerate(two.sums)]
            two.a = two.a + 2 * size
        with f.loop(full & 1, True, a=two.a, sum=two.sums[0]) as each:
            each.sum, each.a = each.sum + each.a.load(vector), each.a + size
        last = inside.select(each.a.load(vector), nothing)
        whole = across((each.sum + two.sums[1]) + last, lambda a, b: a + b)
        line.out.store(f.emit(F32, f"extractelement {vector} {whole.name}, i64 0") * factor)
        line.a, line.out = line.a + (row.size << 2), line.out + 4


def _write_plain_rows(f: Function) -> None:
    """The sum of each row of floats, divided by `factor`."""
    lanes = f.target.lanes
    row, vector, size = f.arguments(ROWS.slots), F32.x(lanes), 4 * lanes
    full, rest = row.size.shift_right_unsigned(int(math.log2(lanes))), row.size & (lanes - 1)
    inside, factor = lanes_below(f, rest, lanes), real(row.factor)
    fours = full.shift_right_unsigned(2)
    with f.loop(row.rows, a=row.a, out=row.out) as line:
        with f.loop(fours, True, a=line.a, sums=[zeros(f, lanes)] * 4) as four:
            four.sums = [sum_ + four.a.load(vector, size * j) for j, sum_ in enumerate(four.sums)]
            four.a = four.a + 4 * size
        sum_ = (four.sums[0] + four.sums[1]) + (four.sums[2] + four.sums[3])
        with f.loop(full & 3, True, a=four.a, sum=sum_) as each:
            each.sum, each.a = each.sum + each.a.load(vector), each.a + size
        last = inside.select(each.a.load(vector), zeros(f, lanes))
        whole = across(each.sum + last, lambda a, b: a + b)
        line.out.store(f.emit(F32, f"extractelement {vector} {whole.name}, i64 0").divide(factor))
        line.a, line.out = line.a + (row.size << 2), line.out + 4


ROWS = Family("floatrowsum", "*a *out #size #rows factor", _write_rows)


def plan_sum(target: Target, outer: int, reduced: int, inner: int, *, mean: bool, xnnpack: bool = False) -> Compiled:
    """Sums, or means, of (outer, reduced, inner) over the middle; there is something to sum.

    xnnpack: rows in that library's order, means by the reciprocal of their number; else divided by it.
    """
    plan = Plan(target)
    count = reduced if mean else 1
    factor = 1.0 / count if xnnpack else count
    if 0 in (outer, inner):
        return plan.done("nothing to compute")
    if inner == 1:
        work = outer * (reduced // target.lanes + 8)
        kind = "xnnpack" if xnnpack else "plain"
        plan.row(ROWS, kind, a=source(), out=result(), size=reduced, rows=outer, factor=float_bits(factor), work=work)
        plan.divisible(ROWS, "rows", a=4 * reduced, out=4)
        return plan.done("sums along rows")
    where = Windows(outer, 1, (1, reduced), (0, 4 * reduced * inner), (0, 4 * inner), (0, 4 * inner))
    kind = "sum" if xnnpack or not mean else "mean"
    numbers = {"start": 0.0, "factor": factor, "low": -math.inf, "high": math.inf}
    plan_windows(plan, kind, "plain", where, source(), result(), inner, **numbers)
    return plan.done("sums of vectors")
