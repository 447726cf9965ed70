"""CONV_2D over float32 as matrix products in place: any filter size, stride, dilation and groups."""

from __future__ import annotations

import itertools
from dataclasses import replace

from ..layer import Geometry
from ..plan import Compiled, Place, Plan, result, source
from ..target import Target
from .dense import one_row
from .gemm import TILES, Panel, Pieces, multiply, pack, pieces
from .layer import Layer, Stretch, stretches


def plan_convolution(target: Target, geometry: Geometry, layer: Layer) -> Compiled:
    """Weights (o, h, w, i), i being input channels / groups."""
    plan = Plan(target)
    return plan.done(convolve(plan, geometry, layer, source(), result()))


def convolve(plan: Plan, geometry: Geometry, layer: Layer, image: Place, result: Place) -> str:
    """Rows that do so from `image` to `result`; which kernels and why."""
    if geometry.is_empty:
        return "nothing to compute"
    columns, depth = geometry.output[2], layer.weights.shape[3]
    groups = geometry.input[2] // depth
    pixels = geometry.batch * geometry.output[0] * geometry.output[1]
    flat = replace(layer, weights=layer.weights.reshape(columns, -1))
    pointwise = geometry.window == geometry.stride == (1, 1) and geometry.input[:2] == geometry.output[:2]
    if pointwise and groups == 1 and pixels == 1:
        one_row(plan, flat, image, result)
        return "one row"
    each = columns // groups
    for g in range(groups):
        part = flat.part(slice(g * each, (g + 1) * each))
        packed = pack(plan, part.weights, part.bias)
        a, out = image + 4 * g * depth, result + 4 * g * each
        if pointwise:
            whole = pieces(plan, [(0, 0)], depth)
            multiply(plan, packed, whole, a, 4 * groups * depth, pixels, out, 4 * columns, layer)
        else:
            _multiply_windows(plan, geometry, packed, depth, a, out, layer)
    return f"matrix product of {pixels} pixels" if pointwise else "matrix product in place"


def _multiply_windows(
    plan: Plan, geometry: Geometry, packed: list[Panel], depth: int, a: Place, out: Place, layer: Layer
) -> None:
    """Rows for one group, from its first input channel to its first output channel."""
    (height, width, channels), (out_height, out_width, columns) = geometry.input, geometry.output
    pixel, pitch = 4 * channels, 4 * channels * width
    out_pixel, out_pitch = 4 * columns, 4 * columns * out_width
    tallest = TILES[plan.target.name][packed[0].vectors]
    for y, x in itertools.product(stretches(geometry, 0), stretches(geometry, 1)):
        inside = _taps(plan, geometry, depth, y, x)
        across = (geometry.stride[1] * pixel, x.count, out_pixel)
        down = (geometry.stride[0] * pitch, y.count, out_pitch)
        if x.count < tallest and x.count < y.count:  # tiles stand upright where that fills them
            across, down = down, across
        (lda, rows, ldo), (a_line, lines, out_line) = across, down
        for n in range(geometry.batch):
            first = a + (n * height * pitch + y.start * pitch + x.start * pixel)
            first_out = out + (n * out_height * out_pitch + y.first * out_pitch + x.first * out_pixel)
            multiply(plan, packed, inside, first, lda, rows, first_out, ldo, layer, lines, a_line, out_line)


def _taps(plan: Plan, geometry: Geometry, depth: int, y: Stretch, x: Stretch) -> Pieces:
    """The taps inside the image. A row of the filter is one piece where it is contiguous in the image."""
    _, width, channels = geometry.input
    together = channels == depth and geometry.dilation[1] == 1
    places = []
    for dy, dx in itertools.product(range(y.taps), range(min(x.taps, 1) if together else x.taps)):
        distance = dy * geometry.dilation[0] * width + dx * geometry.dilation[1]
        tap = (y.first_tap + dy) * geometry.window[1] + x.first_tap + dx
        places.append((4 * channels * distance, tap * depth))
    return pieces(plan, places, depth * x.taps if together else depth)
