"""AVERAGE_POOL_2D, MAX_POOL_2D and MEAN over int16: windows that lie wholly inside the image, as rectangles of them."""

from __future__ import annotations

import itertools

import numpy as np

from .. import rounding
from ..language import F64, I16, I32, Function, Value
from ..layer import Geometry
from ..pieces import store
from ..plan import NOWHERE, Compiled, Family, Plan, result, source
from ..pool import stretches, window_sizes
from ..target import Target
from .layer import Halfwords


def _write_windows(f: Function, kind: str) -> None:
    """`largest`; `average`: the mean rounded half away from zero; else a rounding rule's piece, applied to sums."""
    row, lanes = f.arguments(WIDE_WINDOWS.slots), f.target.lanes
    words = I16.x(lanes)
    halfwords = Halfwords(f, row.low, row.top, "clamp")
    start = f.constant(-(2**15) if kind == "largest" else 0, I32.x(lanes))
    numbers = [] if kind in ("largest", "average") else rounding.load_sections(f, kind, row.numbers, 0, 1, lanes)

    def finished(total: Value) -> Value:
        if kind == "largest":
            return total
        if kind != "average":
            return rounding.apply(f, kind, total, numbers)
        count = row.count.convert("sitofp", F64)
        half = row.count.shift_right_unsigned(1).convert("sitofp", F64)
        real, halves = total.convert("sitofp", F64), half.splat(lanes)
        moved = real + (real < 0.0).select(halves * -1.0, halves)
        return moved.divide(count.splat(lanes)).convert("fptosi", I32)

    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, a=line.a, out=line.out) as pixel:
            with f.loop(row.blocks, a=pixel.a, out=pixel.out, left=row.columns) as block:
                with f.loop(row.taps_y, a=block.a, total=start) as y:
                    with f.loop(row.taps_x, a=y.a, total=y.total) as x:
                        read = x.a.load(words).signed(I32)
                        x.total = x.total.max(read) if kind == "largest" else x.total + read
                        x.a = x.a + row.tap
                    y.total, y.a = x.total, y.a + row.line
                store(block.out, halfwords.narrow([finished(y.total)]), block.left.min(lanes))
                block.a, block.out, block.left = block.a + 2 * lanes, block.out + 2 * lanes, block.left - lanes
            pixel.a, pixel.out = pixel.a + row.a_pixel, pixel.out + row.out_pixel
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


WIDE_WINDOWS = Family(
    "widewindows",
    "*a *out #pixels #lines a_pixel a_line out_pixel out_line #taps_y #taps_x line tap #blocks #columns #count "
    "*numbers low top",
    _write_windows,
)


def plan_pool(target: Target, kind: str, geometry: Geometry, low: int, high: int) -> Compiled | str:
    """`largest` or `average` of each window, of what of it lies inside the image."""
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    sizes = window_sizes(geometry)
    if min(sizes) < 1:
        return "a window lies wholly outside the image"
    if max(sizes) >= 1 << 16:
        return f"a window of {max(sizes)} inputs has sums beyond int32"
    (height, width, channels), (out_height, out_width, _) = geometry.input, geometry.output
    pitch, out_pitch = 2 * width * channels, 2 * out_width * channels
    for n, y, x in itertools.product(range(geometry.batch), stretches(geometry, 0), stretches(geometry, 1)):
        plan.row(
            WIDE_WINDOWS,
            kind,
            a=source() + ((n * height + y.start) * pitch + 2 * x.start * channels),
            out=result() + ((n * out_height + y.first) * out_pitch + 2 * x.first * channels),
            pixels=x.count,
            lines=y.count,
            a_pixel=geometry.stride[1] * 2 * channels,
            a_line=geometry.stride[0] * pitch,
            out_pixel=2 * channels,
            out_line=out_pitch,
            taps_y=y.taps,
            taps_x=x.taps,
            line=pitch,
            tap=2 * channels,
            blocks=-(-channels // target.lanes),
            columns=channels,
            count=y.taps * x.taps,
            numbers=NOWHERE,
            low=low,
            top=high,
            work=x.count * y.count * -(-channels // target.lanes) * (2 * y.taps * x.taps + 20),
        )
        plan.divisible(WIDE_WINDOWS, "lines", a=geometry.stride[0] * pitch, out=out_pitch)
    return plan.done("vectors of sums" if kind == "average" else "vectors")


def plan_mean(target: Target, outer: int, reduced: int, inner: int, rule: rounding.Rule) -> Compiled:
    """rule(sum) of (outer, reduced, inner) over the middle, by a rule of one channel; sums wrap."""
    plan = Plan(target)
    if outer * inner:
        plan.row(
            WIDE_WINDOWS,
            rule.piece(np.zeros(0)),
            a=source(),
            out=result(),
            pixels=outer,
            lines=1,
            a_pixel=2 * reduced * inner,
            a_line=0,
            out_pixel=2 * inner,
            out_line=0,
            taps_y=1,
            taps_x=reduced,
            line=0,
            tap=2 * inner,
            blocks=-(-inner // target.lanes),
            columns=inner,
            count=reduced,
            numbers=plan.constant(np.concatenate(rule.sections(np.zeros(target.lanes, np.intp)))),
            low=-(2**15),
            top=2**15 - 1,
            work=outer * -(-inner // target.lanes) * (2 * reduced + 20),
        )
    return plan.done("vectors of sums")
