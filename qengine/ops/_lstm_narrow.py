"""The integer kind of a full LSTM cell with 12 intermediates, 8x8_8: its multipliers, from a node's tensors.

The intermediates stand in threes, for the gates input, forget, cell, output: the gate, what the input and what the last
output contribute to it. Every product of scales is rounded to float32 at each step, as the runtime computes it.
"""

from __future__ import annotations

import numpy as np

from ..errors import ModelError
from ..kernels.fixed_point import quantize_multiplier
from ..kernels.reference.lstm_narrow import Cell, Gate, Multiplier, Product
from ..kernels.requantizers import DoubleRounding, Wide
from ..op import Spec
from ..scales import scale_of, zero_point_of
from ._lstm import Part, Settings
from ._lstm_integer import constant, intermediate

FORGET, UPDATE, OUTPUT = 1, 2, 3


def narrow_cell(part: Part, settings: Settings) -> Cell:
    """The cell of a node whose weights are all constants."""
    if not (part.normalized and part.projects):
        raise ModelError("expected layer normalization and a projection with 12 intermediates", "inputs")
    specs, layout = part.specs, part.layout
    state, cells = specs.input(layout.output_state), specs.input(layout.cell_state)
    weights = specs.input(layout.projection)
    s_state = scale_of(state, f"inputs[{layout.output_state}]")
    scale = np.float32(float(scale_of(weights, f"inputs[{layout.projection}]")) * 2.0**-15 / float(s_state))
    clips = scale_of(cells, f"inputs[{layout.cell_state}]") == np.float32(2.0**-15)  # else the runtime gives up here
    return Cell(
        _gate(part, FORGET),
        _gate(part, UPDATE),
        _gate(part, OUTPUT),
        constant(weights, layout.projection),
        constant(specs.input(layout.projection_bias), layout.projection_bias),
        Wide.from_real(np.asarray(scale, np.float64)),
        zero_point_of(state, f"inputs[{layout.output_state}]"),
        int(np.float32(settings.cell_clip) * np.float32(2**15)) if clips and 0 < settings.cell_clip < 1 else 0,
        _projection_clip(settings.projection_clip, specs.output()) if clips else 0,
    )


def _gate(part: Part, gate: int) -> Gate:
    layout, specs = part.layout, part.specs
    assert layout.norm is not None
    norm = specs.input(layout.norm + gate)
    return Gate(
        _product(part, gate, layout.input_weights(gate), 0, 1),
        _product(part, gate, layout.recurrent_weights(gate), layout.output_state, 2),
        constant(norm, layout.norm + gate),
        quantize_multiplier(float(scale_of(norm, f"inputs[{layout.norm + gate}]"))),
        constant(specs.input(layout.bias(gate)), layout.bias(gate)),
    )


def _product(part: Part, gate: int, index: int, operand: int, source: int) -> Product:
    """What operand `operand`, times weights `index`, contributes; source: 1 for the input, 2 for the last output."""
    specs, at = part.specs, 3 * gate + source
    x, weights = specs.input(operand), specs.input(index)
    s_result = _scale(part, at)
    scale = scale_of(weights, f"inputs[{index}]") * scale_of(x, f"inputs[{operand}]") / s_result
    point = _zero_point(part, at)
    recurrent_output = (gate, source) == (OUTPUT, 2)
    if recurrent_output:
        point = _zero_point(part, 3 * UPDATE + 1)
    return Product(
        constant(weights, index),
        zero_point_of(x, f"inputs[{operand}]"),
        DoubleRounding.from_real(np.asarray(scale, np.float64)),
        point,
        point,
        _odd_multiplier(part) if recurrent_output else _to_gate(part, gate, source),
    )


def _to_gate(part: Part, gate: int, source: int) -> Multiplier:
    return quantize_multiplier(float(_scale(part, 3 * gate + source) / _scale(part, 3 * gate)))


def _odd_multiplier(part: Part) -> Multiplier:
    """What the runtime takes for the last output's share in the output gate: where it looks for the multiplier it finds
    the shift of the forget gate's, a number so small that next to nothing of that share is left."""
    return _to_gate(part, FORGET, 2)[1], _to_gate(part, OUTPUT, 2)[1]


def _scale(part: Part, index: int) -> np.float32:
    return scale_of(intermediate(part, index), f"intermediates[{index}]")


def _zero_point(part: Part, index: int) -> int:
    """In 8 bits, which wraps."""
    return int(np.int64(zero_point_of(intermediate(part, index), f"intermediates[{index}]")).astype(np.int8))


def _projection_clip(real: float, output: Spec) -> int:
    return int(min(np.float32(real) / scale_of(output, "outputs[0]"), np.float32(127))) if real > 0 else 0
