"""FULLY_CONNECTED over bytes. One row of input reads each weight once: several k go on at a time to hide latency."""

from __future__ import annotations

import itertools

from . import gemm, rounding
from .language import I32, I64, Function, Value
from .layer import Layer, Matrix
from .pieces import Narrowing, dot, store
from .plan import Compiled, Family, Finish, Place, Plan, result, source
from .target import Target

STEPS = {4: 4, 2: 4, 1: 8}
"""By vectors in a panel: how many groups of four k are in flight, each with accumulators of its own."""


def _write_dense(f: Function, vectors: int, rule: str, ending: str, width: str, weights: str) -> None:
    """out[panel][column] for one row `a`; the words mean what they do for gemm."""
    lanes, steps = f.target.lanes, STEPS[vectors]
    vector, size = I32.x(lanes), 4 * lanes
    row = f.arguments(DENSE.slots)
    narrowing = Narrowing(f, row.finish, ending)
    zero = f.constant(0, vector)
    with f.loop(row.panels, w=row.w, parameters=row.parameters, out=row.out) as panel:
        bias = [panel.parameters.load(vector, size * j) for j in range(vectors)]
        sums = [bias, *[[zero] * vectors for _ in range(1, steps)]]
        with f.loop(row.rounds, a=row.a, w=panel.w, sums=sums) as k:
            new: list[list[Value]] = []
            for step, old in enumerate(k.sums):
                x = k.a.load(I32, 4 * step).splat(lanes)
                at = vectors * step
                new.append([dot(sum_, x, k.w.load(vector, size * (at + j))) for j, sum_ in enumerate(old)])
            k.sums, k.a, k.w = new, k.a + 4 * steps, k.w + size * vectors * steps
        totals = [_sum([k.sums[step][j] for step in range(steps)]) for j in range(vectors)]
        if weights == "outliers":
            with f.loop(row.outlier_count, True, entry=row.outliers, totals=totals) as extra:
                x = (row.a + extra.entry.load(I64, 0, 8)).load(I32).splat(lanes)
                extra.totals = [
                    dot(sum_, x, extra.entry.load(vector, 64 + size * j)) for j, sum_ in enumerate(extra.totals)
                ]
                extra.entry = extra.entry + (64 + size * vectors)
            totals = extra.totals
        rounded = [
            rounding.apply(f, rule, total, rounding.load(f, rule, panel.parameters, j, vectors, lanes))
            for j, total in enumerate(totals)
        ]
        store(panel.out, narrowing.narrow(rounded), row.columns if width == "part" else None)
        panel.w, panel.out = k.w, panel.out + vectors * lanes
        panel.parameters = panel.parameters + row.parameter_bytes


def _sum(values: list[Value]) -> Value:
    """As a tree: no long chain of additions."""
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]


DENSE = Family(
    "dense",
    "*a #rounds *w *parameters *out #columns finish #panels parameter_bytes *outliers outlier_count",
    _write_dense,
)


def plan_dense(target: Target, rows: int, layer: Layer) -> Compiled:
    """FULLY_CONNECTED with weights (columns, k) over `rows` rows of k bytes."""
    plan = Plan(target)
    columns, k = layer.weights.shape
    if 0 in (rows, columns):
        return plan.done("nothing to compute")
    matrix = layer.matrix(layer.values().reshape(columns, 1, k))
    if rows > 1:
        gemm.multiply(plan, gemm.pack(plan, matrix, [0]), source(), k, rows, result(), columns, layer.finish)
        return plan.done(f"matrix product of {rows} rows")
    one_row(plan, matrix, source(), result(), layer.finish)
    return plan.done("one row")


def one_row(plan: Plan, matrix: Matrix, a: Place, out: Place, finish: Finish) -> None:
    """Rows that multiply one row of bytes by weights (columns, 1, k). Up to 31 bytes beyond the input row are read."""
    lanes = plan.target.lanes
    packed = gemm.pack(plan, matrix, [0], k4_step=max(STEPS.values()))
    alike = itertools.groupby(
        packed.panels, lambda p: (p.vectors, p.columns) if not p.outlier_count and p.columns == p.vectors * lanes else p
    )
    for _, group in alike:
        run = list(group)
        first = run[0]
        plan.row(
            DENSE,
            first.vectors,
            packed.rule,
            finish.word,
            "full" if first.columns == first.vectors * lanes else "part",
            "outliers" if first.outlier_count else "int8",
            a=a,
            rounds=packed.k4 // STEPS[first.vectors],
            w=first.weights,
            parameters=first.parameters,
            out=out + first.first,
            columns=first.columns,
            finish=finish.argument,
            panels=len(run),
            parameter_bytes=first.parameter_bytes,
            outliers=first.outliers,
            outlier_count=first.outlier_count,
            work=len(run) * first.vectors * (packed.k4 + 8),
        )
        size = first.vectors * lanes
        plan.divisible(DENSE, "panels", w=4 * packed.k4 * size, parameters=first.parameter_bytes, out=size)
