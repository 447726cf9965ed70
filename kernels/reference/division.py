"""Division and remainder that round down. Divisors of integers are not 0."""

from __future__ import annotations

import numpy as np

from ..arrays import AnyArray
from ..fixed_point import float_to_int32


def floor_div(a: AnyArray, b: AnyArray) -> AnyArray:
    """floor(a / b) for float32, int32, int16 and int8, by a quotient in float64; integers keep its low bits.

    Only the smallest number by -1 has a quotient that 8 or 16 bits can't hold. Where a and b have one shape, the
    runtime takes 8 of them at a time, which saturates; the rest, and what is broadcast, wraps.
    """
    quotient = np.floor(np.asarray(a, np.float64) / b)
    if a.dtype.kind == "f":
        return quotient.astype(a.dtype)
    wrapped: AnyArray = float_to_int32(quotient).astype(a.dtype)
    if a.shape != b.shape or a.dtype.itemsize > 2:
        return wrapped
    at = np.arange(a.size).reshape(a.shape)
    return np.where((at < a.size // 8 * 8) & (quotient > np.iinfo(a.dtype).max), np.iinfo(a.dtype).max, wrapped)


def floor_mod(a: AnyArray, b: AnyArray) -> AnyArray:
    """The remainder with the sign of the divisor: C's, which has the dividend's sign, plus b where signs differ.

    For floats that addition rounds. A remainder of 0 keeps the dividend's sign.
    """
    remainder = np.fmod(a, b)
    return np.where((remainder != 0) & ((b < 0) != (remainder < 0)), remainder + b, remainder)
