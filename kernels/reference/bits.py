"""Shifts of integers by as many bits as another integer says."""

from __future__ import annotations

import numpy as np

from ..arrays import IntegerArray


def right_shift(x: IntegerArray, by: IntegerArray) -> IntegerArray:
    """x >> by, arithmetic for signed types; `by` clamped to the bits that there are."""
    return np.right_shift(x, np.clip(by, 0, x.dtype.itemsize * 8 - 1))


def left_shift(x: IntegerArray, by: IntegerArray) -> IntegerArray:
    """The low bits of x << by; numbers up to 32 bits are shifted as 32-bit ones, by `by` modulo 32."""
    shifted: IntegerArray = np.left_shift(x.astype(np.int64), by.astype(np.int64) & 31)
    return shifted.astype(x.dtype)
