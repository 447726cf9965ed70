"""Products of quantized numbers up to the accumulator: sums of (x - zero point) * (weight - zero point), plus bias.

Sums are exact and then wrap in the accumulator's type, int32 or int64, as the runtime's do.
x and weights have 8 or 16 bits; pixels outside the image count as the zero point.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..arrays import IntegerArray
from .conv import Geometry, conv_2d, depthwise_conv_2d, transpose_conv_2d
from .matmul import centered, product_type, with_bias


def conv_2d_accumulate(
    x: IntegerArray,
    input_zero_point: int,
    weights: IntegerArray,
    weight_zero_point: int,
    bias: IntegerArray | None,
    geometry: Geometry,
    accumulator: npt.DTypeLike = np.int32,
) -> IntegerArray:
    """x (n, h, w, groups * i), weights (o, kh, kw, i), bias (o,) -> (n, oh, ow, o).

    Group g of input channels goes to group g of output channels.
    """
    w = centered(weights, weight_zero_point, np.int64)
    dtype = product_type(x.dtype, input_zero_point, w)
    sums = conv_2d(centered(x, input_zero_point, dtype), w.astype(dtype), geometry)
    return with_bias(sums, bias, accumulator)


def depthwise_conv_2d_accumulate(
    x: IntegerArray,
    input_zero_point: int,
    weights: IntegerArray,
    weight_zero_point: int,
    bias: IntegerArray | None,
    geometry: Geometry,
    accumulator: npt.DTypeLike = np.int32,
) -> IntegerArray:
    """x (n, h, w, c), weights (1, kh, kw, c * m), bias (c * m,) -> (n, oh, ow, c * m).

    Output channel m * j + e comes from input channel j.
    """
    w = centered(weights, weight_zero_point, np.int64)
    dtype = product_type(x.dtype, input_zero_point, w, axis=3)
    sums = depthwise_conv_2d(centered(x, input_zero_point, dtype), w.astype(dtype), geometry)
    return with_bias(sums, bias, accumulator)


def transpose_conv_2d_accumulate(
    x: IntegerArray,
    input_zero_point: int,
    weights: IntegerArray,
    weight_zero_point: int,
    bias: IntegerArray | None,
    *,
    stride: tuple[int, int],
    padding: tuple[int, int],
    output: tuple[int, int],
    accumulator: npt.DTypeLike = np.int32,
) -> IntegerArray:
    """x (n, h, w, i), weights (o, kh, kw, i), bias (o,) -> (n, *output, o).

    Every input pixel y spreads over the outputs y * stride - padding + k; what falls outside is dropped.
    """
    w = centered(weights, weight_zero_point, np.int64)
    dtype = product_type(x.dtype, input_zero_point, w)
    sums = transpose_conv_2d(centered(x, input_zero_point, dtype), w.astype(dtype), stride, padding, output)
    return with_bias(sums, bias, accumulator)


def matmul_accumulate(
    x: IntegerArray,
    input_zero_point: int,
    weights: IntegerArray,
    weight_zero_point: int = 0,
    bias: IntegerArray | None = None,
    *,
    accumulator: npt.DTypeLike = np.int32,
) -> IntegerArray:
    """Sum over k of (x - input_zero_point) * (weights - weight_zero_point), plus bias.

    x (..., k) and weights (o, k) of 8 or 16 bits, bias (o,) -> (..., o) of type `accumulator`, int32 or int64, in which
    the sum wraps.
    """
    if x.shape[-1] != weights.shape[-1]:
        raise ValueError(f"expected as many columns in x as in weights, got {x.shape[-1]} and {weights.shape[-1]}")
    w = centered(weights, weight_zero_point, np.int64)
    dtype = product_type(x.dtype, input_zero_point, w)
    return with_bias(centered(x, input_zero_point, dtype) @ w.astype(dtype).T, bias, accumulator)
