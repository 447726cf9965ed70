"""Products and quotients of quantized numbers.

Every rule takes integers a, b of mutually broadcastable shapes and gives the output's integers, zero point added, not
yet clamped: int64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Int64Array, IntegerArray
from ..fixed_point import (
    count_leading_zeros,
    rounding_divide_by_pot,
    rounding_divide_by_pot_unchecked,
    saturate,
    saturating_rounding_doubling_high_mul,
    saturating_rounding_doubling_high_mul_int16,
    wrap_int32,
)
from ..gemmlowp import get_reciprocal
from ..requantizers import DoubleRounding, Requantizer
from .add import ZeroPoints, wrap_int16
from .lanes import in_vector_loop, inner_loop


class Operands(NamedTuple):
    """The numbers of a node besides its arrays: zero points, and the rule for scale_a * scale_b / scale_output."""

    zero_points: ZeroPoints
    requantize: Requantizer


def multiply(a: IntegerArray, b: IntegerArray, operands: Operands) -> Int64Array:
    """zero point + the requantized product; |product| <= 2**30."""
    points = operands.zero_points
    product = (a.astype(np.int64) - points.a) * (b.astype(np.int64) - points.b)
    return wrap_int32(operands.requantize.rescale(product) + points.output)


def multiply_optimized(a: IntegerArray, b: IntegerArray, operands: Operands) -> Int64Array:
    """The rule of optimized MUL for int8 and uint8: the vector loop narrows to 16 bits before it adds the zero point.

    Narrowing saturates, but where a scalar is multiplied by uint8 numbers it wraps; the sum with the zero point wraps.
    So a product of 2**15 LSB of the output or more ends at the wrong bound, and only there the rules differ.
    """
    points = operands.zero_points
    scalar = multiply(a, b, operands)
    loop = inner_loop(a.shape, b.shape)
    product = (a.astype(np.int64) - points.a) * (b.astype(np.int64) - points.b)
    rescaled = operands.requantize.rescale(product)
    narrowed = wrap_int16(rescaled) if loop.scalar and a.dtype == np.uint8 else saturate(rescaled, 16)
    block = 16 if a.dtype == np.int8 else 8
    return np.where(in_vector_loop(scalar.shape, loop.length, block), wrap_int16(narrowed + points.output), scalar)


def multiply_int16_to_8_bits(a: IntegerArray, b: IntegerArray, zero_point: int) -> Int64Array:
    """int16 numbers in Q0.15 -> their product in Q0.7; scales are not looked at."""
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul_int16(a, b), 8) + zero_point


def divide(a: IntegerArray, b: IntegerArray, zero_points: ZeroPoints, rule: DoubleRounding) -> Int64Array:
    """zero point + a / b, on numbers less their zero points, b != 0: a reciprocal in Q0.31 times a.

    rule: of scale_a / (scale_b * scale_output). A dividend of 0 or -1 has so many leading sign bits that the last
    shift can exceed the word; the result is then what the processor makes of it, not 0.
    """
    dividend, divisor = a.astype(np.int64) - zero_points.a, b.astype(np.int64) - zero_points.b
    dividend, divisor = np.where(divisor < 0, -dividend, dividend), np.abs(divisor)
    reciprocal, exponent = get_reciprocal(divisor, 31)
    headroom = _leading_sign_bits(dividend)
    quotient = saturating_rounding_doubling_high_mul(wrap_int32(dividend << headroom), reciprocal)
    product = saturating_rounding_doubling_high_mul(quotient, rule.multiplier)
    right = (exponent + headroom - rule.shift) & 63
    return wrap_int32(rounding_divide_by_pot_unchecked(product, right) + zero_points.output)


def _leading_sign_bits(x: Int64Array) -> Int64Array:
    """Bits below the sign of an int32 that equal it; 31 for 0 and -1."""
    return np.where(x >= 0, count_leading_zeros(x) - 1, count_leading_zeros(-2 * x - 1))
