"""CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED over int16 as matrix products."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..layer import Geometry
from ..plan import Compiled, Plan, result, source
from ..target import Target
from ..transposed import beyond, phases
from .gemm import multiply, pack, split
from .layer import Layer

NONE = ((0, 0), (0, 0))


def plan_dense(target: Target, rows: int, layer: Layer) -> Compiled:
    """Weights (columns, k) over `rows` rows of k numbers."""
    plan = Plan(target)
    columns, k = layer.weights.shape
    if 0 in (rows, columns):
        return plan.done("nothing to compute")
    packed = pack(plan, layer, layer.weights.reshape(columns, 1, k), [0])
    multiply(plan, packed, split(plan, source(), (1, rows, k), NONE), k, rows, result(), 2 * columns)
    return plan.done("matrix product of bytes, low and high")


def plan_convolution(target: Target, geometry: Geometry, layer: Layer) -> Compiled:
    """Weights (o, h, w, i), i being input channels / groups."""
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    (height, width, channels), (out_height, out_width, columns) = geometry.input, geometry.output
    (taps_y, taps_x), (stride_y, stride_x) = geometry.window, geometry.stride
    dilation_y, dilation_x = geometry.dilation
    depth = layer.weights.shape[3]
    groups = channels // depth
    own = columns // groups
    pitch = (sum(geometry.padding[1]) + width) * channels
    if groups == 1 and dilation_x == 1:  # a row of the filter is contiguous in the image
        offsets = [y * dilation_y * pitch for y in range(taps_y)]
        weights = layer.weights.reshape(columns, taps_y, taps_x * channels)
    else:
        offsets = [y * dilation_y * pitch + x * dilation_x * channels for y in range(taps_y) for x in range(taps_x)]
        weights = layer.weights.reshape(columns, taps_y * taps_x, depth)
    packed = [pack(plan, layer, weights[g * own : (g + 1) * own], offsets, g * own) for g in range(groups)]
    pointwise = geometry.window == geometry.stride == (1, 1) and not geometry.is_padded
    images = 1 if pointwise else geometry.batch
    if pointwise:
        height, out_width, out_height = geometry.batch * height, geometry.batch * height * width, 1
    for n in range(images):
        image = split(plan, source() + 2 * n * height * width * channels, (height, width, channels), geometry.padding)
        for g, part in enumerate(packed):
            out = result() + 2 * (n * out_height * out_width * columns + g * own)
            multiply(
                plan, part, image + g * depth, channels * stride_x, out_width, out, 2 * columns,
                lines=out_height, a_line=pitch * stride_y, out_line=2 * out_width * columns,
            )  # fmt: skip
    return plan.done("matrix product of bytes, low and high")


def plan_transposed(target: Target, geometry: Geometry, layer: Layer, input: int = 0) -> Compiled:
    """Weights (o, h, w, i); as `..transposed.plan_transposed`."""
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    (height, width, channels), (_, out_width, columns) = geometry.input, geometry.output
    down, across = phases(geometry, 0), phases(geometry, 1)
    padding = beyond(down, height), beyond(across, width)
    pitch = (sum(padding[1]) + width) * channels
    parts = []
    for y in down:
        for x in across:
            weights = np.zeros((columns, max(len(y.taps), 1), max(len(x.taps), 1) * channels), np.int8)
            if y.taps and x.taps:
                weights[:] = layer.weights[np.ix_(range(columns), y.taps, x.taps)].reshape(weights.shape)
            parts.append((y, x, pack(plan, layer, weights, [row * pitch for row in range(weights.shape[1])])))
    out_line = 2 * out_width * columns
    for n in range(geometry.batch):
        image = split(plan, source(input) + 2 * n * height * width * channels, geometry.input, padding)
        for y, x, packed in parts:
            begin = (y.start + padding[0][0]) * pitch + (x.start + padding[1][0]) * channels
            out = result() + (n * geometry.output[0] * out_line + y.first * out_line + 2 * x.first * columns)
            multiply(
                plan, packed, image + begin, channels, x.count, out, 2 * columns * geometry.stride[1],
                lines=y.count, a_line=pitch, out_line=geometry.stride[0] * out_line,
            )  # fmt: skip
    return plan.done(f"matrix products of bytes, low and high, {len(parts)} for the outputs a stride apart")


def plan_single(target: Target, geometry: Geometry, layer: Layer) -> Compiled:
    """DEPTHWISE_CONV_2D of one input channel, weights (1, h, w, o)."""
    return plan_convolution(target, geometry, replace(layer, weights=layer.weights.transpose(3, 1, 2, 0), axis=0))
