"""One number out of every window of a tensor: sums, products, extremes, whether all or any aren't zero. Any numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import AnyArray


@dataclass(frozen=True)
class Reduction:
    """A function of numbers, one after the other.

    next: what is known so far and the next numbers -> what is known then, element by element, of the same type.
    all: numbers in a row, at least one -> what `next` makes of them from the first to the last, an array of one.
    """

    next: Callable[[AnyArray, AnyArray], AnyArray]
    all: Callable[[AnyArray], AnyArray]


def _larger(so_far: AnyArray, value: AnyArray) -> AnyArray:
    return np.where(so_far >= value, so_far, value)


def _smaller(so_far: AnyArray, value: AnyArray) -> AnyArray:
    return np.where(so_far <= value, so_far, value)


def _since_no_number(values: AnyArray) -> AnyArray:
    """What an extreme is of: comparing with what isn't a number forgets all before it."""
    missing = np.flatnonzero(values != values)
    return values[min(missing[-1] + 1, values.size - 1) :] if missing.size else values


ADD = Reduction(lambda so_far, value: so_far + value, lambda values: np.cumsum(values, dtype=values.dtype)[-1:])
"""Sums. Integers wrap."""
MULTIPLY = Reduction(lambda so_far, value: so_far * value, lambda values: np.cumprod(values, dtype=values.dtype)[-1:])
"""Products. Integers wrap."""
LARGEST = Reduction(_larger, lambda values: _since_no_number(values).max(keepdims=True))
"""The largest; the newer one where one of two is not a number."""
SMALLEST = Reduction(_smaller, lambda values: _since_no_number(values).min(keepdims=True))
"""The smallest; the newer one where one of two is not a number."""
ALL = Reduction(
    lambda so_far, value: np.logical_and(so_far, value).astype(so_far.dtype),
    lambda values: values.all(keepdims=True).astype(values.dtype),
)
"""1 where none is zero, else 0."""
ANY = Reduction(
    lambda so_far, value: np.logical_or(so_far, value).astype(so_far.dtype),
    lambda values: values.any(keepdims=True).astype(values.dtype),
)
"""1 where one isn't zero, else 0."""


def lengths(shape: Sequence[int], sizes: Sequence[int], steps: Sequence[int], apart: Sequence[int]) -> tuple[int, ...]:
    """How many windows fit along each dimension: their elements lie `apart` each other, the windows `steps`."""
    sides = zip(shape, sizes, steps, apart, strict=True)
    return tuple(max((n - ((size - 1) * gap + 1)) // step + 1, 0) for n, size, step, gap in sides)


def reduce_windows(
    x: AnyArray, start: AnyArray, sizes: Sequence[int], steps: Sequence[int], apart: Sequence[int], function: Reduction
) -> AnyArray:
    """x of any rank, start (one number) -> the function of `start` and then each window's elements in their order.

    sizes, steps, apart: of each dimension, from 1; sizes may be 0. Windows are as many as fit.
    """
    counts = lengths(x.shape, sizes, steps, apart)
    result: AnyArray = np.full(counts, start, x.dtype)
    if 0 in counts or 0 in sizes:
        return result
    if np.prod(sizes, dtype=np.float64) <= result.size:  # the shorter of two loops
        for tap in np.ndindex(*sizes):
            result = function.next(result, x[_every(counts, steps, tap, apart)])
        return result
    for at in np.ndindex(*counts):
        result[at] = function.all(np.append(start, x[_every(sizes, apart, at, steps)]))[0]
    return result


def _every(counts: Sequence[int], steps: Sequence[int], at: Sequence[int], offsets: Sequence[int]) -> tuple[slice, ...]:
    """So many elements, `steps` from each other, the first one at[i] * offsets[i] from the edge."""
    firsts = (i * offset for i, offset in zip(at, offsets, strict=True))
    sides = zip(firsts, counts, steps, strict=True)
    return tuple(slice(first, first + (count - 1) * step + 1, step) for first, count, step in sides)
