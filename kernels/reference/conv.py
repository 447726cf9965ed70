"""Sums of products: convolution, depthwise and transposed convolution. Scales come after (requantizers.py).

Sums of integers may be taken in a float type that holds every partial sum exactly (matmul.py has the bound).
Axes: n h w c for activations, o h w i for filters (TFLite's order).
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from ..arrays import AnyArray, Float32Array, FloatingArray

# Patches are copied for a strip of output rows at a time, to fit about this.
_PATCH_BYTES = 32 << 20


class Geometry(NamedTuple):
    """How a window slides: strides and dilations as (h, w), the output's (h, w), zeros as (top, left)."""

    stride: tuple[int, int]
    dilation: tuple[int, int]
    output: tuple[int, int]
    padding: tuple[int, int]


def conv_2d(x: FloatingArray, filters: FloatingArray, geometry: Geometry) -> FloatingArray:
    """Convolution (n h w c) by (o kh kw c / groups) -> (n oh ow o), both of one float type; zeros around the image.

    groups = c / filters.shape[3]; output channel o belongs to group o * groups // filters.shape[0].
    """
    outputs, height, width, depth = filters.shape
    groups = x.shape[3] // depth
    each, size = outputs // groups, height * width * depth
    padded = _padded(x, (height, width), geometry)
    matrices = filters.reshape(groups, each, size)
    rows, columns = geometry.output
    result = np.zeros((x.shape[0], rows, columns, outputs), x.dtype)
    if result.size == 0 or size == 0:
        return result
    strip = max(1, _PATCH_BYTES // max(1, columns * size * x.itemsize))
    for image, first, group in itertools.product(range(len(x)), range(0, rows, strip), range(groups)):
        seen = _windows(padded[image, :, :, group * depth : (group + 1) * depth], (height, width), geometry)
        patches = seen[first : first + strip]
        product = patches.reshape(-1, size) @ matrices[group].T
        result[image, first : first + strip, :, group * each : (group + 1) * each] = product.reshape(
            len(patches), columns, each
        )
    return result


def depthwise_conv_2d(x: FloatingArray, filters: FloatingArray, geometry: Geometry) -> FloatingArray:
    """Depthwise convolution (n h w c) by (1 kh kw c * multiplier) -> (n oh ow c * multiplier), of one float type.

    Output channel c * multiplier + m sees input channel c.
    """
    _, height, width, outputs = filters.shape
    padded = _padded(x, (height, width), geometry)
    multiplier = outputs // x.shape[3]
    result = np.zeros((x.shape[0], *geometry.output, outputs), x.dtype)
    for ky in range(height):
        for kx in range(width):
            tap = _tap(padded, ky, kx, geometry)
            wide = tap if multiplier == 1 else np.repeat(tap, multiplier, axis=3)
            result += wide * filters[0, ky, kx]
    return result


def transpose_conv_2d(
    x: FloatingArray,
    filters: FloatingArray,
    stride: tuple[int, int],
    padding: tuple[int, int],
    output: tuple[int, int],
) -> FloatingArray:
    """Transposed convolution (n h w c) by (o kh kw c) -> (n oh ow o), of one float type.

    Adds x[i] * filter[k] at i * stride + k - padding; what falls outside the output is dropped.
    """
    full = _Scattered(x, filters, stride, padding, output)
    for ky, kx in np.ndindex(filters.shape[1:3]):
        full.hit_by(ky, kx)[...] += x @ filters[:, ky, kx].T
    return full.cut()


def transpose_conv_2d_scaled(
    x: Float32Array,
    filters: Float32Array,
    scales: tuple[Float32Array, Float32Array],
    stride: tuple[int, int],
    padding: tuple[int, int],
    output: tuple[int, int],
) -> Float32Array:
    """`transpose_conv_2d` of whole numbers whose every product is scaled, by output channel and by image, and rounded.

    scales: (o,) and (n,). Products are added in the order of the inputs: rows, columns, channels. So does the runtime
    without a delegate where it quantizes floats on the fly.
    """
    full = _Scattered(x, filters, stride, padding, output)
    by_output, by_image = scales[0], scales[1][:, None, None, None]
    for ky, kx in itertools.product(reversed(range(filters.shape[1])), reversed(range(filters.shape[2]))):
        sums = full.hit_by(ky, kx)
        for channel in range(x.shape[3]):
            sums += ((x[..., channel, None] * filters[:, ky, kx, channel]) * by_output) * by_image
    return full.cut()


class _Scattered:
    """The full result of a transposed convolution, of which the output is a part."""

    def __init__(
        self,
        x: AnyArray,
        filters: AnyArray,
        stride: tuple[int, int],
        padding: tuple[int, int],
        output: tuple[int, int],
    ) -> None:
        size = [max((x.shape[i + 1] - 1) * stride[i] + filters.shape[i + 1], padding[i] + output[i]) for i in range(2)]
        self.whole = np.zeros((x.shape[0], *size, filters.shape[0]), x.dtype)
        self.inputs, self.stride, self.padding, self.output = x.shape[1:3], stride, padding, output

    def hit_by(self, ky: int, kx: int) -> AnyArray:
        """What every input's product with this tap is added to."""
        rows, columns = (
            slice(k, k + (length - 1) * step + 1, step)
            for k, length, step in zip((ky, kx), self.inputs, self.stride, strict=True)
        )
        return self.whole[:, rows, columns]

    def cut(self) -> AnyArray:
        first, size = self.padding, self.output
        return self.whole[:, first[0] : first[0] + size[0], first[1] : first[1] + size[1]]


def clamped(x: AnyArray, low: float, high: float) -> AnyArray:
    """A fused activation's clamp of floats (NaN stays): numbers outside [low, high] become the nearer bound."""
    result: Any = x
    if low > -np.inf:
        result = np.where(result < low, x.dtype.type(low), result)
    if high < np.inf:
        result = np.where(result > high, x.dtype.type(high), result)
    return np.asarray(result)


def _padded(x: FloatingArray, size: tuple[int, int], geometry: Geometry) -> FloatingArray:
    """The image with zeros around it, as far as the windows reach."""
    ends = []
    for axis in (0, 1):
        reach = (size[axis] - 1) * geometry.dilation[axis] + 1
        needed = (geometry.output[axis] - 1) * geometry.stride[axis] + reach
        after = max(needed - x.shape[axis + 1] - geometry.padding[axis], 0)
        ends.append((geometry.padding[axis], after))
    if ends == [(0, 0), (0, 0)]:
        return x
    return np.pad(x, ((0, 0), *ends, (0, 0)))


def _windows(image: FloatingArray, size: tuple[int, int], geometry: Geometry) -> FloatingArray:
    """What each window sees of a padded image (h w c): a view (oh ow kh kw c)."""
    reach = [(length - 1) * step + 1 for length, step in zip(size, geometry.dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(image, reach, axis=(0, 1))
    (rows, columns), (down, right) = geometry.output, geometry.stride
    views = views[: rows * down : down, : columns * right : right, :, :: geometry.dilation[0], :: geometry.dilation[1]]
    return np.moveaxis(views, 2, 4)


def _tap(padded: FloatingArray, ky: int, kx: int, geometry: Geometry) -> FloatingArray:
    """What filter position (ky, kx) sees of every window: (n oh ow c)."""
    top, left = ky * geometry.dilation[0], kx * geometry.dilation[1]
    rows = slice(top, top + (geometry.output[0] - 1) * geometry.stride[0] + 1, geometry.stride[0])
    columns = slice(left, left + (geometry.output[1] - 1) * geometry.stride[1] + 1, geometry.stride[1])
    return padded[:, rows, columns][:, : geometry.output[0], : geometry.output[1]]
