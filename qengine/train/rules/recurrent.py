"""Recurrent cells: an LSTM back through its time, and SVDF for one step from an empty memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import Unsupported
from ...op import Array
from ...ops.unidirectional_sequence_lstm import LAYOUT
from ...options import ActivationFunctionType
from ..gradient import Call, Gradient, Gradients
from .arithmetic import sigmoid

GATES = 4
INPUT, FORGET, UPDATE, OUTPUT = range(GATES)


def _check(call: Call) -> None:
    op = call.op
    if any(call.there(i) for i in range(20, len(call.inputs))):
        raise Unsupported("expected an LSTM without layer normalization: it has no gradient here", "inputs[20]")
    if op.fused_activation_function is not ActivationFunctionType.TANH:
        raise Unsupported("expected an LSTM with TANH: others have no gradient here", "builtin_options")
    if op.proj_clip or op.diagonal_recurrent_tensors:
        raise Unsupported(
            "expected an LSTM without clipped projection or diagonal weights: they have no gradient here",
            "builtin_options",
        )


def _time_first(call: Call, x: Array) -> Array:
    return x if call.op.time_major else x.swapaxes(0, 1)


def _gates(call: Call) -> range:
    """The gates that have weights: without the input gate's, 1 - forget gate takes its place."""
    return range(0 if call.there(LAYOUT.input_weights(INPUT)) else 1, GATES)


def _stacked(call: Call, index_of: Any) -> Array:
    """One kind of weights of all gates, one below another."""
    return np.concatenate([call.input(index_of(gate)) for gate in _gates(call)])


def _peephole(call: Call, gate: int) -> Array | None:
    index = LAYOUT.peephole(gate)
    return call.inputs[index] if index is not None and call.there(index) else None


def lstm(call: Call) -> Array:
    """(b t i), or (t b i), from empty states. Keeps gates, cells and outputs of every step.

    Cells and outputs of each step pass through `call.snaps` where training fakes the integer cell's numbers.
    """
    _check(call)
    x = _time_first(call, call.input(0))
    steps, batch = x.shape[:2]
    cells = call.input(LAYOUT.input_weights(UPDATE)).shape[0]
    gates, first = len(_gates(call)), GATES - len(_gates(call))
    projection = call.inputs[LAYOUT.projection]
    before = x.reshape(-1, x.shape[2]) @ _stacked(call, LAYOUT.input_weights).T + _stacked(call, LAYOUT.bias)
    before = before.reshape(steps, batch, -1)
    recurrent = _stacked(call, LAYOUT.recurrent_weights).T
    opened = np.empty((steps, GATES, batch, cells), before.dtype)
    states = np.zeros((steps + 1, batch, cells), before.dtype)
    outputs = np.zeros((steps + 1, batch, recurrent.shape[0]), before.dtype)
    snap_cell, snap_output = call.snaps.get(LAYOUT.cell_state), call.snaps.get(LAYOUT.output_state)
    for t in range(steps):
        totals = (before[t] + outputs[t] @ recurrent).reshape(batch, gates, cells).swapaxes(0, 1)
        gate, c = opened[t], states[t]
        gate[first:] = totals
        for at in (INPUT, FORGET):
            peephole = _peephole(call, at)
            if peephole is not None and at >= first:
                gate[at] += peephole * c
        gate[FORGET] = sigmoid(gate[FORGET])
        gate[INPUT] = sigmoid(gate[INPUT]) if first == 0 else 1 - gate[FORGET]
        gate[UPDATE] = np.tanh(gate[UPDATE])
        states[t + 1] = gate[FORGET] * c + gate[INPUT] * gate[UPDATE]
        if call.op.cell_clip > 0:
            np.clip(states[t + 1], -call.op.cell_clip, call.op.cell_clip, out=states[t + 1])
        if snap_cell is not None:
            states[t + 1] = snap_cell(states[t + 1])
        peephole = _peephole(call, OUTPUT)
        if peephole is not None:
            gate[OUTPUT] += peephole * states[t + 1]
        gate[OUTPUT] = sigmoid(gate[OUTPUT])
        hidden = gate[OUTPUT] * np.tanh(states[t + 1])
        if projection is not None:
            hidden = hidden @ projection.T
            if call.there(LAYOUT.projection_bias):
                hidden = hidden + call.input(LAYOUT.projection_bias)
        outputs[t + 1] = hidden if snap_output is None else snap_output(hidden)
    call.kept = opened, states, outputs
    return np.ascontiguousarray(_time_first(call, outputs[1:]))


def lstm_back(call: Call) -> Gradients:
    """Back through time, straight through all rounding."""
    opened, states, outputs = call.kept
    x, g = _time_first(call, call.input(0)), _time_first(call, call.gradient)
    steps, batch, cells = states.shape[0] - 1, states.shape[1], states.shape[2]
    first = GATES - len(_gates(call))
    recurrent = _stacked(call, LAYOUT.recurrent_weights)
    projection = call.inputs[LAYOUT.projection]
    grads: dict[int, Any] = {i: np.zeros_like(call.input(i)) for i in range(len(call.inputs)) if call.there(i)}
    totals = np.empty((steps, batch, len(_gates(call)) * cells), x.dtype)
    dh, dc = np.zeros_like(outputs[0]), np.zeros_like(states[0])
    for t in reversed(range(steps)):
        gate, c, after = opened[t], states[t], states[t + 1]
        dh = dh + g[t]
        squashed = np.tanh(after)
        if projection is not None:
            grads[LAYOUT.projection] += dh.T @ (gate[OUTPUT] * squashed)
            if call.there(LAYOUT.projection_bias):
                grads[LAYOUT.projection_bias] += dh.sum(axis=0)
            dh = dh @ projection
        d_output = dh * squashed * gate[OUTPUT] * (1 - gate[OUTPUT])
        dc = dc + dh * gate[OUTPUT] * (1 - squashed * squashed)
        dc = dc + _through_peephole(call, OUTPUT, d_output, after, grads)
        if call.op.cell_clip > 0:
            dc = dc * (np.abs(after) < call.op.cell_clip)
        d_update = dc * gate[INPUT] * (1 - gate[UPDATE] * gate[UPDATE])
        d_forget, d_input = dc * c, dc * gate[UPDATE]
        dc = dc * gate[FORGET]
        if first == 0:
            d_input = d_input * gate[INPUT] * (1 - gate[INPUT])
            dc = dc + _through_peephole(call, INPUT, d_input, c, grads)
        else:
            d_forget = d_forget - d_input
        d_forget = d_forget * gate[FORGET] * (1 - gate[FORGET])
        dc = dc + _through_peephole(call, FORGET, d_forget, c, grads)
        totals[t] = np.concatenate([d_input, d_forget, d_update, d_output][first:], axis=1)
        dh = totals[t] @ recurrent
    rows = totals.reshape(-1, totals.shape[2])
    of_x = rows.T @ x.reshape(-1, x.shape[2])
    of_h = rows.T @ outputs[:-1].reshape(-1, outputs.shape[2])
    of_bias = rows.sum(axis=0)
    for number, at in enumerate(_gates(call)):
        mine = slice(number * cells, (number + 1) * cells)
        grads[LAYOUT.input_weights(at)] = of_x[mine]
        grads[LAYOUT.recurrent_weights(at)] = of_h[mine]
        grads[LAYOUT.bias(at)] = of_bias[mine]
    dx = (rows @ _stacked(call, LAYOUT.input_weights)).reshape(x.shape)
    grads[0] = _time_first(call, dx)
    return [grads[i] if call.wants(i) else None for i in range(len(call.inputs))]


def _through_peephole(call: Call, gate: int, total: Array, cell: Array, grads: dict[int, Any]) -> Array | float:
    """What a gate's total says of the cell that it peeped at; adds to the peephole's own gradient."""
    weights, index = _peephole(call, gate), LAYOUT.peephole(gate)
    if weights is None or index is None:
        return 0.0
    grads[index] += (total * cell).sum(axis=0)
    result: Array = total * weights
    return result


# --- SVDF: x (b i), features (f i), times (f m), bias (units)


def svdf(call: Call) -> Array:
    """One step from an empty memory: only the newest time counts."""
    x, features, times = call.input(0), call.input(1), call.input(2)
    call.kept = x @ features.T
    sums = (call.kept * times[:, -1]).reshape(x.shape[0], -1, call.op.rank).sum(axis=-1)
    if call.there(3):
        sums = sums + call.input(3)
    return np.asarray(np.tanh(sums) if call.op.fused_activation_function is ActivationFunctionType.TANH else sums)


def svdf_back(call: Call) -> Gradients:
    x, features, times = call.input(0), call.input(1), call.input(2)
    g = call.gradient
    if call.op.fused_activation_function is ActivationFunctionType.TANH:
        g = g * (1 - np.square(call.output))
    each = np.repeat(g, call.op.rank, axis=1)
    d_filtered = each * times[:, -1]
    d_times = np.zeros_like(times)
    d_times[:, -1] = (each * call.kept).sum(axis=0)
    bias = g.sum(axis=0) if call.wants(3) else None
    return [d_filtered @ features, d_filtered.T @ x, d_times, bias, None]


RULES = {"UNIDIRECTIONAL_SEQUENCE_LSTM": Gradient(lstm_back, lstm), "SVDF": Gradient(svdf_back, svdf)}
