"""The larger and the smaller of two numbers, with C's ways with NaN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import AnyArray


def maximum(a: AnyArray, b: AnyArray) -> AnyArray:
    """a > b ? a : b. Where either is NaN: b."""
    return np.where(a > b, a, b)


def minimum(a: AnyArray, b: AnyArray) -> AnyArray:
    """a < b ? a : b. Where either is NaN: b."""
    return np.where(a < b, a, b)


def xnnpack_order(function: Callable[[AnyArray, AnyArray], AnyArray]) -> Callable[[AnyArray, AnyArray], AnyArray]:
    """A function of two arrays as XNNPACK calls it: with the second one first where the first is repeated innermost.

    That is where its last dimension is 1, those in which both have 1 left aside. It only matters for NaN.
    """

    def ordered(a: AnyArray, b: AnyArray) -> AnyArray:
        rank = max(a.ndim, b.ndim)
        pairs = zip((1,) * (rank - a.ndim) + a.shape, (1,) * (rank - b.ndim) + b.shape, strict=True)
        wider = [of_a for of_a, of_b in pairs if (of_a, of_b) != (1, 1)]
        return function(a, b) if wider and wider[-1] != 1 else function(b, a)

    return ordered


def maximum_of_first(a: AnyArray, b: AnyArray) -> AnyArray:
    """a < b ? b : a. Where either is NaN: a."""
    return np.where(a < b, b, a)


def minimum_of_first(a: AnyArray, b: AnyArray) -> AnyArray:
    """b < a ? b : a. Where either is NaN: a."""
    return np.where(b < a, b, a)
