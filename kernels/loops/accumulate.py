"""The accumulators of reference/accumulate.py, by compiled loops: same arguments, same results."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..arrays import AnyArray, IntegerArray
from ..reference.conv import Geometry
from . import products


def conv_2d_accumulate(
    x: IntegerArray,
    input_zero_point: int,
    weights: IntegerArray,
    weight_zero_point: int,
    bias: IntegerArray | None,
    geometry: Geometry,
    accumulator: npt.DTypeLike = np.int32,
) -> IntegerArray:
    """x (n, h, w, groups * i), weights (o, kh, kw, i), bias (o,) -> (n, oh, ow, o)."""
    outputs, *kernel, depth = weights.shape
    groups = x.shape[3] // depth
    out = _biased((len(x), *geometry.output, outputs), bias, accumulator)
    by_group = weights.reshape(groups, outputs // groups, *kernel, depth).transpose(2, 3, 0, 4, 1)
    products.conv_2d(
        x.reshape(*x.shape[:3], groups, depth),
        input_zero_point,
        _packed(by_group, weight_zero_point),
        geometry.stride,
        geometry.dilation,
        geometry.padding,
        out.reshape(*out.shape[:3], groups, outputs // groups),
    )
    return out


def depthwise_conv_2d_accumulate(
    x: IntegerArray,
    input_zero_point: int,
    weights: IntegerArray,
    weight_zero_point: int,
    bias: IntegerArray | None,
    geometry: Geometry,
    accumulator: npt.DTypeLike = np.int32,
) -> IntegerArray:
    """x (n, h, w, c), weights (1, kh, kw, c * m), bias (c * m,) -> (n, oh, ow, c * m)."""
    channels, outputs = x.shape[3], weights.shape[3]
    by_channel = weights[0].reshape(*weights.shape[1:3], channels, outputs // channels)
    packed = _packed(by_channel.swapaxes(2, 3), weight_zero_point)
    split = None if bias is None else bias.reshape(channels, -1).T
    out = _biased((len(x), *geometry.output, outputs // channels, channels), split, accumulator)
    products.depthwise_conv_2d(x, input_zero_point, packed, geometry.stride, geometry.dilation, geometry.padding, out)
    return out.swapaxes(3, 4).reshape(len(x), *geometry.output, outputs)


def matmul_accumulate(
    x: IntegerArray,
    input_zero_point: int,
    weights: IntegerArray,
    weight_zero_point: int = 0,
    bias: IntegerArray | None = None,
    *,
    accumulator: npt.DTypeLike = np.int32,
) -> IntegerArray:
    """x (..., k), weights (o, k), bias (o,) -> (..., o)."""
    depth = weights.shape[1]
    if x.shape[-1] != depth:
        raise ValueError(f"expected as many columns in x as in weights, got {x.shape[-1]} and {depth}")
    out = _biased((*x.shape[:-1], len(weights)), bias, accumulator)
    rows = math.prod(x.shape[:-1])
    packed = _packed(weights.T, weight_zero_point)
    products.fully_connected(x.reshape(rows, depth), input_zero_point, packed, out.reshape(rows, len(weights)))
    return out


def _biased(shape: tuple[int, ...], bias: IntegerArray | None, accumulator: npt.DTypeLike) -> AnyArray:
    """An array of that shape that holds the bias along its last axes, or zeros."""
    out = np.zeros(shape, accumulator)
    if bias is not None:
        out += bias.astype(accumulator)
    return out


def _packed(weights: IntegerArray, zero_point: int) -> IntegerArray:
    """Weights less their zero point, in the order they are read: int16, or int32 for weights of 16 bits."""
    dtype = np.int16 if weights.dtype.itemsize == 1 else np.int32
    return np.ascontiguousarray(weights.astype(dtype) - np.dtype(dtype).type(zero_point))
