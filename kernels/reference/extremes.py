"""The larger and the smaller of two numbers, with C's ways with NaN."""

from __future__ import annotations

import numpy as np

from ..arrays import AnyArray


def maximum(a: AnyArray, b: AnyArray) -> AnyArray:
    """a > b ? a : b. Where either is NaN: b."""
    return np.where(a > b, a, b)


def minimum(a: AnyArray, b: AnyArray) -> AnyArray:
    """a < b ? a : b. Where either is NaN: b."""
    return np.where(a < b, a, b)


def maximum_of_first(a: AnyArray, b: AnyArray) -> AnyArray:
    """a < b ? b : a. Where either is NaN: a."""
    return np.where(a < b, b, a)


def minimum_of_first(a: AnyArray, b: AnyArray) -> AnyArray:
    """b < a ? b : a. Where either is NaN: a."""
    return np.where(b < a, b, a)
