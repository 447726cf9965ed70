"""DEPTHWISE_CONV_2D over float32: any shape, in place.

Outputs whose whole window lies in the image keep the filter in registers; the others, and large filters, go through a
table of the taps that lie inside.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..language import F32, I64, Function, Value
from ..layer import Geometry
from ..pieces import store
from ..plan import Compiled, Family, Place, Plan, result, source
from ..target import Target
from .convolution import convolve
from .layer import Floats, Layer, stretches
from .pieces import Clamping, Order, Summing, spans

LARGEST = 25
"""Taps of the largest filter that is kept in registers (where there are so many)."""

_SLOTS = "*a *w *out #columns #blocks #pixels #lines a_pixel a_line out_pixel out_line low high"


def _write_window(
    f: Function, taps_y: int, taps_x: int, kept: int, rows: int, lanes: int, order: str, ending: str, width: str
) -> None:
    """All pixels of a block of channels before the next block, `rows` rows of outputs (a stride of 1 apart) at once.

    `kept` columns of a window serve the next pixel too.
    """
    row, vector, size = f.arguments(WINDOW.slots), F32.x(lanes), 4 * lanes
    summing, clamping = Summing(order), Clamping(ending, row.low, row.high)
    steps = [f.constant(0, I64)]
    for _ in range(1, taps_x):
        steps.append(steps[-1] + row.tap)

    def column(starts: list[Value], x: int) -> list[Value]:
        return [start.load(vector, steps[x]) for start in starts]

    with f.loop(row.blocks, a=row.a, w=row.w, out=row.out) as block:
        bias, *weights = [block.w.load(vector, size * i) for i in range(1 + taps_y * taps_x)]
        with f.loop(row.lines, a=block.a, out=block.out) as line:
            starts = [line.a]
            for _ in range(1, taps_y + rows - 1):
                starts.append(starts[-1] + row.tap_line)
            first = [column(starts, x) for x in range(kept)]
            with f.loop(row.pixels, starts=starts, kept=first, out=line.out) as pixel:
                window = pixel.kept + [column(pixel.starts, x) for x in range(kept, taps_x)]
                out = pixel.out
                for r in range(rows):
                    sum_ = summing.start(bias)
                    for y, x in _tap_order(summing.order, taps_y, taps_x):
                        sum_ = summing.add(sum_, window[x][y + r], weights[y * taps_x + x])
                    store(out, clamping.apply(summing.end(sum_, bias)), row.columns if width == "part" else None)
                    out = out + row.out_line
                pixel.starts, pixel.out = [start + row.a_pixel for start in pixel.starts], pixel.out + row.out_pixel
                pixel.kept = window[taps_x - kept :]
            line.a, line.out = line.a + row.a_line * rows, line.out + row.out_line * rows
        block.a, block.out = block.a + size, block.out + size
        block.w = block.w + size * (1 + taps_y * taps_x)


WINDOW = Family("floatwindow", f"{_SLOTS} tap tap_line", _write_window)


def _write_taps(f: Function, lanes: int, order: str, ending: str, width: str) -> None:
    """Pixel by pixel, each block of channels over the table's taps: (bytes from the pixel, number in the filter)."""
    row, vector, size = f.arguments(TAPS.slots), F32.x(lanes), 4 * lanes
    summing, clamping = Summing(order), Clamping(ending, row.low, row.high)
    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, a=line.a, out=line.out) as pixel:
            with f.loop(row.blocks, a=pixel.a, w=row.w, out=pixel.out) as block:
                bias = block.w.load(vector)
                with f.loop(row.tap_count, True, tap=row.taps, sum=summing.start(bias)) as each:
                    x = block.a.load(vector, each.tap.load(I64, 0, 8))
                    weights = block.w.load(vector, each.tap.load(I64, 8, 8) * size + size)
                    each.sum, each.tap = summing.add(each.sum, x, weights), each.tap + 16
                store(block.out, clamping.apply(summing.end(each.sum, bias)), row.columns if width == "part" else None)
                block.a, block.out, block.w = block.a + size, block.out + size, block.w + row.block_bytes
            pixel.a, pixel.out = pixel.a + row.a_pixel, pixel.out + row.out_pixel
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


TAPS = Family("floattaps", f"{_SLOTS} *taps tap_count block_bytes", _write_taps)


def _write_repeat(f: Function) -> None:
    """Copies floats, each `times` times in a row."""
    row = f.arguments(REPEAT.slots)
    with f.loop(row.count, source=row.source, target=row.target) as each:
        number = each.source.load(F32)
        with f.loop(row.times, target=each.target) as again:
            again.target.store(number)
            again.target = again.target + 4
        each.source, each.target = each.source + 4, again.target


REPEAT = Family("floatrepeat", "*source *target #count #times", _write_repeat)


def plan_depthwise(target: Target, geometry: Geometry, layer: Layer) -> Compiled:
    """Weights (1, h, w, output channels), output channel c * multiplier + m reading input channel c.

    Of one input channel and several of output, never in the order DOWN.
    """
    plan = Plan(target)
    return plan.done(convolve_depthwise(plan, geometry, layer, source(), result()))


def convolve_depthwise(plan: Plan, geometry: Geometry, layer: Layer, image: Place, out: Place) -> str:
    """Rows that do so from `image` to `out`; which kernels and why."""
    (height, width, in_channels), (out_height, out_width, channels) = geometry.input, geometry.output
    (taps_y, taps_x), (stride_y, stride_x) = geometry.window, geometry.stride
    if in_channels == 1 and channels > 1:
        return convolve(plan, geometry, replace(layer, weights=layer.weights.transpose(3, 1, 2, 0)), image, out)
    if geometry.is_empty:
        return "nothing to compute"
    if channels > in_channels:
        count, times = geometry.batch * height * width * in_channels, channels // in_channels
        repeated = plan.reserve(4 * count * times)
        plan.row(REPEAT, source=image, target=repeated, count=count, times=times, work=count * times)
        image = repeated
        plan.then()
    pixel, pitch, out_pitch = 4 * channels, 4 * channels * width, 4 * channels * out_width
    tap, tap_line = geometry.dilation[1] * pixel, geometry.dilation[0] * pitch
    kept, together = _sharing(plan.target, geometry)
    filters = _with_bias(layer, channels)
    for span in spans(plan.target, channels):
        w = plan.constant(span.cut(filters).transpose(1, 0, 2))
        for y, x in itertools.product(stretches(geometry, 0), stretches(geometry, 1)):
            inside = (y.taps, x.taps) == geometry.window and taps_y * taps_x <= LARGEST
            more: dict[str, int | Place] = {"tap": tap, "tap_line": tap_line}
            if not inside:
                table = [
                    (dy * tap_line + dx * tap, (y.first_tap + dy) * taps_x + x.first_tap + dx)
                    for dy, dx in _tap_order(layer.order, y.taps, x.taps)
                ]
                more = {"taps": plan.constant(np.array(table, np.int64)), "tap_count": len(table)}
                more["block_bytes"] = 4 * span.lanes * len(filters)
            for n, (first, lines, rows) in itertools.product(
                range(geometry.batch), _line_groups(y.count, together if inside else 1)
            ):
                top, out_top = y.start + first * stride_y, y.first + first
                plan.row(
                    WINDOW if inside else TAPS,
                    *((taps_y, taps_x, kept, rows) if inside else ()),
                    span.lanes,
                    layer.order.value,
                    layer.clamp.word,
                    span.width,
                    a=image + ((n * height + top) * pitch + x.start * pixel + 4 * span.first),
                    w=w,
                    out=out + ((n * out_height + out_top) * out_pitch + x.first * pixel + 4 * span.first),
                    columns=span.columns,
                    blocks=span.count,
                    pixels=x.count,
                    lines=lines,
                    a_pixel=stride_x * pixel,
                    a_line=stride_y * pitch,
                    out_pixel=pixel,
                    out_line=out_pitch,
                    work=lines * rows * x.count * span.count * (y.taps * x.taps + 4) * (1 if inside else 2),
                    **more,
                    **layer.clamp.arguments,
                )
                family = WINDOW if inside else TAPS
                plan.divisible(family, "lines", a=rows * stride_y * pitch, out=rows * out_pitch)
    return "filter in registers where windows lie inside" if taps_y * taps_x <= LARGEST else "taps by a table"


def _tap_order(order: Order, taps_y: int, taps_x: int) -> Iterable[tuple[int, int]]:
    """(y, x) of the filter's taps in the order in which they are added."""
    rows_outside = itertools.product(range(taps_y), range(taps_x))
    return rows_outside if order is not Order.DOWN else ((y, x) for x in range(taps_x) for y in range(taps_y))


def _sharing(target: Target, geometry: Geometry) -> tuple[int, int]:
    """Columns of a window that serve the next pixel too, and output rows at once: as registers allow."""
    (taps_y, taps_x), (stride_y, stride_x) = geometry.window, geometry.stride
    taps = taps_y * taps_x
    if geometry.dilation != (1, 1) or stride_x >= taps_x or 2 * taps + 2 > target.registers:
        return 0, 1
    two = stride_y == 1 and 2 * taps + taps_x + 4 <= target.registers
    return taps_x - stride_x, 2 if two else 1


def _line_groups(lines: int, together: int) -> list[tuple[int, int, int]]:
    """(first line, groups, lines of a group) that cover `lines`."""
    groups, rest = divmod(lines, together)
    runs = [(0, groups, together)] if groups else []
    return [*runs, (lines - rest, rest, 1)] if rest else runs


def _with_bias(layer: Layer, channels: int) -> Floats:
    """(1 + taps, channels): the bias, then the filter."""
    bias = np.zeros(channels, np.float32) if layer.bias is None else layer.bias
    return np.concatenate([bias[None], layer.weights.reshape(-1, channels)])
