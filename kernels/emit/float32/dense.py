"""FULLY_CONNECTED over float32. One row of input reads each weight once: several k go on at a time to hide latency."""

from __future__ import annotations

import itertools

from ..language import F32, Function, Value
from ..pieces import store
from ..plan import Compiled, Family, Plan, result, source
from ..target import Target
from .gemm import multiply, pack, pieces
from .layer import Layer
from .pieces import Clamping, multiply_add, total, zeros

STEPS = {4: 2, 2: 4, 1: 8}
"""By vectors in a panel: how many k are in flight, each with accumulators of its own."""


def _write_dense(f: Function, vectors: int, lanes: int, ending: str, width: str) -> None:
    """out[panel][column] for one row `a` of rounds * STEPS + rest floats; the words mean what they do for gemm."""
    steps = STEPS[vectors]
    vector, size = F32.x(lanes), 4 * lanes
    row = f.arguments(DENSE.slots)
    clamping = Clamping(ending, row.low, row.high)

    def products(sums: list[Value], a: Value, w: Value, step: int) -> list[Value]:
        x = a.load(F32, 4 * step).splat(lanes)
        return [multiply_add(sum_, x, w.load(vector, size * (vectors * step + j))) for j, sum_ in enumerate(sums)]

    with f.loop(row.panels, w=row.w, bias=row.bias, out=row.out) as panel:
        first = [panel.bias.load(vector, size * j) for j in range(vectors)]
        sums = [first, *[[zeros(f, lanes)] * vectors for _ in range(1, steps)]]
        with f.loop(row.rounds, True, a=row.a, w=panel.w, sums=sums) as k:
            k.sums = [products(old, k.a, k.w, step) for step, old in enumerate(k.sums)]
            k.a, k.w = k.a + 4 * steps, k.w + size * vectors * steps
        totals = [total([k.sums[step][j] for step in range(steps)]) for j in range(vectors)]
        with f.loop(row.rest, True, a=k.a, w=k.w, totals=totals) as one:
            one.totals = products(one.totals, one.a, one.w, 0)
            one.a, one.w = one.a + 4, one.w + size * vectors
        for j, sum_ in enumerate(one.totals):
            last = width == "part" and j == vectors - 1
            store(panel.out + size * j, clamping.apply(sum_), row.columns if last else None)
        panel.w, panel.bias, panel.out = one.w, panel.bias + size * vectors, panel.out + size * vectors


DENSE = Family("floatdense", "*a rounds rest *w *bias *out #columns #panels low high", _write_dense)


def plan_dense(target: Target, rows: int, layer: Layer) -> Compiled:
    """FULLY_CONNECTED with weights (columns, k) over `rows` rows of k floats."""
    plan = Plan(target)
    columns, k = layer.weights.shape
    if 0 in (rows, columns):
        return plan.done("nothing to compute")
    if rows > 1:
        packed = pack(plan, layer.weights, layer.bias)
        multiply(plan, packed, pieces(plan, [(0, 0)], k), source(), 4 * k, rows, result(), 4 * columns, layer.clamp)
        return plan.done(f"matrix product of {rows} rows")
    one_row(plan, layer)
    return plan.done("one row")


def one_row(plan: Plan, layer: Layer) -> None:
    """Rows that multiply one row of floats by weights (columns, k)."""
    k = layer.weights.shape[1]
    alike = itertools.groupby(
        pack(plan, layer.weights, layer.bias), lambda panel: (panel.vectors, panel.lanes, panel.columns)
    )
    for (vectors, lanes, columns), group in alike:
        run = list(group)
        rounds, rest = divmod(k, STEPS[vectors])
        size = vectors * lanes
        plan.row(
            DENSE,
            vectors,
            lanes,
            layer.clamp.word,
            run[0].width,
            a=source(),
            rounds=rounds,
            rest=rest,
            w=run[0].weights,
            bias=run[0].bias,
            out=result() + 4 * run[0].first,
            columns=columns,
            panels=len(run),
            work=len(run) * vectors * (k + 8),
            **layer.clamp.arguments,
        )
        plan.divisible(DENSE, "panels", w=4 * k * size, bias=4 * size, out=4 * size)
