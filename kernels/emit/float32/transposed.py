"""TRANSPOSE_CONV over float32: the outputs that lie a stride apart are a convolution with a part of the filter."""

from __future__ import annotations

import numpy as np

from ..fill import padded_copy
from ..layer import Geometry
from ..plan import Compiled, Plan, result, source
from ..target import Target
from ..transposed import beyond, phases
from .gemm import multiply, pack, pieces
from .layer import Layer


def plan_transposed(target: Target, geometry: Geometry, layer: Layer, input: int = 0) -> Compiled:
    """Weights (o, h, w, i); as `..transposed.plan_transposed`."""
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    (height, width, channels), (_, out_width, columns) = geometry.input, geometry.output
    down, across = phases(geometry, 0), phases(geometry, 1)
    padding = beyond(down, height), beyond(across, width)
    pixel, pitch = 4 * channels, 4 * (sum(padding[1]) + width) * channels
    parts = []
    for y in down:
        for x in across:
            depth = len(x.taps) * channels
            weights = np.zeros((columns, 0), np.float32)
            if y.taps and x.taps:
                weights = layer.weights[np.ix_(range(columns), y.taps, x.taps)].reshape(columns, -1)
            places = [(row * pitch, row * depth) for row in range(len(y.taps))]
            parts.append((y, x, pack(plan, weights, layer.bias), pieces(plan, places, depth)))
    out_line = 4 * out_width * columns
    for n in range(geometry.batch):
        image = source(input) + n * height * width * pixel
        if padding != ((0, 0), (0, 0)):
            image = padded_copy(plan, image, (height, width, pixel), padding, 0)
        for y, x, packed, along in parts:
            begin = (y.start + padding[0][0]) * pitch + (x.start + padding[1][0]) * pixel
            out = result() + (n * geometry.output[0] * out_line + y.first * out_line + 4 * x.first * columns)
            multiply(
                plan, packed, along, image + begin, pixel, x.count, out, 4 * columns * geometry.stride[1], layer,
                lines=y.count, a_line=pitch, out_line=geometry.stride[0] * out_line,
            )  # fmt: skip
    return plan.done(f"matrix products, {len(parts)} for the outputs a stride apart")
