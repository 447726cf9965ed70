"""BATCH_MATMUL over float32: matrices that are both computed while running, used as they lie where that can be."""

from __future__ import annotations

import math

import numpy as np

from ..language import F32, Function, Value
from ..plan import Compiled, Family, Place, Plan, result, source
from ..target import Target
from .gemm import in_place, multiply, pieces
from .layer import Layer
from .pieces import ANY

SIDE = 4


def _write_turn(f: Function) -> None:
    """A matrix (rows, columns) of 32-bit numbers with its sides swapped, by squares of 4, what is left one by one."""
    row, vector = f.arguments(TURN.slots), F32.x(SIDE)
    in_pitch, out_pitch = row.columns << 2, row.rows << 2

    def single(a: Value, out: Value, count_rows: Value, count_columns: Value) -> None:
        with f.loop(count_rows, True, a=a, out=out) as line:
            with f.loop(count_columns, True, a=line.a, out=line.out) as each:
                each.out.store(each.a.load(F32))
                each.a, each.out = each.a + 4, each.out + out_pitch
            line.a, line.out = line.a + in_pitch, line.out + 4

    with f.loop(row.rows.shift_right_unsigned(2), True, a=row.a, out=row.out) as line:
        with f.loop(row.columns.shift_right_unsigned(2), True, a=line.a, out=line.out) as square:
            lines = [(square.a + in_pitch * i).load(vector) for i in range(SIDE)]
            for i, turned in enumerate(_turned(lines)):
                (square.out + out_pitch * i).store(turned)
            square.a, square.out = square.a + 4 * SIDE, square.out + (out_pitch << 2)
        single(square.a, square.out, f.constant(SIDE, row.rows.type), row.columns & 3)
        line.a, line.out = line.a + (in_pitch << 2), line.out + 4 * SIDE
    single(line.a, line.out, row.rows & 3, row.columns)


def _turned(lines: list[Value]) -> list[Value]:
    """Four vectors of four, rows for columns."""
    low = [a.shuffle([0, 4, 1, 5], b) for a, b in (lines[0:3:2], lines[1:4:2])]
    high = [a.shuffle([2, 6, 3, 7], b) for a, b in (lines[0:3:2], lines[1:4:2])]
    return [pair[0].shuffle(order, pair[1]) for pair in (low, high) for order in ([0, 4, 1, 5], [2, 6, 3, 7])]


TURN = Family("turn", "*a *out #rows #columns", _write_turn)


def plan_batch_matmul(
    target: Target, x_shape: tuple[int, ...], y_shape: tuple[int, ...], x_swapped: bool, y_swapped: bool
) -> Compiled:
    """x (..., m, k) times y (..., k, n), whose batches broadcast; either given with its last dimensions swapped."""
    plan = Plan(target)
    m, k = x_shape[-2:][:: -1 if x_swapped else 1]
    n = y_shape[-2 if y_swapped else -1]
    outer = x_shape[:-2], y_shape[:-2]
    shape = np.broadcast_shapes(*outer)
    numbered = (np.broadcast_to(np.arange(math.prod(own)).reshape(own), shape).ravel().tolist() for own in outer)
    batches = list(zip(*numbered, strict=True))
    if 0 in (m, n, len(batches)):
        return plan.done("nothing to compute")
    left = {i: _matrix(plan, source(0) + 4 * i * m * k, (m, k), x_swapped) for i in sorted({i for i, _ in batches})}
    right = {i: _matrix(plan, source(1) + 4 * i * k * n, (k, n), y_swapped) for i in sorted({i for _, i in batches})}
    plan.then()
    layer, along = Layer(np.zeros((n, k), np.float32), None, ANY), pieces(plan, [(0, 0)], k)
    for at, (i, j) in enumerate(batches):
        out = result() + 4 * at * m * n
        multiply(plan, in_place(plan, right[j], n), along, left[i], 4 * k, m, out, 4 * n, layer)
    return plan.done(f"{len(batches)} matrix products of {m} rows")


def _matrix(plan: Plan, place: Place, shape: tuple[int, int], swapped: bool) -> Place:
    """A matrix of this shape, turned round in scratch memory where it lies swapped."""
    rows, columns = shape
    if not swapped or 1 in shape:
        return place
    turned = plan.reserve(4 * rows * columns)
    plan.row(TURN, a=place, out=turned, rows=columns, columns=rows, work=rows * columns)
    return turned
