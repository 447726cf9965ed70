"""CONV_2D over float32 as matrix products in place: any filter size, stride, dilation and groups."""

from __future__ import annotations

import itertools

from ..layer import Geometry
from ..plan import Compiled, Plan, result, source
from ..target import Target
from .dense import one_row
from .gemm import TILES, multiply, pack, pieces
from .layer import Layer, stretches


def plan_convolution(target: Target, geometry: Geometry, layer: Layer) -> Compiled:
    """Weights (o, h, w, i), i being input channels / groups."""
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    (height, width, channels), (out_height, out_width, columns) = geometry.input, geometry.output
    (taps_y, taps_x), (stride_y, stride_x), (dilation_y, dilation_x) = (
        geometry.window,
        geometry.stride,
        geometry.dilation,
    )
    depth = layer.weights.shape[3]
    groups = channels // depth
    each = columns // groups
    matrix = layer.weights.reshape(columns, -1)
    pixels = geometry.batch * out_height * out_width
    pointwise = geometry.window == geometry.stride == (1, 1) and geometry.input[:2] == geometry.output[:2]
    if pointwise and groups == 1 and pixels == 1:
        one_row(plan, matrix, layer)
        return plan.done("one row")
    packed = [
        pack(plan, matrix[g * each : (g + 1) * each], None if layer.bias is None else layer.bias[g * each : (g + 1) * each])
        for g in range(groups)
    ]
    pixel, pitch = 4 * channels, 4 * channels * width
    out_pixel, out_pitch = 4 * columns, 4 * columns * out_width
    if pointwise:
        whole = pieces(plan, [(0, 0)], depth)
        for g, panels in enumerate(packed):
            multiply(
                plan, panels, whole, source() + 4 * g * depth, pixel, pixels, result() + 4 * g * each, out_pixel, layer.clamp
            )  # fmt: skip
        return plan.done(f"matrix product of {pixels} pixels")
    together = groups == 1 and dilation_x == 1  # a row of the filter is contiguous in the image
    tallest = TILES[target.name][packed[0][0].vectors]
    for y, x in itertools.product(stretches(geometry, 0), stretches(geometry, 1)):
        places = []
        for dy, dx in itertools.product(range(y.taps), range(1 if together and x.taps else x.taps)):
            tap = (y.first_tap + dy) * taps_x + x.first_tap + dx
            places.append((dy * dilation_y * pitch + dx * dilation_x * pixel, tap * depth))
        along = pieces(plan, places, depth * x.taps if together and x.taps else depth)
        across, down = (stride_x * pixel, x.count, out_pixel), (stride_y * pitch, y.count, out_pitch)
        if x.count < tallest and x.count < y.count:  # tiles stand upright where that fills them
            across, down = down, across
        (lda, rows, ldo), (a_line, lines, out_line) = across, down
        for n, (g, panels) in itertools.product(range(geometry.batch), enumerate(packed)):
            a = source() + (n * height * pitch + y.start * pitch + x.start * pixel + 4 * g * depth)
            out = result() + (n * out_height * out_pitch + y.first * out_pitch + x.first * out_pixel + 4 * g * each)
            multiply(plan, panels, along, a, lda, rows, out, ldo, layer.clamp, lines, a_line, out_line)
    return plan.done("matrix product in place")
