"""UNIDIRECTIONAL_SEQUENCE_LSTM over float32: inputs of all steps as one matrix product, then step by step.

The four gates (input, forget, cell, output) are columns of one matrix, each gate's filled up to whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..language import F32, Function, Value
from ..pieces import store
from ..plan import Compiled, Family, Place, Plan, float_bits, result, source
from ..target import Target
from .dense import WIDEST, plan_row
from .functions import logistic, tanh
from .gemm import multiply, pack, pieces
from .layer import Floats, Layer
from .pieces import ANY, real

FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "tanh": tanh,
    "relu": lambda x: x.function.constant(0.0, x.type).max(x),
    "relu6": lambda x: x.function.constant(6.0, x.type).min(x.function.constant(0.0, x.type).max(x)),
    "logistic": logistic,
}


def _write_cell(f: Function, function: str, gates: str, clip: str) -> None:
    """One step: `gates` four, or three where the input gate is 1 - forget gate (its columns then are anything)."""
    lanes, apply = f.target.lanes, FUNCTIONS[function]
    vector = F32.x(lanes)
    row = f.arguments(CELL.slots)
    bound = real(row.clip).splat(lanes)
    start = {"gates": row.gates, "state": row.state, "h": row.h, "out": row.out, "left": row.columns}
    with f.loop(row.panels, **start) as panel:
        raw = [(panel.gates + at).load(vector) for at in (row.pitch * 0, row.pitch, row.pitch << 1, row.pitch * 3)]
        forget, opened = logistic(raw[1]), logistic(raw[3])
        admit = logistic(raw[0]) if gates == "four" else f.constant(1.0, vector) - forget
        state = forget * panel.state.load(vector) + apply(raw[2]) * admit
        if clip == "clip":
            state = bound.min((bound * -1.0).max(state))
        hidden, now = opened * apply(state), panel.left.min(lanes)
        for place, values in ((panel.state, state), (panel.h, hidden), (panel.out, hidden)):
            store(place, values, now)
        panel.gates, panel.state, panel.left = panel.gates + 4 * lanes, panel.state + 4 * lanes, panel.left - lanes
        panel.h, panel.out = panel.h + 4 * lanes, panel.out + 4 * lanes


CELL = Family("floatcell", "*gates pitch *state *h *out #panels #columns clip", _write_cell)


Four = Sequence[Floats | None]


@dataclass(frozen=True, eq=False)
class Cell:
    """Weights (c, i), recurrent weights (c, c) and biases (c,) of the four gates; the input gate's None where the
    forget gate says both. function: of the cell gate and of the cell. clip: 0 for none.
    """

    weights: Four
    recurrent: Four
    biases: Four
    function: str
    clip: float


def plan_lstm(
    target: Target, steps: int, batch: int, cell: Cell, *, time_major: bool, output_state: Place, cell_state: Place
) -> Compiled:
    """x (t b i) or (b t i) -> outputs, with float32 states (b c)."""
    plan, lanes = Plan(target), target.lanes
    forget = cell.weights[1]
    assert forget is not None
    columns, width = forget.shape
    panels = -(-columns // lanes)
    padded = panels * lanes
    if 0 in (steps, batch, columns):
        return plan.done("nothing to compute")

    def joined(parts: Four, shape: tuple[int, ...]) -> Floats:
        whole = np.zeros((4, padded, *shape), np.float32)
        for own, part in zip(whole, parts, strict=True):
            if part is not None:
                own[:columns] = part
        return whole.reshape(4 * padded, *shape)

    inputs = Layer(joined(cell.weights, (width,)), joined(cell.biases, ()), ANY)
    recurrent = Layer(joined(cell.recurrent, (columns,)), None, ANY)
    pitch = 4 * 4 * padded
    before, gates = plan.reserve(steps * batch * pitch), plan.reserve(pitch)
    packed = pack(plan, inputs.weights, inputs.bias)
    along = pieces(plan, [(0, 0)], width)
    multiply(plan, packed, along, source(), 4 * width, steps * batch, before, pitch, inputs)
    plan.then()
    again = pack(plan, recurrent.weights, None, WIDEST)
    for step in range(steps):
        for b in range(batch):
            at = step * batch + b if time_major else b * steps + step
            h = output_state + 4 * b * columns
            biased = [replace(panel, bias=before + (at * pitch + 4 * panel.first)) for panel in again]
            plan_row(plan, biased, recurrent, h, gates)
            plan.then()
            plan.row(
                CELL,
                cell.function,
                "three" if cell.weights[0] is None else "four",
                "clip" if cell.clip > 0 else "free",
                gates=gates,
                pitch=4 * padded,
                state=cell_state + 4 * b * columns,
                h=h,
                out=result() + 4 * at * columns,
                panels=panels,
                columns=columns,
                clip=float_bits(cell.clip),
                work=panels * 200,
            )
            plan.then()
    return plan.done(f"{steps} steps of a cell")
