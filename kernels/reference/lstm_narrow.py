"""Long short-term memory in integers whose matrix products have 8 bits each (8x8_8).

The forget gate takes the input gate's place, gates are normalized, the output is projected. In between the runtime
computes in float32. Gates are Q3.12 before their function and Q0.15 after it, the cell is Q0.15.
Axes: b batch, i input, c cell, o output. Source: the portable kernels of TFLite's tensor utilities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..arrays import AnyArray, Float32Array, Int8Array, Int16Array, Int32Array, Int64Array
from ..fixed_point import (
    multiply_by_quantized_multiplier,
    round_half_away,
    rounding_divide_by_pot,
    saturate,
    wrap_int32,
)
from ..requantizers import Requantizer
from .c_library import tanh

Multiplier = tuple[int, int]
"""As `multiply_by_quantized_multiplier` takes it: multiplier and shift."""


@dataclass(frozen=True, eq=False)
class Product:
    """x W in 8 bits: weights (c, k) int8, the zero points of x and of the result, and what brings it to the gate."""

    weights: Int8Array
    zero_point: int
    rule: Requantizer
    result_zero_point: int
    gate_zero_point: int
    to_gate: Multiplier

    def __call__(self, x: Int8Array) -> Int64Array:
        """x (b, k) -> (b, c)."""
        centered = x.astype(np.float64) - self.zero_point
        sums = wrap_int32((centered @ self.weights.T.astype(np.float64)).astype(np.int64))
        narrow = np.clip(wrap_int32(self.rule.rescale(sums) + self.result_zero_point), -128, 127)
        return multiply_by_quantized_multiplier(narrow - self.gate_zero_point, *self.to_gate)


@dataclass(frozen=True, eq=False)
class Gate:
    """norm: int16 weights (c,) of layer normalization, and the multiplier of their scale; bias int32 (c,)."""

    input: Product
    recurrent: Product
    norm: Int16Array
    norm_scale: Multiplier
    bias: Int32Array

    def __call__(self, x: Int8Array, h: Int8Array) -> Int64Array:
        """Normalized (b, c)."""
        total = saturate(self.input(x) + self.recurrent(h), 16).astype(np.float32)
        count = np.float32(total.shape[-1])
        mean = _in_order(total) / count
        variance = _in_order(total * total) / count - mean * mean
        inverse = np.float32(1) / np.sqrt(np.where(variance == 0, np.float32(1e-8), variance))
        scale = np.float32(self.norm_scale[0] * 2.0 ** (self.norm_scale[1] - 31))
        weighted = (total - mean) * inverse * self.norm.astype(np.float32) * scale
        shifted = weighted + self.bias.astype(np.float32) * (np.float32(2**-10) * scale)
        return saturate(_whole(round_half_away(shifted * np.float32(2**12))), 16)


@dataclass(frozen=True, eq=False)
class Cell:
    """projection: weights (o, c), bias (o,), the rule for int64 sums. Clips of 0 don't clip."""

    forget_gate: Gate
    cell_gate: Gate
    output_gate: Gate
    projection: Int8Array
    projection_bias: Int32Array
    projection_rule: Requantizer
    output_zero_point: int
    cell_clip: int = 0
    projection_clip: int = 0


def lstm_narrow(x: Int8Array, cell: Cell, h: Int8Array, c: Int16Array) -> Int8Array:
    """x (b, i), state h (b, o) and c (b, c), updated in place -> h."""
    forget = _through(_sigmoid, -12, cell.forget_gate(x, h))
    update = _through(tanh, -12, cell.cell_gate(x, h))
    added = _divided((32767 - forget) * update)
    state = saturate(_divided(forget * c.astype(np.int64)) + added, 16)
    if cell.cell_clip > 0:
        state = np.clip(state, -cell.cell_clip, cell.cell_clip)
    leave = _through(_sigmoid, -12, cell.output_gate(x, h))
    hidden = _divided(leave * _through(tanh, -15, state))
    sums = (hidden.astype(np.float64) @ cell.projection.T.astype(np.float64)).astype(np.int64) + cell.projection_bias
    result = np.clip(cell.projection_rule.rescale(sums) + cell.output_zero_point, -128, 127)
    if cell.projection_clip > 0:
        result = np.clip(result, -cell.projection_clip, cell.projection_clip)
    c[...] = state
    h[...] = result
    return h


def _in_order(x: AnyArray) -> AnyArray:
    """Sums (b, 1) of rows, one number after the other in float32."""
    return np.cumsum(x, axis=-1, dtype=np.float32)[:, -1:]


def _whole(x: AnyArray) -> Int64Array:
    """float32 to int32 as the processor does: what doesn't fit is the smallest number."""
    fits = np.abs(x) < 2**31
    return np.where(fits, np.where(fits, x, 0).astype(np.int64), -(2**31))


def _divided(x: Int64Array) -> Int64Array:
    return rounding_divide_by_pot(x, 15)


def _sigmoid(x: Float32Array) -> Float32Array:
    one = np.float32(1)
    return np.asarray(one / (one + np.exp(-x.astype(np.float64)).astype(np.float32)))


@cache
def _tabulated(function: Callable[[AnyArray], AnyArray], exponent: int) -> Int16Array:
    """A function of all int16 numbers * 2**exponent as Q0.15, cut, by their bits read as uint16."""
    every = np.arange(2**16, dtype=np.uint16).view(np.int16)
    real = function((every * 2.0**exponent).astype(np.float32))
    clipped: AnyArray = np.clip(np.trunc(real * np.float32(2**15)), -(2**15), 2**15 - 1)
    return clipped.astype(np.int16)


def _through(function: Callable[[AnyArray], AnyArray], exponent: int, x: Int64Array) -> Int64Array:
    return _tabulated(function, exponent)[x.astype(np.int16).view(np.uint16)].astype(np.int64)
