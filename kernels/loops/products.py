"""Sums of products as loops: convolution, depthwise convolution, fully connected.

Each adds to `out`, which comes holding the bias, int32 or int64. Products are taken in int64 and cut to out's width as
they are added, which is the same as wrapping at the end: both count modulo 2**32 or 2**64.
weights come with their zero point subtracted and their output channels last. Innermost loops run along memory, from
index 0 and without a condition: so the compiler uses vectors.
"""

from __future__ import annotations

import numpy as np

from ..arrays import IntegerArray
from .compiled import compiled


@compiled
def conv_2d(
    x: IntegerArray,
    zero_point: int,
    weights: IntegerArray,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int],
    out: IntegerArray,
) -> None:
    """x (n, h, w, g, i), weights (kh, kw, g, i, o), out (n, oh, ow, g, o): group g of inputs to group g of outputs."""
    images, height, width, _, _ = x.shape
    kernel_height, kernel_width, groups, depth, outputs = weights.shape
    _, rows, columns, _, _ = out.shape
    narrow = out.dtype.type
    for n in range(images):
        for y in range(rows):
            for ky in range(kernel_height):
                row = y * stride[0] + ky * dilation[0] - padding[0]
                if row < 0 or row >= height:
                    continue
                for c in range(columns):
                    for kx in range(kernel_width):
                        column = c * stride[1] + kx * dilation[1] - padding[1]
                        if column < 0 or column >= width:
                            continue
                        for g in range(groups):
                            for i in range(depth):
                                pixel = np.int64(x[n, row, column, g, i]) - zero_point
                                for o in range(outputs):
                                    total = out[n, y, c, g, o] + pixel * np.int64(weights[ky, kx, g, i, o])
                                    out[n, y, c, g, o] = narrow(total)


@compiled
def depthwise_conv_2d(
    x: IntegerArray,
    zero_point: int,
    weights: IntegerArray,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int],
    out: IntegerArray,
) -> None:
    """x (n, h, w, c), weights (kh, kw, m, c), out (n, oh, ow, m, c): channel c * m + e of the result at [e, c]."""
    images, height, width, channels = x.shape
    kernel_height, kernel_width, multiplier, _ = weights.shape
    _, rows, columns, _, _ = out.shape
    narrow = out.dtype.type
    for n in range(images):
        for y in range(rows):
            for ky in range(kernel_height):
                row = y * stride[0] + ky * dilation[0] - padding[0]
                if row < 0 or row >= height:
                    continue
                for c in range(columns):
                    for kx in range(kernel_width):
                        column = c * stride[1] + kx * dilation[1] - padding[1]
                        if column < 0 or column >= width:
                            continue
                        for e in range(multiplier):
                            for j in range(channels):
                                pixel = np.int64(x[n, row, column, j]) - zero_point
                                total = out[n, y, c, e, j] + pixel * np.int64(weights[ky, kx, e, j])
                                out[n, y, c, e, j] = narrow(total)


@compiled
def fully_connected(x: IntegerArray, zero_point: int, weights: IntegerArray, out: IntegerArray) -> None:
    """x (rows, k), weights (k, o), out (rows, o)."""
    rows, depth = x.shape
    outputs = weights.shape[1]
    narrow = out.dtype.type
    for row in range(rows):
        for k in range(depth):
            value = np.int64(x[row, k]) - zero_point
            for o in range(outputs):
                out[row, o] = narrow(out[row, o] + value * np.int64(weights[k, o]))
