"""DEPTHWISE_CONV_2D over floats that are quantized on the fly: the float32 kernels sum its integers, exactly."""

from __future__ import annotations

import numpy as np

from ..float32.depthwise import convolve_depthwise
from ..float32.layer import Layer as FloatLayer
from ..float32.pieces import ANY, Clamping, spans
from ..language import F32, Function
from ..layer import Geometry
from ..pieces import store
from ..plan import Compiled, Family, Plan, result, source
from ..target import Target
from .layer import Layer, largest_sum, scaled
from .quantize import NUMBERS, quantize


def _write_scale(f: Function, lanes: int, scaling: str, ending: str, width: str) -> None:
    """out[image][pixel][block] of sums `a` as float32; parameters are [block][scale and bias][lane]."""
    row, vector, size = f.arguments(SCALE.slots), F32.x(lanes), 4 * lanes
    clamping = Clamping(ending, row.low, row.high)
    with f.loop(row.images, a=row.a, out=row.out, numbers=row.numbers) as image:
        row_scale = image.numbers.load(F32, 4).splat(lanes)
        with f.loop(row.pixels, a=image.a, out=image.out) as pixel:
            with f.loop(row.blocks, a=pixel.a, out=pixel.out, parameters=row.parameters) as block:
                scale, bias = block.parameters.load(vector), block.parameters.load(vector, size)
                real = clamping.apply(scaled(scaling, block.a.load(vector), row_scale, scale, bias))
                store(block.out, real, row.columns if width == "part" else None)
                block.a, block.out = block.a + size, block.out + size
                block.parameters = block.parameters + 2 * size
            pixel.a, pixel.out = pixel.a + row.pitch, pixel.out + row.pitch
        image.a, image.out, image.numbers = pixel.a, pixel.out, image.numbers + NUMBERS


SCALE = Family("dynscale", "*a *out *parameters *numbers #images #pixels #blocks #columns pitch low high", _write_scale)


def plan_depthwise(target: Target, geometry: Geometry, layer: Layer) -> Compiled | str:
    """Weights (1, h, w, output channels), output channel c * multiplier + m reading input channel c; a row an image."""
    plan = Plan(target)
    (height, width, in_channels), (out_height, out_width, channels) = geometry.input, geometry.output
    if geometry.is_empty or 0 in (*geometry.window, *geometry.input):
        return "no products to sum"
    if largest_sum(layer.weights.transpose(3, 0, 1, 2)) > 2**24:
        return "sums that float32 doesn't hold"
    size, pixels = height * width * in_channels, out_height * out_width
    centered = plan.reserve(4 * geometry.batch * size)
    numbers = quantize(
        plan, layer.quantizing, source(), geometry.batch, 1, size, centered, 0, out_step=4 * size, kind="floats"
    )
    plan.then()
    sums = plan.reserve(4 * geometry.batch * pixels * channels)
    why = convolve_depthwise(plan, geometry, FloatLayer(layer.weights.astype(np.float32), None, ANY), centered, sums)
    plan.then()
    ends = np.stack([layer.scale, layer.bias])
    for span in spans(target, channels):
        plan.row(
            SCALE, span.lanes, layer.scaling, layer.clamp.word, span.width,
            a=sums + 4 * span.first, out=result() + 4 * span.first,
            parameters=plan.constant(span.cut(ends).transpose(1, 0, 2)), numbers=numbers,
            images=geometry.batch, pixels=pixels, blocks=span.count, columns=span.columns, pitch=4 * channels,
            work=geometry.batch * pixels * span.count * 4, **layer.clamp.arguments,
        )  # fmt: skip
        if geometry.batch == 1:
            plan.divisible(SCALE, "pixels", a=4 * channels, out=4 * channels)
    return plan.done(f"quantized, {why}")
