"""Activation functions on quantized numbers: multipliers and shifts for the scales, one array of integers in and out.

Results are the output's integers, zero point added where one is given, not yet clamped: int64.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from ..arrays import Int64Array, IntegerArray
from ..fixed_point import (
    quantize_multiplier,
    rounding_divide_by_pot,
    saturate,
    saturating_rounding_doubling_high_mul_int16,
    wrap_int32,
)
from ..requantizers import DoubleRounding, Requantizer


class ZeroPoints(NamedTuple):
    input: int
    output: int


def rescale(q: IntegerArray, zero_points: ZeroPoints, rule: Requantizer) -> Int64Array:
    """q of one scale and zero point to another: RELU and its kin, whose function is the clamp that follows."""
    return wrap_int32(rule.rescale(q.astype(np.int64) - zero_points.input) + zero_points.output)


class Slopes(NamedTuple):
    """The real multiplier of numbers from 0 on, and that of numbers below: a magnitude and a sign."""

    above: Requantizer
    below: Requantizer
    sign: Literal[1, -1] = 1

    @classmethod
    def of(cls, above: float, below: float) -> Slopes:
        """From real multipliers, of which the second may be negative."""
        first, second = (DoubleRounding.from_real(np.asarray(abs(real), np.float64)) for real in (above, below))
        return cls(first, second, -1 if below < 0 else 1)


def leaky_relu(q: IntegerArray, zero_points: ZeroPoints, slopes: Slopes) -> Int64Array:
    """Two slopes meeting at the zero point."""
    x = q.astype(np.int64) - zero_points.input
    below = slopes.sign * slopes.below.rescale(x)
    return wrap_int32(np.where(x >= 0, slopes.above.rescale(x), below) + zero_points.output)


def leaky_relu_xnnpack(q: IntegerArray, zero_points: ZeroPoints, multipliers: tuple[int, int]) -> Int64Array:
    """XNNPACK's: multipliers above and below in units of 1/256, one rounding, half up."""
    x = q.astype(np.int64) - zero_points.input
    above, below = multipliers
    return ((x * np.where(x >= 0, above, below) + 128) >> 8) + zero_points.output


def prelu(
    q: IntegerArray, alpha: IntegerArray, zero_points: ZeroPoints, alpha_zero_point: int, slopes: Slopes
) -> Int64Array:
    """q, and q * alpha below its zero point; alpha broadcasts. slopes.below is for the product."""
    x = q.astype(np.int64) - zero_points.input
    product = x * (alpha.astype(np.int64) - alpha_zero_point)
    return wrap_int32(np.where(x >= 0, slopes.above.rescale(x), slopes.below.rescale(product)) + zero_points.output)


class HardSwish(NamedTuple):
    """16-bit multipliers: of the input over the output scale, and of the input over the scale in which 3.0 is 2**15."""

    output_multiplier: int
    output_shift: int
    reluish_multiplier: int
    reluish_shift: int

    @classmethod
    def of(cls, input_scale: float, output_scale: float) -> HardSwish:
        """From float32 scales; the input's has 7 bits more than its integers."""
        fine = np.float32(1 / 128) * np.float32(input_scale)
        output = quantize_multiplier(float(fine / np.float32(output_scale)))
        reluish = quantize_multiplier(float(fine / np.float32(3 / 32768)))
        return cls(_upper_half(output[0]), output[1], _upper_half(reluish[0]), reluish[1])


def hard_swish(q: IntegerArray, zero_points: ZeroPoints, rule: HardSwish) -> Int64Array:
    """x * clamp(x + 3, 0, 6) / 6 in 16-bit fixed point. output_shift must not be above 0."""
    fine = (q.astype(np.int64) - zero_points.input) << 7
    unshifted = saturating_rounding_doubling_high_mul_int16(fine, rule.output_multiplier)

    factor, shift = fine, rule.reluish_shift
    if shift > 0:
        factor = saturate(factor << min(shift - 1, 31), 16)
    factor = saturating_rounding_doubling_high_mul_int16(factor, rule.reluish_multiplier)
    if shift > 0:
        factor = saturate(factor << 1, 16)
    elif shift < 0:
        factor = _divide_int16(factor, -shift)
    factor = (factor + 2**15) >> 1  # [-3, 3] as [0, 1] in Q0.15

    product = factor * unshifted
    truncated = np.sign(product) * (np.abs(product) >> 15)
    return _divide_int16(truncated, -rule.output_shift) + zero_points.output


def _upper_half(multiplier: int) -> int:
    """A 32-bit multiplier in 16 bits, rounded to nearest."""
    return (min(multiplier, 2**31 - 1 - 2**15) + 2**15) >> 16


def _divide_int16(x: Int64Array, exponent: int) -> Int64Array:
    """int16 x / 2**exponent, ties away from zero; beyond 15, where the mask of the remainder overflows, 1 or -1."""
    return rounding_divide_by_pot(x, exponent) if exponent <= 15 else np.where(x >= 0, 1, -1)
