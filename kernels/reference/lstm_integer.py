"""Long short-term memory in integers: int8 inputs, outputs and weights, int16 gates and cells (8x8_16).

Gates are Q3.12 before their function and Q0.15 after it, the cell is int16 with a scale of a power of two.
Axes: t time, b batch, i input, c cell, o output. Every sum wraps in 32 bits before it is rescaled.

Source: the portable kernels of TFLite's tensor utilities, which all of its kernel sets share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..arrays import AnyArray, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array
from ..fixed_point import multiply_by_quantized_multiplier, rounding_divide_by_pot, saturate, wrap_int32
from ..gemmlowp import inv_sqrt_quantized_multiplier, logistic, tanh
from ..requantizers import ChannelSplit, Requantizer


@dataclass(frozen=True, eq=False)
class Sum:
    """x W + bias, rescaled: weights (c, k) int8; bias (c,) holds minus the zero point's share."""

    weights: Float64Array
    bias: Int64Array
    rule: Requantizer

    @classmethod
    def of(cls, weights: Int8Array, zero_point: int, bias: Int32Array | None, rule: Requantizer) -> Sum:
        """For x with this zero point."""
        share = -zero_point * weights.sum(axis=1, dtype=np.int64)
        return cls(weights.T.astype(np.float64), share + (0 if bias is None else bias), rule)

    def __call__(self, x: AnyArray) -> Int64Array:
        """x (..., k) -> (..., c)."""
        return self.rule.rescale(wrap_int32((x.astype(np.float64) @ self.weights).astype(np.int64) + self.bias))


@dataclass(frozen=True, eq=False)
class Norm:
    """Layer normalization of a gate: weights int16 (c,), bias int32 (c,), and the multiplier of the weights' scale.

    guard: the variance that stands in for 0.
    """

    weights: Int16Array
    bias: Int32Array
    multiplier: int
    shift: int
    guard: int

    def __call__(self, gate: Int64Array) -> Int64Array:
        """Rows (b, c) of int16 numbers."""
        count = gate.shape[-1]
        mean = _truncated(gate.sum(axis=-1, keepdims=True) * 1024, count)
        squares = wrap_int32(gate * gate).sum(axis=-1, keepdims=True)
        variance = wrap_int32(_truncated(squares * ((1 << 20) // count) - mean * mean, 1 << 20))
        inverse, exponent = inv_sqrt_quantized_multiplier(np.where(variance < 1, self.guard, variance))
        rescaled = multiply_by_quantized_multiplier(wrap_int32(1024 * gate - mean), inverse, exponent)
        weighted = wrap_int32(wrap_int32(rescaled * self.weights) + self.bias)
        shrunk = _truncated(weighted + np.where(weighted > 0, 512, -512), 1024)
        return saturate(multiply_by_quantized_multiplier(shrunk, self.multiplier, self.shift + 12), 16)


@dataclass(frozen=True, eq=False)
class Gate:
    """peephole: int16 weights (c,) of the cell's state, and the rule for their products."""

    input: Sum
    recurrent: Sum
    peephole: tuple[Int16Array, ChannelSplit] | None = None
    norm: Norm | None = None


@dataclass(frozen=True, eq=False)
class Cell:
    """input_gate None: 32767 - forget gate takes its place. Clips of 0 don't clip.

    cell_exponent: the cell's scale is 2**cell_exponent, in [-30, 1]. Where it isn't in [-15, -9] the runtime has no
    tanh for it, and finds the input gate in its buffer instead. hidden: the rule for output gate times tanh.
    together: whether the peephole sees the rows of a batch as one vector, which matters where o differs from c.
    """

    input_gate: Gate | None
    forget_gate: Gate
    cell_gate: Gate
    output_gate: Gate
    cell_exponent: int
    hidden: Requantizer
    hidden_zero_point: int
    output_zero_point: int
    projection: Sum | None = None
    cell_clip: int = 0
    projection_clip: int = 0
    together: bool = False


@cache
def _tabulated(function: Callable[[AnyArray, int], Int64Array], integer_bits: int) -> Int16Array:
    """A function of all int16 numbers with so many integer bits, by their bits read as uint16."""
    every = np.arange(2**16, dtype=np.uint16).view(np.int16)
    return function(every.astype(np.int64), integer_bits).astype(np.int16)


def _through(function: Callable[[AnyArray, int], Int64Array], integer_bits: int, x: Int64Array) -> Int64Array:
    return _tabulated(function, integer_bits)[x.astype(np.int16).view(np.uint16)].astype(np.int64)


def lstm_integer(x: Int8Array, cell: Cell, h: Int8Array, c: Int16Array) -> Int8Array:
    """x (t, b, i), state h (b, o) and c (b, c), updated in place -> outputs (t, b, o)."""
    outputs = np.empty((*x.shape[:2], h.shape[-1]), np.int8)
    named = (cell.input_gate, cell.forget_gate, cell.cell_gate, cell.output_gate)
    from_inputs = [None if gate is None else saturate(gate.input(x), 16) for gate in named]
    for step in range(x.shape[0]):
        state = c.astype(np.int64)

        def opened(index: int, *, step: int = step, state: Int64Array = state) -> Int64Array:
            gate, before = named[index], from_inputs[index]
            assert gate is not None
            assert before is not None
            total = saturate(before[step] + gate.recurrent(h), 16)
            if gate.peephole is not None:
                _peep(total, state, gate.peephole, h.shape[-1], cell.together)
            if gate.norm is not None:
                total = gate.norm(total)
            return _through(tanh if index == 2 else logistic, 3, total)

        forget = opened(1)
        admit = 32767 - forget if cell.input_gate is None else opened(0)
        update = _divided(admit * opened(2), 30 + cell.cell_exponent)
        state[...] = saturate(_divided(forget * state, 15) + update, 16)
        if cell.cell_clip > 0:
            np.clip(state, -cell.cell_clip, cell.cell_clip, out=state)
        squashed = _through(tanh, 15 + cell.cell_exponent, state) if -15 <= cell.cell_exponent <= -9 else admit
        h[...] = _output(opened(3) * squashed, cell)
        c[...] = state
        outputs[step] = h
    return outputs


def _peep(
    total: Int64Array, state: Int64Array, peephole: tuple[Int16Array, ChannelSplit], width: int, together: bool
) -> None:
    """Adds what the cell's state contributes to a gate (b, c), in place.

    The runtime takes rows to be as wide as the output: of a wider cell only the first `width` numbers a row are
    touched, or (together) the first b * width of all.
    """
    weights, rule = peephole
    for rows, cells in [(total, state)] if together else zip(total[:, np.newaxis], state[:, np.newaxis], strict=True):
        seen = rows.shape[0] * width
        products = cells.reshape(-1)[:seen].reshape(-1, width) * weights[:width].astype(np.int64)
        flat = rows.reshape(-1)
        flat[:seen] = saturate(flat[:seen] + rule.rescale(products).reshape(-1), 16)


def _output(products: Int64Array, cell: Cell) -> Int64Array:
    """Output gate times cell to the output's numbers (b, o)."""
    hidden = cell.hidden.rescale(products)
    if cell.projection is None:
        return np.clip(hidden + cell.hidden_zero_point, -128, 127)
    # The projection's bias takes the hidden zero point off again.
    result = cell.projection(np.clip(hidden - cell.hidden_zero_point, -128, 127)) + cell.output_zero_point
    result = np.clip(result, -128, 127)
    return np.clip(result, -cell.projection_clip, cell.projection_clip) if cell.projection_clip > 0 else result


def _divided(x: Int64Array, exponent: int) -> Int64Array:
    """x / 2**exponent, ties away from zero, cut to int16."""
    return rounding_divide_by_pot(x, exponent).astype(np.int16).astype(np.int64)


def _truncated(x: Int64Array, divisor: int) -> Int64Array:
    """x / divisor, towards zero."""
    result: Int64Array = (x - np.fmod(x, divisor)) // divisor
    return result
