"""In which float type sums of products of integers are exact, so that BLAS may take them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..arrays import AnyArray, IntegerArray


def exact_float(largest_sum: int) -> type[np.float32] | type[np.float64] | None:
    """The narrowest float type in which sums of integers are exact, when no sum of |terms| exceeds `largest_sum`.

    Every product and every partial sum, in whatever order and with or without fused multiply-add, is an integer of
    at most that magnitude, and below 2**24 (2**53) every integer is a float32 (float64). None where neither will do.
    """
    if largest_sum < 2**24:
        return np.float32
    return np.float64 if largest_sum < 2**53 else None


def largest_magnitude(dtype: npt.DTypeLike, zero_point: int) -> int:
    """The largest |x - zero_point| of an integer type."""
    limits = np.iinfo(np.dtype(dtype))
    return max(int(limits.max) - zero_point, zero_point - int(limits.min))


def product_type(x: npt.DTypeLike, zero_point: int, weights: IntegerArray, axis: int = 0) -> npt.DTypeLike:
    """The type in which to multiply x - zero_point by weights, each output summing over one slice of them along axis.

    x: the type of the activations; weights int64, their zero point subtracted already.
    float32 or float64 where that is exact, else int64.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    sums = np.abs(weights).sum(axis=others, dtype=np.int64)
    return exact_float(largest_magnitude(x, zero_point) * int(sums.max(initial=0))) or np.int64


def centered(q: IntegerArray, zero_point: int, dtype: npt.DTypeLike) -> AnyArray:
    """q - zero_point in a type that holds it."""
    return q.astype(dtype) - np.dtype(dtype).type(zero_point)


def with_bias(sums: AnyArray, bias: IntegerArray | None, accumulator: npt.DTypeLike) -> IntegerArray:
    """Exact integral sums (..., o) plus bias (o,), as `accumulator`, in which the sum wraps."""
    acc = sums.astype(np.int64).astype(accumulator)
    return acc if bias is None else acc + bias.astype(accumulator)
