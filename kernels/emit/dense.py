"""FULLY_CONNECTED over bytes. One row of input reads every weight once, so several k go on at a time to hide latency."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from . import gemm, rounding
from .language import I32, I64, Function, Value
from .pieces import Finish, dot, store
from .plan import Compiled, Eight, Family, Place, Plan, result, source
from .rounding import Rule
from .target import Target

STEPS = {4: 4, 2: 4, 1: 8}
"""By vectors in a panel: how many groups of four k are in flight, each with accumulators of its own."""


def _write_dense(f: Function, vectors: int, rule: str, ending: str, width: str, weights: str) -> None:
    """out[panel][column] for one row `a`; the words mean what they do for gemm."""
    lanes, steps = f.target.lanes, STEPS[vectors]
    vector, size = I32.x(lanes), 4 * lanes
    a, rounds, w, parameters, out, columns, finish, panels, parameter_bytes, outliers, outlier_count = f.arguments(
        DENSE.slots
    )
    finishing = Finish(f, finish, ending == "plain")
    zero = f.constant(0, vector)
    with f.loop(panels, w=w, parameters=parameters, out=out) as panel:
        bias = [panel.parameters.load(vector, size * j) for j in range(vectors)]
        sums = [bias, *[[zero] * vectors for _ in range(1, steps)]]
        with f.loop(rounds, a=a, w=panel.w, sums=sums) as k:
            new: list[list[Value]] = []
            for step, row in enumerate(k.sums):
                x = k.a.load(I32, 4 * step).splat(lanes)
                at = vectors * step
                new.append([dot(sum_, x, k.w.load(vector, size * (at + j))) for j, sum_ in enumerate(row)])
            k.sums, k.a, k.w = new, k.a + 4 * steps, k.w + size * vectors * steps
        totals = [_sum([k.sums[step][j] for step in range(steps)]) for j in range(vectors)]
        if weights == "outliers":
            with f.loop(outlier_count, True, entry=outliers, totals=totals) as extra:
                x = (a + extra.entry.load(I64, 0, 8)).load(I32).splat(lanes)
                extra.totals = [
                    dot(sum_, x, extra.entry.load(vector, 64 + size * j)) for j, sum_ in enumerate(extra.totals)
                ]
                extra.entry = extra.entry + (64 + size * vectors)
            totals = extra.totals
        rounded = [
            rounding.apply(f, rule, total, rounding.load(f, rule, panel.parameters, j, vectors, lanes))
            for j, total in enumerate(totals)
        ]
        store(panel.out, finishing.narrow(rounded), columns if width == "part" else None)
        panel.w, panel.parameters, panel.out = k.w, panel.parameters + parameter_bytes, panel.out + vectors * lanes


def _sum(values: list[Value]) -> Value:
    """As a tree: no long chain of additions."""
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]


DENSE = Family(
    "dense",
    "*a rounds *w *parameters *out columns finish panels parameter_bytes *outliers outlier_count",
    _write_dense,
)


def plan_dense(
    target: Target,
    rows: int,
    weights: npt.NDArray[np.generic],
    weight_zero_point: int,
    bias: npt.NDArray[np.generic] | None,
    input: Eight,
    output: Eight,
    low: int,
    high: int,
    rule: Rule,
) -> Compiled:
    """weights int8 or uint8 (columns, k) over `rows` rows of k bytes; bias int32 (columns,)."""
    plan = Plan(target)
    columns, k = weights.shape
    v = (weights.astype(np.int32) - weight_zero_point).reshape(columns, 1, k)
    sums = np.zeros(columns, np.int64) if bias is None else bias.astype(np.int64)
    finish = (output.stored_zero, low + output.offset, high + output.offset)
    if rows > 1:
        gemm.multiply(plan, gemm.pack(plan, v, sums, [0], input, rule), source(), k, rows, result(), columns, finish)
        return plan.done(f"matrix product of {rows} rows")
    one_row(plan, v, sums, input, rule, source(), result(), finish)
    return plan.done("one row")


def one_row(
    plan: Plan,
    weights: npt.NDArray[np.int32],
    bias: npt.NDArray[np.int64],
    input: Eight,
    rule: Rule,
    a: Place,
    out: Place,
    finish: tuple[int, int, int],
) -> None:
    """Rows that multiply one row of bytes by weights (columns, 1, k). Up to 31 bytes beyond the input row are read."""
    lanes = plan.target.lanes
    packed = gemm.pack(plan, weights, bias, [0], input, rule, k4_step=max(STEPS.values()))
    ending = "plain" if finish == (0, 0, 255) else "clamp"
    alike = itertools.groupby(
        packed.panels, lambda p: (p.vectors, p.columns) if not p.outlier_count and p.columns == p.vectors * lanes else p
    )
    for _, group in alike:
        run = list(group)
        first = run[0]
        plan.row(
            DENSE, first.vectors, packed.rule, ending, "full" if first.columns == first.vectors * lanes else "part",
            "outliers" if first.outlier_count else "int8",
            a=a, rounds=packed.k4 // STEPS[first.vectors], w=first.weights, parameters=first.parameters,
            out=out + first.first, columns=first.columns, finish=Finish.argument(*finish), panels=len(run),
            parameter_bytes=packed.parameter_bytes(first), outliers=first.outliers,
            outlier_count=first.outlier_count, work=len(run) * first.vectors * (packed.k4 + 8),
        )  # fmt: skip
