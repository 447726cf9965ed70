"""FULLY_CONNECTED and CONV_2D over floats that are quantized on the fly: a quantized copy, then a matrix product."""

from __future__ import annotations

from dataclasses import replace

from ..layer import Geometry
from ..plan import Compiled, Plan, result, source
from ..target import Target
from .gemm import WIDEST, multiply, pack
from .layer import Layer, largest_sum
from .quantize import quantize

TOO_LARGE = "sums may leave int32"


def plan_dense(target: Target, rows: int, layer: Layer) -> Compiled | str:
    """FULLY_CONNECTED with weights (columns, k) over `rows` rows of k floats, each quantized by itself."""
    plan = Plan(target)
    columns, k = layer.weights.shape
    if 0 in (rows, columns, k):
        return "no products to sum"
    if largest_sum(layer.weights) >= 2**31:
        return TOO_LARGE
    _rows(plan, rows, replace(layer, weights=layer.weights.reshape(columns, 1, k)))
    return plan.done(f"matrix product of {rows} quantized rows")


def _rows(plan: Plan, rows: int, layer: Layer) -> None:
    """Weights (columns, 1, k) times rows of k floats."""
    columns, _, k = layer.weights.shape
    pitch = -(-k // 64) * 64
    copy = plan.reserve(rows * pitch)
    numbers = quantize(plan, layer.quantizing, source(), rows, 1, k, copy, 0, out_step=pitch)
    plan.then()
    packed = pack(plan, layer, [0], WIDEST if rows == 1 else 0)
    multiply(plan, packed, copy, pitch, rows, numbers, result(), 4 * columns, layer, one_row_each=True)


def plan_convolution(target: Target, geometry: Geometry, layer: Layer, rows: int) -> Compiled | str:
    """Weights (o, h, w, i), i being input channels / groups. Quantized in `rows` rows: images, or pixels of 1x1."""
    plan = Plan(target)
    depth = layer.weights.shape[3]
    if geometry.is_empty or 0 in (*geometry.window, *geometry.input):
        return "no products to sum"
    if largest_sum(layer.weights) >= 2**31:
        return TOO_LARGE
    (height, width, channels), (out_height, out_width, columns) = geometry.input, geometry.output
    if rows != geometry.batch:
        _rows(plan, rows, replace(layer, weights=layer.weights.reshape(columns, 1, channels)))
        return plan.done(f"matrix product of {rows} quantized pixels")
    (taps_y, taps_x), (stride_y, stride_x), (dilation_y, dilation_x) = (
        geometry.window,
        geometry.stride,
        geometry.dilation,
    )
    (top, bottom), (left, right) = geometry.padding
    pitch, groups = (left + width + right) * channels, channels // depth
    together = groups == 1 and dilation_x == 1  # a row of the filter is contiguous in the image
    pieces = (taps_y, 1, taps_x * channels) if together else (taps_y, taps_x, depth)
    offsets = [y * dilation_y * pitch + x * dilation_x * channels for y in range(pieces[0]) for x in range(pieces[1])]
    flat = replace(layer, weights=layer.weights.reshape(columns, len(offsets), pieces[2]))
    each = columns // groups
    packed = [pack(plan, flat.part(slice(g * each, (g + 1) * each)), offsets) for g in range(groups)]
    size = (top + height + bottom) * pitch
    step = -(-(size + 64) // 64) * 64
    copy = plan.reserve(geometry.batch * step)
    lines, line = (height, width * channels) if left + right else (1, height * width * channels)
    numbers = quantize(
        plan, layer.quantizing, source(), rows, lines, line, copy, pitch,
        before=top * pitch + left * channels, fill=size if geometry.is_padded else 0, out_step=step,
    )  # fmt: skip
    plan.then()
    whole = geometry.window == geometry.stride == (1, 1) and not geometry.is_padded
    across, down = (out_height * out_width, 1) if whole else (out_width, out_height)
    for n in range(geometry.batch):
        for g, part in enumerate(packed):
            out = result() + 4 * (n * out_height * out_width * columns + g * each)
            multiply(
                plan, part, copy + (n * step + g * depth), stride_x * channels, across, numbers + 8 * n,
                out, 4 * columns, layer,
                lines=down, a_line=stride_y * pitch, out_line=4 * out_width * columns,
            )  # fmt: skip
    return plan.done("matrix product on a quantized copy")
