"""Quantized numbers brought to one scale so that they can be compared, and their squared difference."""

from __future__ import annotations

import numpy as np

from ..arrays import Int64Array, IntegerArray
from ..fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot_unchecked,
    saturating_rounding_doubling_high_mul,
    wrap_int32,
)
from .add import CommonScale, Multiplier, Scales, ZeroPoints

_LEFT_SHIFT = 8
_SQUARED_LEFT_SHIFT = 7


def comparable(q: IntegerArray, zero_point: int, scale: Multiplier) -> Int64Array:
    """The real value in units of 2**-8, by a multiplication that rounds twice.

    A scale above 1 gives what the processor makes of a shift by a negative number.
    """
    x = wrap_int32((q.astype(np.int64) - zero_point) << _LEFT_SHIFT)
    product = saturating_rounding_doubling_high_mul(x, scale.value)
    return rounding_divide_by_pot_unchecked(product, -scale.shift & 63)


def squared_difference_scale(scales: Scales, zero_points: ZeroPoints) -> CommonScale:
    """Inputs to twice the larger of their scales with 7 more bits; the square of that to the output's."""
    common = CommonScale.of(scales, zero_points, _SQUARED_LEFT_SHIFT)
    twice = float(np.float32(2) * max(np.float32(scales.a), np.float32(scales.b)))
    divisor = float(np.float32(4**_SQUARED_LEFT_SHIFT) * np.float32(scales.output))
    output = Multiplier(*quantize_multiplier(twice * twice / divisor))
    return CommonScale(common.a, common.b, output, zero_points, _SQUARED_LEFT_SHIFT)


def squared_difference(a: IntegerArray, b: IntegerArray, scale: CommonScale) -> Int64Array:
    """(a - b)**2 of 8-bit numbers, zero point added, not yet clamped; |a - b| < 2**15 on the common scale."""
    scaled_a = multiply_by_quantized_multiplier(scale.shifted(a, scale.zero_points.a), *scale.a)
    scaled_b = multiply_by_quantized_multiplier(scale.shifted(b, scale.zero_points.b), *scale.b)
    square = wrap_int32((scaled_a - scaled_b) ** 2)
    return wrap_int32(multiply_by_quantized_multiplier(square, *scale.output) + scale.zero_points.output)
