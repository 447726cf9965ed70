"""The larger and the smaller of two numbers, with C's ways with NaN."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

    return lambda a, b: function(a, b) if first_is_wider(a.shape, b.shape) else function(b, a)


def first_is_wider(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether the innermost dimension in which one of two shapes isn't 1 isn't 1 in the first."""
    rank = max(len(a), len(b))
    pairs = zip((1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b), strict=True)
    wider = [of_a for of_a, of_b in pairs if (of_a, of_b) != (1, 1)]
    return bool(wider) and wider[-1] != 1


def maximum_of_first(a: AnyArray, b: AnyArray) -> AnyArray:
    """a < b ? b : a. Where either is NaN: a."""
    return np.where(a < b, b, a)


def minimum_of_first(a: AnyArray, b: AnyArray) -> AnyArray:
    """b < a ? b : a. Where either is NaN: a."""
    return np.where(b < a, b, a)
