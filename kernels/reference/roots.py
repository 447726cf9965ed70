"""Square roots of quantized numbers. Results are the output's integers, zero point added, not yet clamped: int64.

A number below the zero point has no root: the callers refuse it.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Int64Array, IntegerArray
from ..fixed_point import float_to_int32, multiply_by_quantized_multiplier, wrap_int32
from ..gemmlowp import inv_sqrt_quantized_multiplier
from ..requantizers import DoubleRounding
from .quantized_activations import ZeroPoints

_SHIFT = 20


def sqrt(q: IntegerArray, zero_points: ZeroPoints, scale: np.float32, output_scale: np.float32) -> Int64Array:
    """The root in float32, over the output's scale, cut (not rounded)."""
    real = scale * (q.astype(np.int64) - zero_points.input).astype(np.float32)
    return wrap_int32(float_to_int32(np.sqrt(real) / output_scale) + zero_points.output)


def rsqrt(q: IntegerArray, zero_points: ZeroPoints, rule: DoubleRounding) -> Int64Array:
    """1 / root in fixed point with 20 more bits; rule: of 1 / (sqrt(scale) * output scale). 0 gives 127."""
    x = q.astype(np.int64) - zero_points.input
    multiplier, shift = inv_sqrt_quantized_multiplier(x)
    root = multiply_by_quantized_multiplier(1, multiplier, shift + _SHIFT)
    scaled = multiply_by_quantized_multiplier(root, rule.multiplier, rule.shift - _SHIFT)
    return np.where(x == 0, 127, wrap_int32(scaled + zero_points.output))
