"""Fake quantization: real numbers moved to the nearest one that a quantized type can hold, and its gradient.

As TensorFlow's fake_quant_with_min_max_vars and its per-channel form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..kernels.arrays import Float32Array
from ..kernels.fixed_point import round_half_away
from .ranges import integer_limits


class Grid(NamedTuple):
    """The numbers that a range allows, float32 each, of one shape: low, low + scale, ..., high; 0 is among them.

    inverse: 1 / scale, but rounded from the range itself.
    """

    low: Float32Array
    high: Float32Array
    scale: Float32Array
    inverse: Float32Array


def nudge(low: npt.ArrayLike, high: npt.ArrayLike, bits: int = 8, narrow_range: bool = False) -> Grid:
    """The grid of 2**bits numbers (one less with narrow_range) that is nearest to [low, high] and contains 0.

    In float32, with qmin = 1 if narrow_range else 0 and qmax = 2**bits - 1, ties away from zero:
    scale = (high - low) / (qmax - qmin); zero_point = round(qmin - low / scale) within [qmin, qmax];
    low = (qmin - zero_point) * scale; high = (qmax - zero_point) * scale.
    low and high are numbers or (c,). A range without 0 is moved until it begins or ends there; [0, 0] has scale 0.
    Shifting all numbers by 2**(bits - 1) makes no difference: the grids of signed and unsigned types are the same.
    ValueError unless low < high or both are 0, and the scale is a normal float32.
    """
    qmin, qmax = (np.float32(limit) for limit in integer_limits(bits, False, narrow_range))
    lows, highs = np.asarray(low, np.float32), np.asarray(high, np.float32)
    nothing = (lows == 0) & (highs == 0)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = (highs - lows) / (qmax - qmin)
    if not (np.isfinite(scale) & ((scale >= np.finfo(np.float32).tiny) | nothing)).all():
        raise ValueError(f"expected low < high, or 0 for both, with a normal float32 as scale, got {lows} and {highs}")
    exact = qmin - lows / np.where(nothing, np.float32(1), scale)
    zero_point = np.clip(round_half_away(exact), qmin, qmax)
    inverse = (qmax - qmin) / np.where(nothing, np.float32(1), highs - lows)
    grid = ((qmin - zero_point) * scale, (qmax - zero_point) * scale, scale, inverse)
    return Grid(*(np.asarray(part) for part in grid))


def fake_quant(
    x: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Float32Array:
    """x (...) moved to the nearest number of the grid `nudge(low, high, bits, narrow_range)`: float32 (...).

    y = floor((clamp(x) - low) / scale - zero_point + 1/2) * scale with the grid's low and high: ties go up. In float32;
    with an axis the division is a product with the grid's inverse, as in TensorFlow, which matters from 12 bits on.
    With axis None low and high are numbers, else (c,) with c = x.shape[axis]. The range [0, 0] gives 0.
    Symmetric quantization is low = -high with narrow_range. NaN stays NaN.

    >>> fake_quant([-3.0, -0.2, 0.3, 0.75, 9.0], -1.0, 2.0, bits=2).tolist()
    [-1.0, 0.0, 0.0, 1.0, 2.0]
    """
    numbers = np.asarray(x, np.float32)
    grid = _along(nudge(low, high, bits, narrow_range), numbers.shape, axis)
    one_half = np.float32(0.5)
    above_low = np.clip(numbers, grid.low, grid.high) - grid.low
    zero_point = np.floor(-grid.low * grid.inverse + one_half)
    with np.errstate(invalid="ignore"):  # 0 / 0 on the grid of nothing but 0
        steps = above_low / grid.scale if axis is None else above_low * grid.inverse
        y = np.floor(steps - zero_point + one_half) * grid.scale
    return np.where(grid.scale == 0, np.float32(0), y)


def fake_quant_gradient(
    gradient: npt.ArrayLike,
    x: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """(dx, dlow, dhigh) of `fake_quant` for an incoming gradient of x's shape, straight through the rounding.

    dx (...) = gradient where nudged low <= x <= nudged high, else 0;
    dlow and dhigh, numbers or (c,) = sums of the gradient where x < nudged low, and where x > nudged high.
    All float32; the sums are taken in float64. Where low == high == 0, dx = gradient and dlow = dhigh = 0.
    """
    numbers, incoming = np.asarray(x, np.float32), np.asarray(gradient, np.float32)
    if numbers.shape != incoming.shape:
        raise ValueError(f"expected a gradient of the shape {numbers.shape} of x, got {incoming.shape}")
    grid = _along(nudge(low, high, bits, narrow_range), numbers.shape, axis)
    nothing = grid.scale == 0
    below, above = (numbers < grid.low) & ~nothing, (numbers > grid.high) & ~nothing
    summed = tuple(i for i in range(numbers.ndim) if axis is None or i != axis % numbers.ndim)

    def total(where: npt.NDArray[np.bool_]) -> Float32Array:
        return np.asarray(np.where(where, incoming, 0).sum(axis=summed, dtype=np.float64), np.float32)

    return np.where(below | above, np.float32(0), incoming), total(below), total(above)


def _along(grid: Grid, shape: tuple[int, ...], axis: int | None) -> Grid:
    """The grid, shaped to go with an array of that shape."""
    if axis is None:
        if grid.scale.size != 1:
            raise ValueError(f"expected one range where no axis is given, got {grid.scale.size}")
        return Grid(*(part.reshape(()) for part in grid))
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"expected an axis of {len(shape)} dimensions, got {axis}")
    if grid.scale.size != shape[axis]:
        raise ValueError(f"expected {shape[axis]} ranges along axis {axis}, got {grid.scale.size}")
    along = [1] * len(shape)
    along[axis] = shape[axis]
    return Grid(*(part.reshape(along) for part in grid))
