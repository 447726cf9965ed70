"""AVERAGE_POOL_2D and MAX_POOL_2D over float32: windows in place, cut at the border."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from ..language import F32, Function, Value
from ..layer import Geometry
from ..pieces import store
from ..plan import Compiled, Family, Place, Plan, float_bits, result, source
from ..pool import stretches
from ..target import Target
from .nines import plan_nines
from .pieces import Clamp, Clamping, Span, real, spans

VECTORS = 4
"""Vectors of channels that are summed at once where there are so many: a chain of additions takes its time."""


def _write_windows(f: Function, kind: str, lanes: int, vectors: int, ending: str, width: str) -> None:
    """`sum`: times `factor`; `mean`: divided by it; `most`: the greatest, beginning with `start`.

    `ending` nan: NaN becomes the bound.
    """
    row, vector, size = f.arguments(WINDOWS.slots), F32.x(lanes), 4 * lanes
    clamping = Clamping(ending, row.low, row.high)
    start, factor = real(row.start).splat(lanes), real(row.factor).splat(lanes)

    def next_of(best: Value, x: Value) -> Value:
        return x.max(best) if kind == "most" else best + x

    def end(best: Value) -> Value:
        return best * factor if kind == "sum" else best.divide(factor) if kind == "mean" else best

    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, a=line.a, out=line.out) as pixel:
            with f.loop(row.blocks, a=pixel.a, out=pixel.out) as block:
                with f.loop(row.taps_y, a=block.a, best=[start] * vectors) as y:
                    with f.loop(row.taps_x, a=y.a, best=y.best) as x:
                        x.best = [next_of(best, x.a.load(vector, size * j)) for j, best in enumerate(x.best)]
                        x.a = x.a + row.tap
                    y.best, y.a = x.best, y.a + row.line
                for j, best in enumerate(y.best):
                    store(block.out + size * j, clamping.apply(end(best)), row.columns if width == "part" else None)
                block.a, block.out = block.a + size * vectors, block.out + size * vectors
            pixel.a, pixel.out = pixel.a + row.a_pixel, pixel.out + row.out_pixel
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


WINDOWS = Family(
    "floatpool",
    "*a *out #pixels #lines a_pixel a_line out_pixel out_line #taps_y #taps_x line tap #blocks #columns start factor "
    "low high",
    _write_windows,
)


def _blocks(target: Target, channels: int) -> Iterator[tuple[Span, int, int, int]]:
    """(span, its first channel here, vectors at once, blocks): wide blocks first."""
    for span in spans(target, channels):
        wide = span.count // VECTORS
        if wide:
            yield span, span.first, VECTORS, wide
        if left := span.count - wide * VECTORS:
            yield span, span.first + wide * VECTORS * span.lanes, 1, left


@dataclass(frozen=True, slots=True)
class Windows:
    """`lines` of `pixels` windows of (y, x) taps, and distances in bytes: of inputs, outputs, and within a window."""

    pixels: int
    lines: int
    taps: tuple[int, int]
    a_steps: tuple[int, int]
    out_steps: tuple[int, int]
    tap_steps: tuple[int, int]


def plan_windows(
    plan: Plan, kind: str, ending: str, where: Windows, a: Place, out: Place, channels: int, **numbers: float
) -> None:
    """Rows for all channels; numbers: start, factor, low, high."""
    for span, first, vectors, blocks in _blocks(plan.target, channels):
        plan.row(
            WINDOWS,
            kind,
            span.lanes,
            vectors,
            ending,
            span.width,
            a=a + 4 * first,
            out=out + 4 * first,
            pixels=where.pixels,
            lines=where.lines,
            a_line=where.a_steps[0],
            a_pixel=where.a_steps[1],
            out_line=where.out_steps[0],
            out_pixel=where.out_steps[1],
            taps_y=where.taps[0],
            taps_x=where.taps[1],
            line=where.tap_steps[0],
            tap=where.tap_steps[1],
            blocks=blocks,
            columns=span.columns,
            work=where.pixels * where.lines * blocks * vectors * (where.taps[0] * where.taps[1] + 4),
            **{name: float_bits(number) for name, number in numbers.items()},
        )
        plan.divisible(WINDOWS, "lines", a=where.a_steps[0], out=where.out_steps[0])


def plan_average_pool(target: Target, geometry: Geometry, clamp: Clamp, xnnpack: bool) -> Compiled | str:
    """Means of the inputs inside each window.

    xnnpack: summed in that library's order and times the reciprocal of their number, NaN becoming the lower bound;
    else summed row by row and divided, NaN staying.
    """
    return (
        plan_nines(target, geometry, clamp) if xnnpack else _pool(target, "mean", geometry, clamp, 0.0, drop_nan=False)
    )


def plan_max_pool(target: Target, geometry: Geometry, clamp: Clamp, drop_nan: bool, lowest: float) -> Compiled | str:
    """The greatest input of each window and `lowest`; NaN is passed over."""
    return _pool(target, "most", geometry, clamp, lowest, drop_nan=drop_nan)


def _pool(
    target: Target, kind: str, geometry: Geometry, clamp: Clamp, start: float, *, drop_nan: bool
) -> Compiled | str:
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    if min(stretch.taps for axis in (0, 1) for stretch in stretches(geometry, axis)) < 1:
        return "a window lies wholly outside the image"
    (height, width, channels), (out_height, out_width, _) = geometry.input, geometry.output
    pixel, pitch, out_pitch = 4 * channels, 4 * width * channels, 4 * out_width * channels
    for n, y, x in itertools.product(range(geometry.batch), stretches(geometry, 0), stretches(geometry, 1)):
        taps = (1, y.taps * x.taps) if x.taps == width else (y.taps, x.taps)  # whole rows are one long row
        where = Windows(
            x.count,
            y.count,
            taps,
            (geometry.stride[0] * pitch, geometry.stride[1] * pixel),
            (out_pitch, pixel),
            (pitch, pixel),
        )
        a = source() + ((n * height + y.start) * pitch + x.start * pixel)
        out = result() + ((n * out_height + y.first) * out_pitch + x.first * pixel)
        numbers = {"start": start, "factor": y.taps * x.taps, "low": clamp.low, "high": clamp.high}
        plan_windows(plan, kind, "nan" if drop_nan else clamp.word, where, a, out, channels, **numbers)
    return plan.done("windows in place")
