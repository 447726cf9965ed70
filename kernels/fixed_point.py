"""Fixed-point primitives: a real multiplier as an integer and a shift, and the ways to multiply by it.

Numbers travel in int64 arrays (or NumPy scalars) of any mutually broadcastable shapes. Where a docstring says "int32"
the value lies in [-2**31, 2**31) and the operation is that of 32-bit two's complement. `>>` is arithmetic.

Source: gemmlowp's fixed-point definitions and TFLite's quantization_util.cc and common.cc.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import FloatingArray, Int32Array, Int64Array, IntegerArray

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


def wrap_int32(x: npt.ArrayLike) -> Int64Array:
    """The int32 number with the low 32 bits of x."""
    low = np.asarray(x, np.int64) & 0xFFFFFFFF
    return np.asarray(np.where(low > INT32_MAX, low - 2**32, low))


def saturate(x: npt.ArrayLike, bits: int) -> Int64Array:
    """x clamped to signed `bits`-bit integers, [-2**(bits-1), 2**(bits-1))."""
    return np.asarray(np.clip(np.asarray(x, np.int64), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1))


def count_leading_zeros(x: npt.ArrayLike) -> Int64Array:
    """Zero bits above the highest set bit of x as uint32; 32 for zero."""
    # The exponent of a float64 is the position of the highest bit: every uint32 is exact in it.
    return 32 - np.frexp((np.asarray(x, np.int64) & 0xFFFFFFFF).astype(np.float64))[1].astype(np.int64)


def round_half_away(x: npt.ArrayLike) -> FloatingArray:
    """The nearest integer, ties away from zero (C's `round`), in the float type of x; exact for every finite x.

    x - trunc(x) has no rounding error; adding 0.5 would: 0.49999999999999994 + 0.5 == 1.0.
    """
    x = np.asarray(x)
    whole = np.trunc(x)
    with np.errstate(invalid="ignore"):  # inf - inf: an infinity stays as it is
        away = np.abs(x - whole) >= 0.5
    return np.asarray(whole + np.where(away, np.copysign(x.dtype.type(1), x), x.dtype.type(0)))


def float_to_int32(x: npt.ArrayLike) -> Int64Array:
    """C's conversion of a float to int32 on x86: truncates; NaN and everything out of range become -2**31."""
    x = np.asarray(x)
    fits = (x > INT32_MIN - 1.0) & (x < INT32_MAX + 1.0) if x.dtype == np.float64 else (np.abs(x) < 2.0**31)
    return np.asarray(np.where(fits, np.where(fits, x, 0).astype(np.int64), INT32_MIN))


def quantize_multipliers(reals: npt.ArrayLike) -> tuple[Int32Array, Int32Array]:
    """Real multipliers (...) as (multiplier, shift), both int32 (...), with real ~ multiplier * 2**(shift - 31).

    |multiplier| in [2**30, 2**31), rounded to nearest, ties away from zero: the relative error is at most 2**-31.
    Zero, and whatever is so small that the shift would be below -31, gives (0, 0).
    Raises ValueError when a multiplier isn't finite.
    """
    reals = np.asarray(reals, np.float64)
    if not np.isfinite(reals).all():
        raise ValueError(f"expected finite real multipliers, got {reals[~np.isfinite(reals)].flat[0]}")
    fraction, exponent = np.frexp(reals)  # 0.5 <= |fraction| < 1
    multiplier = round_half_away(fraction * 2.0**31).astype(np.int64)
    carried = np.abs(multiplier) == 2**31
    # Only the positive carry is undone: -2**31 is an int32.
    multiplier = np.where(carried & (multiplier > 0), 2**30, multiplier)
    shift = exponent + (carried & (reals > 0))
    vanishes = (shift < -31) | (reals == 0)
    return (
        np.where(vanishes, 0, multiplier).astype(np.int32),
        np.where(vanishes, 0, shift).astype(np.int32),
    )


def quantize_multiplier(real: float) -> tuple[int, int]:
    """`quantize_multipliers` of one number: (multiplier, shift)."""
    multiplier, shift = quantize_multipliers(real)
    return int(multiplier), int(shift)


def saturating_rounding_doubling_high_mul(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64Array:
    """int32 round(a * b / 2**31), ties up; the one overflow, (-2**31) * (-2**31), gives 2**31 - 1.

    The product of Q0.31 numbers. |a * b| <= 2**62: int64 holds the product and its rounding.
    """
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.asarray(np.minimum((product + 2**30) >> 31, INT32_MAX))


def saturating_rounding_doubling_high_mul_int16(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64Array:
    """int16 round(a * b / 2**15), ties up; (-2**15) * (-2**15) gives 2**15 - 1."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.asarray(np.minimum((product + 2**14) >> 15, 2**15 - 1))


def rounding_divide_by_pot(x: npt.ArrayLike, exponent: npt.ArrayLike) -> Int64Array:
    """int32 round(x / 2**exponent), ties away from zero; exponent in [0, 31]."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = np.left_shift(np.int64(1), exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return np.asarray((x >> exponent) + ((x & mask) > threshold))


def rounding_divide_by_pot_unchecked(x: npt.ArrayLike, exponent: npt.ArrayLike) -> Int64Array:
    """`rounding_divide_by_pot` with what x86-64 makes of an exponent in [32, 63], which int8 DIV reaches.

    There the mask of the remainder is -1 in 32 bits, and the processor shifts by exponent modulo 32.
    """
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    beyond = (x >> (exponent & 31)) + (x > np.where(x < 0, 0, -1))
    return np.where(exponent < 32, rounding_divide_by_pot(x, exponent & 31), beyond)


def multiply_by_quantized_multiplier(x: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Int64Array:
    """int32 x * multiplier * 2**(shift - 31), rounded twice: TFLite's scalar rule.

    Rounds the product half up, then the right shift half away from zero.
    x int32, wrapping in 32 bits when x * 2**shift doesn't fit; shift in [-31, 31]. Above 31 (a real multiplier of 2**31
    or more) the result is what the processor makes of it, which shifts by its count modulo 32.
    """
    shift = np.asarray(shift, np.int64)
    shifted = wrap_int32(np.asarray(x, np.int64) << (np.maximum(shift, 0) & 31))
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), np.maximum(-shift, 0))


def multiply_by_quantized_multiplier_half_up(
    x: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike
) -> Int64Array:
    """int32 x * multiplier * 2**(shift - 31), rounded twice, both times half up: TFLite's vector rule.

    As `multiply_by_quantized_multiplier`, but for negative ties of the right shift: -1.5 gives -1 here and -2 there.
    The result for a shift above 31 is 0, as from the processor's vector shift.
    """
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    shifted = np.where(left > 31, 0, wrap_int32(np.asarray(x, np.int64) << np.minimum(left, 31)))
    half = np.left_shift(np.int64(1), right) >> 1
    return np.asarray((saturating_rounding_doubling_high_mul(shifted, multiplier) + half) >> right)


def multiply_by_quantized_multiplier_int64(
    x: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike
) -> Int64Array:
    """int32 x * multiplier * 2**(shift - 31) of an accumulator in [-2**47, 2**47): TFLite's rule for int64.

    The multiplier is cut to its upper 16 bits (rounded), then the product is rounded once, half up.
    multiplier >= 0; shift in [-31, 7]. The result is the low 32 bits.
    """
    multiplier = np.asarray(multiplier, np.int64)
    reduced = np.where(multiplier < 0x7FFF0000, (multiplier + 2**15) >> 16, 0x7FFF)
    total_shift = 15 - np.asarray(shift, np.int64)
    rounding = np.left_shift(np.int64(1), total_shift - 1)
    return wrap_int32((np.asarray(x, np.int64) * reduced + rounding) >> total_shift)


def is_int32(x: IntegerArray) -> bool:
    """Whether every element of x fits int32."""
    return x.size == 0 or (int(x.min()) >= INT32_MIN and int(x.max()) <= INT32_MAX)
