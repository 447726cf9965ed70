"""CONV_2D over bytes as a matrix product on a padded copy: any filter size, stride, dilation and groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import gemm
from .fill import padded_copy
from .gemm import GEMM
from .plan import Compiled, Eight, Plan, result, source
from .rounding import Rule
from .target import Target

Padding = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shapes of a 2-d window operation on (n, h, w, c). Padding ((top, bottom), (left, right)) may be more than is read."""

    batch: int
    input: tuple[int, int, int]
    output: tuple[int, int, int]
    window: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)

    @property
    def padding(self) -> Padding:
        """What must surround the image so that every window lies inside: ((top, bottom), (left, right))."""
        sides = []
        for axis in (0, 1):
            reach = (self.output[axis] - 1) * self.stride[axis] + (self.window[axis] - 1) * self.dilation[axis] + 1
            sides.append((self.before[axis], max(0, reach - self.input[axis] - self.before[axis])))
        return sides[0], sides[1]


def plan_convolution(
    target: Target,
    geometry: Geometry,
    weights: npt.NDArray[np.generic],
    weight_zero_point: int,
    bias: npt.NDArray[np.generic] | None,
    input: Eight,
    output: Eight,
    low: int,
    high: int,
    rule: Rule,
) -> Compiled:
    """weights int8 or uint8 (o, h, w, i), i being input channels / groups; bias int32 (o,).

    low, high: bounds of the fused activation, quantized. The rule has a number per output channel.
    """
    plan = Plan(target)
    (height, width, channels), (out_height, out_width, columns) = geometry.input, geometry.output
    kernel_height, kernel_width = geometry.window
    stride, dilation = geometry.stride, geometry.dilation
    v = weights.astype(np.int32) - weight_zero_point
    sums = np.zeros(columns, np.int64) if bias is None else bias.astype(np.int64)
    groups = channels // weights.shape[3]
    per_group, group_columns = weights.shape[3], columns // groups
    finish = (output.stored_zero, low + output.offset, high + output.offset)
    pointwise = geometry.window == (1, 1) and geometry.padding == ((0, 0), (0, 0))
    (top, bottom), (left, right) = geometry.padding
    row_pitch = (left + width + right) * channels
    if dilation[1] == 1 and groups == 1:
        offsets = [y * dilation[0] * row_pitch for y in range(kernel_height)]
        v = v.reshape(columns, kernel_height, kernel_width * channels)
    else:
        offsets = [
            y * dilation[0] * row_pitch + x * dilation[1] * channels
            for y in range(kernel_height)
            for x in range(kernel_width)
        ]
        v = v.reshape(columns, kernel_height * kernel_width, per_group)
    packed = [
        gemm.pack(plan, v[chosen], sums[chosen], offsets, input, rule.take(chosen))
        for chosen in (slice(g * group_columns, (g + 1) * group_columns) for g in range(groups))
    ]
    if pointwise and stride == (1, 1):
        for g, part in enumerate(packed):
            gemm.multiply(
                plan, part, source() + g * per_group, channels, geometry.batch * height * width,
                result() + g * group_columns, columns, finish,
            )  # fmt: skip
        return plan.done(f"matrix product of {geometry.batch * height * width} pixels")
    for n in range(geometry.batch):
        image = source() + n * height * width * channels
        if any((top, bottom, left, right)):
            image = padded_copy(plan, image, height, width, channels, geometry.padding, input.stored_zero)
        for g, part in enumerate(packed):
            gemm.multiply(
                plan, part, image + g * per_group, channels * stride[1], out_width,
                result() + (n * out_height * out_width * columns + g * group_columns), columns, finish,
                lines=out_height, a_line=row_pitch * stride[0], out_line=out_width * columns,
            )  # fmt: skip
    return plan.done(
        "matrix product on a padded copy" if any((top, bottom, left, right)) else "matrix product in place"
    )


__all__ = ["GEMM", "Geometry", "plan_convolution"]
