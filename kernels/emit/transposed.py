"""TRANSPOSE_CONV over bytes: the outputs that lie a stride apart are a convolution with a part of the filter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import gemm
from .fill import padded_copy
from .layer import Geometry, Layer
from .plan import Compiled, Plan, result, source
from .target import Target


@dataclass(frozen=True, slots=True)
class Phase:
    """Along one axis, outputs first, first + stride, ... (`count` of them): taps, in the order of the inputs they see.

    start: the input that the first output's first tap sees; the next output's taps see the inputs after.
    """

    first: int
    count: int
    taps: tuple[int, ...]
    start: int


def phases(geometry: Geometry, axis: int) -> list[Phase]:
    """Output y sums tap k times input i where i * stride + k = y + before."""
    size, stride, found = geometry.window[axis], geometry.stride[axis], []
    for first in range(min(stride, geometry.output[axis])):
        reach = first + geometry.before[axis]
        taps = tuple(range(reach % stride, size, stride))[::-1]
        start = reach // stride - (len(taps) - 1) if taps else 0
        found.append(Phase(first, -(-(geometry.output[axis] - first) // stride), taps, start))
    return found


def plan_transposed(target: Target, geometry: Geometry, layer: Layer, input: int = 0) -> Compiled:
    """Weights (o, h, w, i). geometry.before: rows and columns of the full result that are cut off.

    input: which of the operation's inputs is the image.
    """
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    (height, width, channels), (_, out_width, columns) = geometry.input, geometry.output
    down, across = phases(geometry, 0), phases(geometry, 1)
    padding = beyond(down, height), beyond(across, width)
    pitch = (sum(padding[1]) + width) * channels
    values = layer.values()
    parts = []
    for y in down:
        for x in across:
            taps = np.ix_(range(columns), y.taps, x.taps)
            shape = columns, max(len(y.taps), 1), max(len(x.taps), 1) * channels
            weights = np.zeros(shape, values.dtype)  # without taps only the bias is left
            if y.taps and x.taps:
                weights[:] = values[taps].reshape(weights.shape)
            offsets = [row * pitch for row in range(weights.shape[1])]
            parts.append((y, x, gemm.pack(plan, layer.matrix(weights), offsets)))
    out_line = out_width * columns
    for n in range(geometry.batch):
        image = source(input) + n * height * width * channels
        if padding != ((0, 0), (0, 0)):
            image = padded_copy(plan, image, geometry.input, padding, layer.input.stored_zero)
        for y, x, packed in parts:
            begin = (y.start + padding[0][0]) * pitch + (x.start + padding[1][0]) * channels
            out = result() + (n * geometry.output[0] * out_line + y.first * out_line + x.first * columns)
            gemm.multiply(
                plan, packed, image + begin, channels, x.count, out, columns * geometry.stride[1], layer.finish,
                lines=y.count, a_line=pitch, out_line=geometry.stride[0] * out_line,
            )  # fmt: skip
    return plan.done(f"matrix products, {len(parts)} for the outputs a stride apart")


def beyond(found: list[Phase], length: int) -> tuple[int, int]:
    """How far the taps reach beyond the inputs, before and after."""
    before = max(-phase.start for phase in found)
    after = max(phase.start + phase.count + max(len(phase.taps), 1) - 1 - length for phase in found)
    return max(before, 0), max(after, 0)
