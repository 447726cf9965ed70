"""LOGISTIC and TANH of 16-bit numbers by a table of the logistic function, as TFLite's reference kernels do.

tanh(x) = 2 * logistic(2 * x) - 1: both read one table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Int64Array, IntegerArray
from ..fixed_point import wrap_int32

# Where the table is 1 above logistic(i / 24) * 2**16 rounded to nearest.
_RAISED = [4, 8, 12, *range(14, 18), 19, 20, 21, 22, 25, *range(27, 32), 33, 34, 35, 37, 39, 40, 41, *range(43, 47)]
_RAISED += [49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255]


def _table() -> Int64Array:
    index = np.arange(256)
    values = np.rint(65536 / (1 + np.exp(-index / 24))).astype(np.int64)
    values[_RAISED] += 1
    return np.minimum(values, 65535)


_LOGISTIC = _table()
"""logistic(i / 24) in units of 2**-16, (256,)."""


class InputScale(NamedTuple):
    """q * multiplier / 2**shift, rounded half up, is the input in units of 1 / (3 * 4096).

    The product wraps in 32 bits: it overflows for scales above 5.3, which are far beyond where the function saturates.
    """

    multiplier: int
    shift: int

    @classmethod
    def of(cls, scale: float) -> InputScale:
        """The largest multiplier below 2**15 that fits, cut to an integer."""
        multiplier, shift = float(np.float32(scale)) * 4096.0 * 3.0, 0
        while multiplier <= 32767.0 / 2.0 and shift <= 30:
            multiplier, shift = multiplier * 2.0, shift + 1
        return cls(int(multiplier), shift)

    @classmethod
    def power_of_two(cls, exponent: int) -> InputScale:
        """Of the scale 2**(exponent - 12), exact."""
        return cls(3 << exponent, 0)

    def __call__(self, q: IntegerArray) -> Int64Array:
        rounding = 1 << (self.shift - 1) if self.shift > 0 else 0
        return wrap_int32(q.astype(np.int64) * self.multiplier + rounding) >> self.shift


def logistic_int16(q: IntegerArray, scale: InputScale) -> Int64Array:
    """logistic(scale * q) in Q0.15, in [0, 2**15 - 1]."""
    x = scale(q)
    result = _interpolate(np.abs(x), 9, 0x7FFF << 10)
    result = np.where(x >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1)
    return result >> 10


def tanh_int16(q: IntegerArray, scale: InputScale) -> Int64Array:
    """tanh(scale * q) in Q0.15."""
    x = scale(q)
    result = _interpolate(np.abs(x), 8, 0xFFFF << 8)
    result = np.where(x >= 0, result - (1 << 23) + (1 << 7), -result + (1 << 23) + (1 << 7) - 1)
    return result >> 8


def _interpolate(x: Int64Array, bits: int, beyond: int) -> Int64Array:
    """The table at x / 2**bits, straight between entries, in units of 2**-16 / 2**bits; `beyond` past its end."""
    index = np.minimum(x >> bits, 254)
    low = _LOGISTIC[index]
    value = (low << bits) + (x & ((1 << bits) - 1)) * (_LOGISTIC[index + 1] - low)
    return np.where(x >> bits >= 255, beyond, value)
