"""Long short-term memory in float32, and in float32 by int8 weights.

Axes: t time, b batch, i input, c cell, o output (= c without a projection). A gate is
    function(x W_x + aux W_aux + h W_h + cell * w_peephole + bias), or with layer normalization
    function(normalized(x W_x + ...) * w_norm + bias).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import AnyArray, Float32Array
from .eigen_floats import logistic_by_fours
from .matrices import Diagonal, DynamicMatrix, Matrix

Function = Callable[[AnyArray], AnyArray]


@dataclass(frozen=True, eq=False)
class Gate:
    """One gate's weights; peephole and norm (c,) or None."""

    input: Matrix
    recurrent: Matrix
    bias: Float32Array
    aux: Matrix | None = None
    peephole: Float32Array | None = None
    norm: Float32Array | None = None


@dataclass(frozen=True, eq=False)
class Cell:
    """A whole cell. input_gate None: 1 - forget gate takes its place. Clips of 0 don't clip.

    function: of the cell gate and of the cell on its way out. None: none, which the runtime's kernels don't allow for:
    they leave their buffers as they are (`_stale`), and the cell gate goes out in the cell's place.
    """

    input_gate: Gate | None
    forget_gate: Gate
    cell_gate: Gate
    output_gate: Gate
    function: Function | None
    projection: Matrix | None = None
    projection_bias: Float32Array | None = None
    cell_clip: float = 0.0
    projection_clip: float = 0.0


def sigmoid(x: AnyArray, *, together: bool) -> AnyArray:
    """The logistic function (b, c), row by row or as one row."""
    return logistic_by_fours(x.reshape(1, -1) if together else x).reshape(x.shape)


def normalized(x: Float32Array) -> Float32Array:
    """Each row (.., c) with mean 0 and variance 1."""
    centered = x - x.mean(axis=-1, keepdims=True, dtype=np.float32)
    variance = (centered * centered).mean(axis=-1, keepdims=True, dtype=np.float32)
    result: Float32Array = centered * (np.float32(1) / np.sqrt(variance + np.float32(1e-8)))
    return result


def lstm(
    x: Float32Array,
    aux: Float32Array | None,
    cell: Cell,
    h: Float32Array,
    c: Float32Array,
    *,
    together: bool,
) -> Float32Array:
    """x (t, b, i), aux (t, b, k) or None, state h (b, o) and c (b, c), updated in place -> outputs (t, b, o).

    together: whether the runtime runs a batch's rows together: it shows in the last bits of the logistic function, and
    where `cell.function` is None.
    """
    gates = {"f": cell.forget_gate, "g": cell.cell_gate, "o": cell.output_gate}
    if cell.input_gate is not None:
        gates["i"] = cell.input_gate
    before = {name: _from_inputs(x, aux, gate) for name, gate in gates.items()}
    writes = _writes(x, aux, together=together)
    outputs = np.empty((*x.shape[:2], h.shape[-1]), np.float32)
    for step in range(x.shape[0]):
        rows = {type(gate.recurrent): gate.recurrent.prepare(h) for gate in gates.values()}

        def opened(name: str, *, step: int = step, rows: dict[type, Any] = rows) -> AnyArray:
            gate = gates[name]
            total = _total(gate, before[name][step] + gate.recurrent.times(rows[type(gate.recurrent)]), c)
            return sigmoid(total, together=together) if name != "g" else total

        forget = opened("f")
        admit = opened("i") if "i" in gates else np.float32(1) - forget
        update = opened("g")
        if cell.function is None:
            update = _stale(update, before["g"][step], cell.cell_gate, writes[step])
        else:
            update = cell.function(update)
        c[...] = forget * c + update * admit
        if cell.cell_clip > 0:
            np.clip(c, -np.float32(cell.cell_clip), np.float32(cell.cell_clip), out=c)
        leaving = update if cell.function is None else cell.function(c)
        h[...] = _projected(opened("o") * leaving, cell)
        outputs[step] = h
    return outputs


def _from_inputs(x: Float32Array, aux: Float32Array | None, gate: Gate) -> Float32Array:
    """What all steps' inputs contribute to a gate, (t, b, c); the bias too unless it comes after normalization."""
    rows = x.reshape(-1, x.shape[-1])
    total = gate.input.times(gate.input.prepare(rows))
    if gate.norm is None:
        total = gate.bias + total
    if gate.aux is not None and aux is not None:
        total = total + gate.aux.times(gate.aux.prepare(aux.reshape(-1, aux.shape[-1])))
    return total.reshape(*x.shape[:2], -1)


def _total(gate: Gate, total: AnyArray, c: Float32Array) -> AnyArray:
    if gate.peephole is not None:
        total = total + gate.peephole * c
    if gate.norm is not None:
        total = normalized(total) * gate.norm + gate.bias
    return total


def _writes(x: Float32Array, aux: Float32Array | None, *, together: bool) -> AnyArray:
    """How many of the inputs of each row are not all zero: those that the runtime multiplies. (t, b)."""
    axes = (1, 2) if together else (2,)
    parts = [x] if aux is None else [x, aux]
    counted = sum((part != 0).any(axis=axes, keepdims=True).astype(np.int64) for part in parts)
    return np.broadcast_to(counted, (*x.shape[:2], 1))[..., 0]


def _stale(total: AnyArray, before: Float32Array, gate: Gate, writes: AnyArray) -> AnyArray:
    """What the runtime finds in a float gate's buffer (b, c) without a function that copies the total into it.

    Two buffers take turns, one write after another; where the total ends in the wrong one, the gate's own still holds
    an earlier sum. Products with int8 weights are added in place, and are right.
    """
    if isinstance(gate.input, DynamicMatrix):
        return total
    misplaced = writes % 2 == (1 if isinstance(gate.recurrent, Diagonal) else 0)
    start = gate.bias if gate.norm is None else np.zeros_like(gate.bias)
    earlier = np.where((writes == 1)[:, np.newaxis], start, before)
    return np.where(misplaced[:, np.newaxis], earlier, total)


def _projected(hidden: AnyArray, cell: Cell) -> AnyArray:
    if cell.projection is None:
        return hidden
    result: AnyArray = cell.projection.times(cell.projection.prepare(hidden))
    if cell.projection_bias is not None:
        result = cell.projection_bias + result
    if cell.projection_clip > 0:
        result = np.clip(result, -np.float32(cell.projection_clip), np.float32(cell.projection_clip))
    return result
