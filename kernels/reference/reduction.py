"""Reductions of x (any shape) along `axes`, which stay as dimensions of length 1.

Quantized sums and means: what is rounded where differs between kernel sets, so each rule is a function of its own.
`count` is the number of elements that become one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ..arrays import AnyArray, FloatingArray, Int64Array, IntegerArray
from ..fixed_point import float_to_int32, quantize_multiplier, round_half_away, wrap_int32
from ..requantizers import DoubleRounding, Requantizer, Wide

Axes = Sequence[int]
Points = tuple[int, int]
"""The zero points of input and output."""
Limits = tuple[int, int]
"""The smallest and the largest number of the output."""


def count_of(x: AnyArray, axes: Axes) -> int:
    """How many elements become one."""
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    return count


def reduced(ufunc: np.ufunc, x: AnyArray, axes: Axes, initial: npt.ArrayLike) -> AnyArray:
    """`ufunc` over the elements, beginning with `initial`, in x's type: sums and products wrap."""
    result: AnyArray = ufunc.reduce(x, axis=tuple(axes), keepdims=True, initial=initial, dtype=x.dtype)
    return result


def folded(function: Callable[[AnyArray, AnyArray], AnyArray], x: AnyArray, axes: Axes) -> AnyArray:
    """function(...function(function(x0, x1), x2)..., xn) over the elements in order; at least one."""
    rows = in_order(x, axes)
    result = rows[0]
    for row in rows[1:]:
        result = function(result, row)
    return kept(result, x, axes)


def in_order(x: AnyArray, axes: Axes) -> AnyArray:
    """(count, outputs): the elements that become one, in the order in which they lie in x, down the first axis."""
    front = sorted(axes)
    rest = [axis for axis in range(x.ndim) if axis not in front]
    return x.transpose(*front, *rest).reshape(count_of(x, axes), -1)


def kept(result: AnyArray, x: AnyArray, axes: Axes) -> AnyArray:
    """(outputs,) in the shape that keeps the reduced axes."""
    return result.reshape([1 if axis in axes else length for axis, length in enumerate(x.shape)])


def latest_extreme(ufunc: np.ufunc, x: FloatingArray, axes: Axes) -> FloatingArray:
    """The extreme of what follows the last NaN, NaN where nothing follows it: `best > next ? best : next`, in order.

    ufunc: np.fmax or np.fmin.
    """
    rows = in_order(x, axes)
    spoiled = np.isnan(rows)
    if not spoiled.any():
        return kept(ufunc.reduce(rows, axis=0), x, axes)
    later = np.logical_or.accumulate(spoiled[::-1], axis=0)[::-1]
    return kept(np.where(spoiled[-1], np.nan, ufunc.reduce(np.where(later, np.nan, rows), axis=0)), x, axes).astype(
        x.dtype
    )


def mean_float32(x: FloatingArray, axes: Axes) -> FloatingArray:
    """Means, float32, the sum one number after the other; of nothing, NaN."""
    sums = in_turn(x, axes)
    result: FloatingArray = sums / np.float32(count_of(x, axes))
    return result


def in_turn(x: FloatingArray, axes: Axes) -> FloatingArray:
    """Sums of float32, one number after the other in the order in which they lie in x."""
    if not x.size:
        return reduced(np.add, x, axes, 0)
    return kept(np.add.accumulate(in_order(x, axes), axis=0, dtype=x.dtype)[-1], x, axes)


def mean_integer(x: IntegerArray, axes: Axes) -> Int64Array:
    """Means of integers that mean themselves, truncated; of nothing, 0. Sums are int64."""
    count = max(count_of(x, axes), 1)
    sums = reduced(np.add, x.astype(np.int64), axes, 0)
    return (sums - np.fmod(sums, count)) // count


def _sums(x: IntegerArray, axes: Axes) -> Int64Array:
    """int32 sums of q, wrapping."""
    return wrap_int32(reduced(np.add, x.astype(np.int64), axes, 0))


def mean_rule(scale: float, count: int) -> DoubleRounding:
    """The requantizer of scale / count: the multiplier of `scale`, shifted as far left as it may be, over count."""
    multiplier, shift = quantize_multiplier(scale)
    left = min(count.bit_length() - 1, 32, 31 + shift)
    return DoubleRounding((multiplier << left) // count, shift - left)


def rescaled(x: IntegerArray, axes: Axes, points: Points, rule: Requantizer, limits: Limits) -> Int64Array:
    """clamp(zero_point + rule(sum of q - zero_point)): the mean or the sum, as the rule's scale is."""
    sums = wrap_int32(_sums(x, axes) - points[0] * count_of(x, axes))
    return rule(sums, points[1], *limits, np.int64)


def mean_of_image(x: IntegerArray, axes: Axes, rule: Requantizer, bias: int, limits: Limits) -> Int64Array:
    """clamp(bias + rule(sum of q)): the vector kernel for (n h w c) over h and w; bias holds both zero points."""
    return rule(_sums(x, axes), bias, *limits, np.int64)


def sum_in_float32(x: IntegerArray, axes: Axes, points: Points, scale: np.float32, limits: Limits) -> Int64Array:
    """clamp(round(T * scale + bias) + zero_point), T the sum of q, ties away from zero, every step in float32."""
    bias = np.float32(-points[0]) * scale * np.float32(count_of(x, axes))
    real = _sums(x, axes).astype(np.float32) * scale + bias
    return np.clip(wrap_int32(float_to_int32(round_half_away(real)) + points[1]), *limits)


def sum_in_float32_even(x: IntegerArray, axes: Axes, points: Points, scale: np.float32, limits: Limits) -> Int64Array:
    """clamp(round(T * scale + (zero_point - count * input_point * scale))), half to even, in float32: XNNPACK."""
    offset = np.float32(wrap_int32(count_of(x, axes) * points[0]))
    bias = np.float32(points[1]) - offset * scale
    real = _sums(x, axes).astype(np.float32) * scale + bias
    result: Int64Array = np.rint(np.clip(real, *limits)).astype(np.int64)
    return result


def product_rescaled(x: IntegerArray, axes: Axes, points: Points, rule: Wide, limits: Limits) -> Int64Array:
    """Products of q - zero_point, rescaled after every factor, the first one at the end.

    Each step cuts the rescaled product to int32.
    """
    factors = in_order(x.astype(np.int64) - points[0], axes)
    product = factors[0]
    for factor in factors[1:]:
        product = rule.rescale(product * factor)
    return kept(rule(product, points[1], *limits, np.int64), x, axes)
