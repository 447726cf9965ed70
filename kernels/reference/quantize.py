"""Between real numbers and quantized ones, and between quantized ones of two scales.

Results of quantizing are the output's integers, zero point added, not yet clamped: int64.
Scales and zero points are numbers, or arrays that broadcast to x (one a channel).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, Float32Array, Int64Array, IntegerArray
from ..fixed_point import float_to_int32, round_half_away, wrap_int32
from .lanes import in_vector_loop


class Affine(NamedTuple):
    """real = scale * (q - zero_point); scale float32."""

    scale: np.float32 | Float32Array
    zero_point: int | IntegerArray


def quantize(x: Float32Array, to: Affine) -> Int64Array:
    """round(x / scale) + zero_point: reference kernels. Half away from zero, the quotient in float32.

    NaN and what no int32 holds become -2**31, to which the zero point is added in 32 bits.
    """
    return wrap_int32(float_to_int32(round_half_away(np.asarray(x / to.scale))) + to.zero_point)


def quantize_optimized(x: Float32Array, to: Affine) -> Int64Array:
    """Optimized kernels: x times 1 / scale, half to even, in whole blocks of 8 numbers.

    In the rest the quotient is in float64, half away from zero.
    """
    vector = float_to_int32(np.rint(np.asarray(x * (np.float32(1) / to.scale))))
    scalar = float_to_int32(round_half_away(np.asarray(x.astype(np.float64) / np.float64(to.scale))))
    return wrap_int32(np.where(in_vector_loop(x.shape, x.size, 8), vector, scalar) + to.zero_point)


def quantize_xnnpack(x: Float32Array, to: Affine, high: int) -> Int64Array:
    """XNNPACK: x times 1 / scale, half to even, cut at the bound `high` of the type, which NaN becomes, too."""
    scaled = np.asarray(x * (np.float32(1) / to.scale))
    top = np.float32(high - int(to.zero_point))
    return float_to_int32(np.rint(np.where(scaled < top, scaled, top))) + to.zero_point


def requantize_xnnpack(q: IntegerArray, zero_points: tuple[int, int], multiplier: int) -> Int64Array:
    """XNNPACK between 8-bit numbers of one type: a multiplier in units of 1/256, one rounding, half up."""
    return (((q.astype(np.int64) - zero_points[0]) * multiplier + 128) >> 8) + zero_points[1]


def dequantize(q: IntegerArray, by: Affine) -> Float32Array:
    """scale * (q - zero_point), rounded once."""
    product = np.asarray(by.scale, np.float64) * (q.astype(np.int64) - by.zero_point)
    return np.asarray(product).astype(np.float32)


def dequantize_optimized(q: IntegerArray, by: Affine) -> Float32Array:
    """Optimized kernels on 8-bit numbers: q * scale + (-zero_point * scale), three roundings, in whole blocks of 8.

    The rest is `dequantize`.
    """
    offset = np.float32(-by.zero_point * np.float64(by.scale))
    vector = q.astype(np.float32) * by.scale + offset
    return np.where(in_vector_loop(q.shape, q.size, 8), vector, dequantize(q, by))


def along(values: AnyArray, axis: int, rank: int) -> AnyArray:
    """One number a channel, (c,), shaped to broadcast along `axis` of an array of `rank` dimensions."""
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])
