"""The integer kind of a full LSTM cell, 8x8_16: its multipliers, from the scales of a node's tensors.

Every product of scales is rounded to float32 at each step, as the runtime computes it.
"""

from __future__ import annotations

from math import floor, log2

import numpy as np

from ..errors import ModelError
from ..kernels.fixed_point import quantize_multiplier
from ..kernels.reference.lstm_integer import Cell, Gate, Norm, Sum
from ..kernels.requantizers import ChannelSplit, DoubleRounding
from ..op import Spec
from ..scales import scale_of, zero_point_of
from ._lstm import Part, Settings


def integer_cell(part: Part, settings: Settings, *, together: bool) -> Cell:
    """The cell of a node whose weights are all constants. together: see `Cell`."""
    specs, layout = part.specs, part.layout
    _check_intermediates(part)
    if part.peeps and part.sizes.output > part.sizes.cells:
        raise ModelError("expected no more outputs than cells with peephole weights", "inputs")
    output_state = specs.input(layout.output_state)
    at_state, at_cell = f"inputs[{layout.output_state}]", f"inputs[{layout.cell_state}]"
    s_output = scale_of(output_state, at_state)
    s_cell = scale_of(specs.input(layout.cell_state), at_cell)
    exponent = _exponent(s_cell, at_cell)
    if not -15 <= exponent <= -9 and part.coupled:
        raise ModelError(f"expected a scale of 2**-15 to 2**-9 without an input gate, got {s_cell}", at_cell)
    hidden = intermediate(part, 4)
    s_hidden, hidden_point = scale_of(hidden, "intermediates[4]"), zero_point_of(hidden, "intermediates[4]")
    gates = [_gate(part, gate, exponent) if gate in part.gates else None for gate in range(4)]
    forget, update, output = gates[1:]
    assert forget is not None
    assert update is not None
    assert output is not None
    projection = None
    if part.projects:
        weights = specs.input(layout.projection)
        scale = scale_of(weights, f"inputs[{layout.projection}]") * s_hidden / s_output
        bias = specs.optional(layout.projection_bias)
        values = None if bias is None else constant(bias, layout.projection_bias)
        projection = Sum.of(constant(weights, layout.projection), -hidden_point, values, _rule(scale))
    s_out = scale_of(specs.output(), "outputs[0]")
    return Cell(
        gates[0],
        forget,
        update,
        output,
        exponent,
        _rule(np.float32(2.0**-15 / np.float64(s_hidden) * 2.0**-15)),
        hidden_point,
        zero_point_of(output_state, at_state),
        projection,
        _clip(settings.cell_clip, s_cell, 32767),
        _clip(settings.projection_clip, s_out, 127),
        together,
    )


def _gate(part: Part, gate: int, exponent: int) -> Gate:
    specs, layout = part.specs, part.layout
    x, state = specs.input(0), specs.input(layout.output_state)
    s_gate = scale_of(intermediate(part, gate), f"intermediates[{gate}]") if part.normalized else np.float32(2**-12)
    bias = constant(specs.input(layout.bias(gate)), layout.bias(gate))

    def sums(index: int, spec: Spec, where: str, bias: np.ndarray | None) -> Sum:
        weights = specs.input(index)
        scale = scale_of(weights, f"inputs[{index}]") * scale_of(spec, where) / s_gate
        return Sum.of(constant(weights, index), zero_point_of(spec, where), bias, _rule(scale))

    at = layout.peephole(gate)
    peephole = None
    if part.peeps and at is not None:
        weights = specs.input(at)
        scale = np.float32(2.0**exponent * np.float64(scale_of(weights, f"inputs[{at}]")) / np.float64(s_gate))
        rule = ChannelSplit.from_real(np.asarray(scale, np.float64), block=16)
        peephole = constant(weights, at), rule
    return Gate(
        sums(layout.input_weights(gate), x, "inputs[0]", None if part.normalized else bias),
        sums(layout.recurrent_weights(gate), state, f"inputs[{layout.output_state}]", None),
        peephole,
        _norm(part, gate, bias) if part.normalized else None,
    )


def _norm(part: Part, gate: int, bias: np.ndarray) -> Norm:
    assert part.layout.norm is not None
    index = part.layout.norm + gate
    weights = part.specs.input(index)
    scale = scale_of(weights, f"inputs[{index}]")
    multiplier, shift = quantize_multiplier(float(scale))
    guard = max(1, int(np.float32(10000) * scale))
    return Norm(constant(weights, index), bias, multiplier, shift, guard)


def _rule(scale: np.float32) -> DoubleRounding:
    return DoubleRounding.from_real(np.asarray(scale, np.float64))


def constant(spec: Spec, index: int) -> np.ndarray:
    if spec.value is None:
        raise ModelError("expected constant weights with integer inputs", f"inputs[{index}]")
    return spec.value


def _check_intermediates(part: Part) -> None:
    found = len(part.specs.intermediates)
    if found != 5:
        raise ModelError(f"expected 5 intermediates with integer inputs, got {found}", "intermediates")


def intermediate(part: Part, index: int) -> Spec:
    spec = part.specs.intermediates[index]
    if spec is None:
        raise ModelError("expected a tensor with a scale, got none", f"intermediates[{index}]")
    return spec


def _exponent(scale: np.float32, where: str) -> int:
    """The power of two that the cell state's scale is."""
    exponent = floor(log2(float(scale)) + 0.5)
    if abs(log2(float(scale)) - exponent) >= 1e-3 or not -30 <= exponent <= 1:
        raise ModelError(f"expected a power of two from 2**-30 to 2 as scale, got {scale}", where)
    return exponent


def _clip(real: float, scale: np.float32, largest: int) -> int:
    """A clip in quantized numbers, truncated; 0 where there is none."""
    return int(min(np.float32(real) / scale, np.float32(largest))) if real > 0 else 0
