"""Batches of matrix products: x (..., m, k) times y (..., k, n) -> (..., m, n), batches broadcast."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..arrays import AnyArray, Float32Array, IntegerArray
from .dynamic_range import Rows
from .matmul import centered, exact_float, largest_magnitude


def multiply_integers(
    x: IntegerArray, x_zero_point: int, y: IntegerArray, y_zero_point: int, accumulator: npt.DTypeLike
) -> IntegerArray:
    """Sums of (x - x_zero_point) * (y - y_zero_point), exact, then wrapped to `accumulator`."""
    largest = largest_magnitude(x.dtype, x_zero_point) * largest_magnitude(y.dtype, y_zero_point) * x.shape[-1]
    kind = exact_float(largest) or np.int64
    sums = centered(x, x_zero_point, kind) @ centered(y, y_zero_point, kind)
    result: IntegerArray = sums.astype(np.int64).astype(accumulator)
    return result


def multiply_dynamic(
    x: Float32Array, y: IntegerArray, scales: Float32Array, quantize: Callable[[Float32Array], Rows]
) -> Float32Array:
    """float32 x, its rows quantized each for itself, by int8 y with scales (n,) or (1,): sum * row scale * scale."""
    rows = quantize(x.reshape(-1, x.shape[-1]))
    sums = (rows.centered.reshape(x.shape) @ y.astype(np.float64)).astype(np.float32)
    result: Float32Array = (sums * rows.scale.reshape(*x.shape[:-1], 1)) * scales
    return result


def multiply_dynamic_mixed(
    x: Float32Array,
    y: IntegerArray,
    scales: Float32Array,
    quantize: Callable[[Float32Array], Rows],
    *,
    by_channel: bool,
) -> Float32Array:
    """The same as the runtime's own kernel does it, which takes a row's scale and zero point from the wrong place.

    x (a, b, c, m, k) and y (d, e, f, k, n): rows are looked up as if there were only a + b + c batches, not a * b * c,
    and so are the sums of y's columns that take the zero points off again. (Right where all batches but one are 1.)
    by_channel: scales are (n,), and multiplied with the row's; else (1,).
    """
    rows = quantize(x.reshape(-1, x.shape[-1]))
    q = (rows.centered + rows.zero_point[:, np.newaxis]).reshape(x.shape)
    sums = (q @ y.astype(np.float64)).astype(np.float32)
    row_place = _added_up(x.shape[:3], x.shape[3])
    scale, point = rows.scale[row_place], rows.zero_point[row_place].astype(np.float32)
    column_sums = y.astype(np.int64).sum(axis=-2).reshape(-1)
    place = _added_up(y.shape[:3], y.shape[4])
    column = column_sums[place].astype(np.float32)
    corrected = np.trunc(sums - column[..., np.newaxis, :] * point[..., np.newaxis]).astype(np.float32)
    together = scale[..., np.newaxis] * scales if by_channel else (scale * scales)[..., np.newaxis]
    result: Float32Array = together * corrected
    return result


def _added_up(batches: tuple[int, ...], width: int) -> AnyArray:
    """(*batches, width): (b0 + b1 + b2) * width + j."""
    places = sum(np.ix_(*(np.arange(length) for length in batches)), start=np.zeros((), np.int64))
    return np.asarray(places)[..., np.newaxis] * width + np.arange(width)
