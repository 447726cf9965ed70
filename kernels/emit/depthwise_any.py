"""Depthwise convolution of any size, stride and dilation: on a padded copy, taps by a table of offsets."""

from __future__ import annotations

import numpy as np

from . import rounding
from .channels import channel_blocks, pack_block
from .fill import REPEAT, padded_copy
from .language import I8, I32, I64, Function
from .layer import Geometry, Matrix
from .pieces import Narrowing, dot, interleave, store
from .plan import Family, Finish, Plan, result, source


def _write_any(f: Function, lanes: int, rule: str, ending: str, width: str) -> None:
    """4 * lanes channels of each pixel, as many groups of four taps as the table has."""
    row, vector, size, block = f.arguments(ANY.slots), I32.x(lanes), 4 * lanes, I8.x(4 * lanes)
    narrowing = Narrowing(f, row.finish, ending)
    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, a=line.a, out=line.out) as pixel:
            with f.loop(row.blocks, a=pixel.a, w=row.w, parameters=row.parameters, out=pixel.out) as b:
                bias = [b.parameters.load(vector, size * j) for j in range(4)]
                with f.loop(row.groups, tap=row.taps, w=b.w, sums=bias) as g:
                    four = interleave([(b.a + g.tap.load(I64, 8 * i, 8)).load(block) for i in range(4)])
                    g.sums = [dot(g.sums[j], four[j], g.w.load(vector, size * j)) for j in range(4)]
                    g.tap, g.w = g.tap + 32, g.w + 4 * size
                numbers = [rounding.load(f, rule, b.parameters, j, 4, lanes) for j in range(4)]
                rounded = [rounding.apply(f, rule, g.sums[j], numbers[j]) for j in range(4)]
                store(b.out, narrowing.narrow(rounded), row.columns if width == "part" else None)
                b.a, b.w, b.out = b.a + 4 * lanes, g.w, b.out + 4 * lanes
                b.parameters = b.parameters + 4 * size * (1 + rounding.SECTIONS[rule])
            pixel.a, pixel.out = pixel.a + row.pixel_pitch, pixel.out + row.out_pitch
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


ANY = Family(
    "depthany",
    "*a *taps #groups pixel_pitch *w *parameters *out out_pitch #columns finish #pixels #lines a_line out_line #blocks",
    _write_any,
)


def plan_any(plan: Plan, geometry: Geometry, matrix: Matrix, finish: Finish) -> None:
    """Rows for weights (output channels, taps); with a channel multiplier, input channels are repeated first."""
    (height, width, in_channels), (out_height, out_width, channels) = geometry.input, geometry.output
    (taps_y, taps_x), (dilation_y, dilation_x) = geometry.window, geometry.dilation
    taps = taps_y * taps_x
    groups = [np.array([t if t < taps else -1 for t in range(g, g + 4)], np.intp) for g in range(0, taps, 4)]
    blocks = channel_blocks(plan.target, channels)
    packed = [pack_block(plan, matrix, block, block.chosen(channels), [groups]) for block in blocks]
    pitch = (sum(geometry.padding[1]) + width) * channels
    offsets = [y * dilation_y * pitch + x * dilation_x * channels for y in range(taps_y) for x in range(taps_x)]
    offsets += [0] * (-taps % 4)  # their weights are zero
    table = plan.constant(np.array(offsets * max(part.sets for part in packed), np.int64))
    for n in range(geometry.batch):
        image = source() + n * height * width * in_channels
        if channels > in_channels:
            count = height * width * in_channels
            repeated = plan.reserve(height * width * channels)
            times = channels // in_channels
            plan.row(REPEAT, source=image, target=repeated, count=count, times=times, work=count * times)
            plan.then()
            image = repeated
        if geometry.is_padded:
            image = padded_copy(plan, image, (height, width, channels), geometry.padding, matrix.input.stored_zero)
        for part in packed:
            block = part.block
            plan.row(
                ANY,
                block.lanes,
                part.rule,
                finish.word,
                block.width,
                a=image + block.first,
                taps=table,
                groups=len(groups) * part.sets,
                pixel_pitch=channels * geometry.stride[1],
                w=part.weights,
                parameters=part.parameters,
                out=result() + (n * out_height * out_width * channels + block.first),
                out_pitch=channels,
                columns=block.columns,
                finish=finish.argument,
                pixels=out_width,
                lines=out_height,
                a_line=pitch * geometry.stride[0],
                out_line=out_width * channels,
                blocks=block.count,
                work=out_height * out_width * block.count * (16 * len(groups) * part.sets + 40),
            )
            plan.divisible(ANY, "lines", a=pitch * geometry.stride[0], out=out_width * channels)
