"""Transcendental functions in fixed point: exp, 1/(1+x), logistic, tanh, reciprocal, inverse square root, logarithm.

Qi.f is a signed integer of i + f + 1 bits that stands for raw / 2**f. Each function exists for 32-bit numbers and,
where `bits` is an argument, for 16-bit numbers, whose constants are the 32-bit ones rounded to their upper half.
Numbers travel in int64 arrays of any shape; results are bit for bit the runtime's.

Source: gemmlowp's fixedpoint.h and TFLite's common.h.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from .arrays import Int64Array
from .fixed_point import (
    INT32_MAX,
    count_leading_zeros,
    rounding_divide_by_pot,
    saturate,
    saturating_rounding_doubling_high_mul,
    saturating_rounding_doubling_high_mul_int16,
    wrap_int32,
)

Bits = Literal[16, 32]

# exp(-2**exponent) in Q0.31
EXP_OF_MINUS_POWER = {
    -2: 1672461947,
    -1: 1302514674,
    0: 790015084,
    1: 290630308,
    2: 39332535,
    3: 720401,
    4: 242,
}


def constant(raw: int, bits: Bits) -> int:
    """A 32-bit fixed-point constant in `bits` bits."""
    return int(rounding_divide_by_pot(raw, 32 - bits))


def _multiply(a: npt.ArrayLike, b: npt.ArrayLike, bits: Bits) -> Int64Array:
    """The product of Qi.f and Qj.g of `bits` bits, Q(i+j)."""
    if bits == 16:
        return saturating_rounding_doubling_high_mul_int16(a, b)
    return saturating_rounding_doubling_high_mul(a, b)


def rounding_half_sum(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64Array:
    """(a + b) / 2, ties away from zero."""
    return rounding_divide_by_pot(np.asarray(a, np.int64) + np.asarray(b, np.int64), 1)


def saturating_multiply_by_pot(x: npt.ArrayLike, exponent: npt.ArrayLike) -> Int64Array:
    """int32 x * 2**exponent: saturates to the left, rounds half away from zero to the right; exponent in [-31, 31]."""
    exponent = np.asarray(exponent, np.int64)
    left, right = np.maximum(exponent, 0), np.maximum(-exponent, 0)
    return saturate(rounding_divide_by_pot(np.asarray(x, np.int64) << left, right), 32)


def exp_on_negative_values(a: npt.ArrayLike, integer_bits: int = 5, bits: Bits = 32) -> Int64Array:
    """exp(a) for a <= 0 in Q<integer_bits>: Q0.<bits - 1>; exp(0) is the largest number, 1 - 2**-(bits - 1).

    a = r - (a multiple of 1/4), r in [-1/4, 0): a Taylor series around -1/8 gives exp(r); then every set bit of the
    multiple multiplies by its exp(-2**k).
    """
    a = np.asarray(a, np.int64)
    fraction_bits = bits - 1 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    remainder = (a & (quarter - 1)) - quarter

    x = (remainder << integer_bits) + (1 << (bits - 4))
    squared = _multiply(x, x, bits)
    cubed = _multiply(squared, x, bits)
    fourth = _multiply(squared, squared, bits)
    third = constant(715827883, bits)
    series = rounding_divide_by_pot(_multiply(rounding_divide_by_pot(fourth, 2) + cubed, third, bits) + squared, 1)
    exp_minus_eighth = constant(1895147668, bits)
    result = saturate(exp_minus_eighth + _multiply(exp_minus_eighth, x + series, bits), bits)

    multiple = remainder - a
    for exponent, factor in EXP_OF_MINUS_POWER.items():
        if exponent < integer_bits:
            has_bit = multiple & (1 << (fraction_bits + exponent)) != 0
            result = np.where(has_bit, _multiply(result, constant(factor, bits), bits), result)
    if integer_bits > 5:
        result = np.where(a < -(32 << fraction_bits), 0, result)
    return np.where(a == 0, 2 ** (bits - 1) - 1, result)


def _twice_over_one_plus(a: npt.ArrayLike, bits: Bits) -> Int64Array:
    """2 / (1 + a) for a in [0, 1) in Q0: Q2, by three steps of Newton and Raphson from 48/17 - 32/17 * (1 + a)/2."""
    one = 1 << (bits - 3)
    half_denominator = rounding_half_sum(a, 2 ** (bits - 1) - 1)
    x = constant(1515870810, bits) + _multiply(half_denominator, constant(-1010580540, bits), bits)
    for _ in range(3):
        error = one - _multiply(half_denominator, x, bits)
        x = x + saturate(_multiply(x, error, bits) << 2, bits)
    return x


def one_over_one_plus_x(a: npt.ArrayLike, bits: Bits = 32) -> Int64Array:
    """1 / (1 + a) for a in [0, 1) in Q0: Q0."""
    return saturate(_twice_over_one_plus(a, bits) << 1, bits)


def one_minus_x_over_one_plus_x(a: npt.ArrayLike, bits: Bits = 32) -> Int64Array:
    """(1 - a) / (1 + a) for a in [0, 1) in Q0: Q0."""
    return saturate((_twice_over_one_plus(a, bits) - (1 << (bits - 3))) << 2, bits)


def logistic(a: npt.ArrayLike, integer_bits: int, bits: Bits = 16) -> Int64Array:
    """1 / (1 + exp(-a)) for a in Q<integer_bits>: Q0, in [0, 2**(bits - 1) - 1]."""
    a = np.asarray(a, np.int64)
    of_positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(a), integer_bits, bits), bits)
    of_nonzero = np.where(a > 0, of_positive, 2 ** (bits - 1) - 1 - of_positive)
    return np.where(a == 0, 2 ** (bits - 2), of_nonzero)


def tanh(a: npt.ArrayLike, integer_bits: int, bits: Bits = 16) -> Int64Array:
    """tanh(a) for a in Q<integer_bits>: Q0."""
    a = np.asarray(a, np.int64)
    # The same number in one more integer bit is its double.
    of_positive = one_minus_x_over_one_plus_x(exp_on_negative_values(-np.abs(a), integer_bits + 1, bits), bits)
    return np.asarray(of_positive * np.sign(a))


def get_reciprocal(x: npt.ArrayLike, integer_bits: int) -> tuple[Int64Array, Int64Array]:
    """1 / x for uint32 x in Q<integer_bits>: (Q0.31 number r, exponent e) with 1 / x ~ r / 2**31 / 2**e.

    x = 0 gives what the runtime computes for it, a number without meaning.
    """
    x = np.asarray(x, np.int64)
    headroom = count_leading_zeros(x)
    return one_over_one_plus_x(wrap_int32((x << headroom) - 2**31)), integer_bits - headroom


def inv_sqrt_quantized_multiplier(x: npt.ArrayLike) -> tuple[Int64Array, Int64Array]:
    """1 / sqrt(x) for int32 x >= 0 as (multiplier, shift): multiplier * 2**(shift - 31), shift <= 0.

    0 counts as 1. Five steps of Newton and Raphson in Q3.28 on x scaled by a power of 4 to [2**27, 2**29).
    """
    x = np.asarray(x, np.int64)
    trivial = x <= 1
    x = np.where(trivial, 2, x)
    right = np.full(x.shape, 11, np.int64)
    for _ in range(2):  # an int32 is below 2**29 after one division by 4
        too_large = x >= 2**29
        x = np.where(too_large, x // 4, x)
        right = right + too_large
    pairs = (count_leading_zeros(x) - 1) // 2 - 1
    right = right - pairs
    x = x << (2 * pairs)

    half = rounding_divide_by_pot(x >> 1, 1)
    y = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(5):
        cubed = saturating_multiply_by_pot(_multiply(_multiply(y, y, 32), y, 32), 6)
        y = saturating_multiply_by_pot(_multiply(3 << 27, y, 32) - _multiply(half, cubed, 32), 3)
    y = _multiply(y, 1518500250, 32)  # sqrt(1/2)
    y = np.where(right < 0, wrap_int32(y << np.maximum(-right, 0)), y)
    return np.where(trivial, INT32_MAX, y), np.where(trivial, 0, -np.maximum(right, 0))


def log_on_values_above_one(x: npt.ArrayLike, integer_bits: int = 12, output_integer_bits: int = 5) -> Int64Array:
    """ln(x) for x >= 1 in Q<integer_bits>, 32 bits: Q<output_integer_bits>; sums wrap in 32 bits.

    x = 2**k * r with r near 1; ln(x) = k ln(2) + ln(r), ln(r) by a rational approximation around 2**(-1/4).
    """
    x = np.asarray(x, np.int64)
    accumulator_bits = output_integer_bits + 1
    quarter = saturating_multiply_by_pot(2**29, -accumulator_bits)
    sqrt_half, fourth_root_half = 1518500250, 1805811301

    headroom = count_leading_zeros(x)
    scaled = _multiply(saturating_multiply_by_pot(x, headroom - 1), sqrt_half, 32)
    r_above = saturating_multiply_by_pot(scaled, 1)
    power_above = saturate(saturating_multiply_by_pot(integer_bits - headroom, 31 - accumulator_bits) + quarter, 32)

    headroom = count_leading_zeros(_multiply(x, sqrt_half, 32)) - 1
    r_below = saturating_multiply_by_pot(x, headroom)
    power_below = saturate(saturating_multiply_by_pot(integer_bits - headroom, 31 - accumulator_bits) - quarter, 32)

    r = np.minimum(r_above, r_below)
    power = np.maximum(power_above, power_below)

    p = rounding_half_sum(r, fourth_root_half)
    q = wrap_int32(2 * (r - fourth_root_half))
    squared = _multiply(q, q, 32)
    numerator = wrap_int32(_multiply(q, r, 32) + _multiply(_multiply(q, squared, 32), 117049297, 32))
    inner = wrap_int32(1057819769 + q + _multiply(127690142, squared, 32))
    denominator_minus_one = wrap_int32(_multiply(p, inner, 32) + _multiply(638450708, q, 32))
    fraction = _multiply(
        saturating_multiply_by_pot(numerator, -accumulator_bits), one_over_one_plus_x(denominator_minus_one), 32
    )
    ln_2 = 1488522236
    return saturating_multiply_by_pot(
        wrap_int32(_multiply(power, ln_2, 32) + fraction), accumulator_bits - output_integer_bits
    )
