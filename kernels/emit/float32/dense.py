"""FULLY_CONNECTED over float32. One row of input reads each weight once, in panels wide enough to hide latency."""

from __future__ import annotations

import itertools

from ..language import F32, Function, Value
from ..pieces import store
from ..plan import Compiled, Family, Place, Plan, result, source
from ..target import Target
from .gemm import Panel, multiply, pack, pieces
from .layer import Layer
from .pieces import Clamping, Order, Summing

WIDEST = 8
"""Vectors in a panel: sums of one accumulator each, in the order of k, that go on at a time."""


def _write_dense(f: Function, vectors: int, lanes: int, order: str, ending: str, width: str) -> None:
    """out[panel][column] for one row `a` of 4 * fours + depth floats; the words mean what they do for gemm."""
    vector, size = F32.x(lanes), 4 * lanes
    row = f.arguments(DENSE.slots)
    summing, clamping = Summing(order), Clamping(ending, row.low, row.high)

    def products(sums: list[Value], a: Value, w: Value, step: int) -> list[Value]:
        x = a.load(F32, 4 * step).splat(lanes)
        return [summing.add(sum_, x, w.load(vector, size * (vectors * step + j))) for j, sum_ in enumerate(sums)]

    with f.loop(row.panels, w=row.w, bias=row.bias, out=row.out) as panel:
        bias = [panel.bias.load(vector, size * j) for j in range(vectors)]
        sums, a, w = [summing.start(b) for b in bias], row.a, panel.w
        if summing.order is Order.FOURS:
            with f.loop(row.fours, True, a=a, w=w, sums=[sums] * 4) as four:
                four.sums = [products(old, four.a, four.w, i) for i, old in enumerate(four.sums)]
                four.a, four.w = four.a + 16, four.w + 4 * size * vectors
            sums, a, w = [(s[0] + s[2]) + (s[1] + s[3]) for s in zip(*four.sums, strict=True)], four.a, four.w
        with f.loop(row.depth, True, a=a, w=w, sums=sums) as k:
            k.sums = products(k.sums, k.a, k.w, 0)
            k.a, k.w = k.a + 4, k.w + size * vectors
        for j, sum_ in enumerate(k.sums):
            last = width == "part" and j == vectors - 1
            total = clamping.apply(summing.end(sum_, bias[j]))
            store(panel.out + size * j, total, row.columns if last else None)
        panel.w, panel.bias, panel.out = k.w, panel.bias + size * vectors, panel.out + size * vectors


DENSE = Family("floatdense", "*a fours depth *w *bias *out #columns #panels low high", _write_dense)


def plan_dense(target: Target, rows: int, layer: Layer) -> Compiled:
    """FULLY_CONNECTED with weights (columns, k) over `rows` rows of k floats."""
    plan = Plan(target)
    columns, k = layer.weights.shape
    if 0 in (rows, columns):
        return plan.done("nothing to compute")
    if rows > 1:
        packed = pack(plan, layer.weights, layer.bias)
        multiply(plan, packed, pieces(plan, [(0, 0)], k), source(), 4 * k, rows, result(), 4 * columns, layer)
        return plan.done(f"matrix product of {rows} rows")
    one_row(plan, layer, source(), result())
    return plan.done("one row")


def one_row(plan: Plan, layer: Layer, a: Place, out: Place) -> None:
    """Rows that multiply one row of floats by weights (columns, k)."""
    widest = plan.target.registers // 8 if layer.order is Order.FOURS else WIDEST
    plan_row(plan, pack(plan, layer.weights, layer.bias, widest), layer, a, out)


def plan_row(plan: Plan, panels: list[Panel], layer: Layer, a: Place, out: Place) -> None:
    """Rows that do so with packed weights, whose biases follow one another."""
    k = layer.weights.shape[1]
    fours = k // 4 if layer.order is Order.FOURS else 0
    alike = itertools.groupby(panels, lambda panel: (panel.vectors, panel.lanes, panel.columns))
    for (vectors, lanes, columns), group in alike:
        run = list(group)
        size = vectors * lanes
        plan.row(
            DENSE,
            vectors,
            lanes,
            layer.order.value,
            layer.clamp.word,
            run[0].width,
            a=a,
            fours=fours,
            depth=k - 4 * fours,
            w=run[0].weights,
            bias=run[0].bias,
            out=out + 4 * run[0].first,
            columns=columns,
            panels=len(run),
            work=len(run) * vectors * (k + 8),
            **layer.clamp.arguments,
        )
        plan.divisible(DENSE, "panels", w=4 * k * size, bias=4 * size, out=4 * size)
