"""CONV_2D over bytes as a matrix product on a padded copy: any filter size, stride, dilation and groups."""

from __future__ import annotations

from . import gemm
from .dense import one_row
from .fill import padded_copy
from .layer import Geometry, Layer
from .plan import Compiled, Plan, result, source
from .target import Target


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
    group_columns = columns // groups
    row_pitch = (sum(geometry.padding[1]) + width) * channels
    pixels = geometry.batch * out_height * out_width
    if groups == 1 and dilation_x == 1:  # a row of the filter is contiguous in the image
        offsets = [y * dilation_y * row_pitch for y in range(taps_y)]
        matrix = layer.matrix(layer.values().reshape(columns, taps_y, taps_x * channels))
    else:
        offsets = [y * dilation_y * row_pitch + x * dilation_x * channels for y in range(taps_y) for x in range(taps_x)]
        matrix = layer.matrix(layer.values().reshape(columns, taps_y * taps_x, depth))
    pointwise = geometry.window == geometry.stride == (1, 1) and not geometry.is_padded
    if pointwise and groups == 1 and pixels == 1:
        one_row(plan, matrix, source(), result(), layer.finish)
        return plan.done("one row")
    packed = [
        gemm.pack(plan, matrix.part(slice(g * group_columns, (g + 1) * group_columns)), offsets) for g in range(groups)
    ]
    if pointwise:
        for g, part in enumerate(packed):
            out = result() + g * group_columns
            gemm.multiply(plan, part, source() + g * depth, channels, pixels, out, columns, layer.finish)
        return plan.done(f"matrix product of {pixels} pixels")
    for n in range(geometry.batch):
        image = source() + n * height * width * channels
        if geometry.is_padded:
            image = padded_copy(plan, image, geometry.input, geometry.padding, layer.input.stored_zero)
        for g, part in enumerate(packed):
            out = result() + (n * out_height * out_width * columns + g * group_columns)
            gemm.multiply(
                plan, part, image + g * depth, channels * stride_x, out_width, out, columns, layer.finish,
                lines=out_height, a_line=row_pitch * stride_y, out_line=out_width * columns,
            )  # fmt: skip
    return plan.done(f"matrix product {'on a padded copy' if geometry.is_padded else 'in place'}")
