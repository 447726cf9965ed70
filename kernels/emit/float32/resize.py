"""RESIZE_BILINEAR over float32 as XNNPACK does it: between left and right in every line, then between lines."""

from __future__ import annotations

import numpy as np

from ...reference.resize import Places
from ..language import F32, I32, I64, Function, Value
from ..pieces import lowest_bits, store, store_masked
from ..plan import Compiled, Family, Plan, result, source
from ..target import Target
from .pieces import spans


def _between(a: Value, b: Value, distance: Value) -> Value:
    return a + (b - a) * distance


def _write_pixels(f: Function, lanes: int, width: str) -> None:
    """Two pixels of a line become one; a table has the offsets of both, int32, and the distance from the first."""
    row, vector = f.arguments(MIX_PIXELS.slots), F32.x(lanes)
    mask = lowest_bits(row.columns, lanes) if width == "part" and f.target.lanes == 16 else None
    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, entry=row.table, out=line.out) as pixel:
            a, b = (line.a + pixel.entry.load(I32, at, 4).signed(I64) for at in (0, 4))
            distance = pixel.entry.load(F32, 8, 4).splat(lanes)
            with f.loop(row.blocks, a=a, b=b, out=pixel.out) as block:
                values = _between(block.a.load(vector), block.b.load(vector), distance)
                if mask is not None:
                    store_masked(block.out, values, mask)
                else:
                    store(block.out, values, row.columns if width == "part" else None)
                block.a, block.b, block.out = block.a + 4 * lanes, block.b + 4 * lanes, block.out + 4 * lanes
            pixel.entry, pixel.out = pixel.entry + 12, pixel.out + row.out_pixel
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


MIX_PIXELS = Family(
    "mixpixels", "*a *out *table #lines #pixels a_line out_pixel out_line #blocks #columns", _write_pixels
)


def _write_lines(f: Function) -> None:
    """Two lines of `size` floats become one, by a table of int64 offsets and float32 distances, 24 bytes an entry."""
    row, lanes = f.arguments(MIX_LINES.slots), f.target.lanes
    vector = F32.x(lanes)
    with f.loop(row.lines, entry=row.table, out=row.out) as line:
        a, b = (row.a + line.entry.load(I64, at, 8) for at in (0, 8))
        distance = line.entry.load(F32, 16, 4).splat(lanes)
        with f.loop(row.vectors, a=a, b=b, out=line.out, left=row.size) as part:
            mixed = _between(part.a.load(vector), part.b.load(vector), distance)
            store(part.out, mixed, part.left.min(lanes))
            part.a, part.b, part.out = part.a + 4 * lanes, part.b + 4 * lanes, part.out + 4 * lanes
            part.left = part.left - lanes
        line.entry, line.out = line.entry + 24, line.out + row.pitch


MIX_LINES = Family("mixlines", "*a *out *table #lines #vectors #size pitch", _write_lines)


def plan_resize_bilinear(
    target: Target, batch: int, image: tuple[int, int, int], rows: Places, columns: Places
) -> Compiled:
    """Images (h, w, c) at these places."""
    plan, lanes = Plan(target), target.lanes
    height, width, channels = image
    lines, pixels = len(rows.before), len(columns.before)
    line = 4 * pixels * channels
    mixed = plan.reserve(batch * height * line)
    across = np.zeros(pixels, np.dtype([("before", "<i4"), ("after", "<i4"), ("distance", "<f4")]))
    across["before"], across["after"] = columns.before * 4 * channels, columns.after * 4 * channels
    across["distance"] = columns.distance
    table = plan.constant(across)
    for span in spans(target, channels):
        plan.row(
            MIX_PIXELS,
            span.lanes,
            span.width,
            a=source() + 4 * span.first,
            out=mixed + 4 * span.first,
            table=table,
            lines=batch * height,
            pixels=pixels,
            a_line=4 * width * channels,
            out_pixel=4 * channels,
            out_line=line,
            blocks=span.count,
            columns=span.columns,
            work=batch * height * pixels * (span.count * 4 + 6),
        )
        plan.divisible(MIX_PIXELS, "lines", a=4 * width * channels, out=line)
    plan.then()
    down = np.zeros(batch * lines, np.dtype([("before", "<i8"), ("after", "<i8"), ("distance", "<f4"), ("", "<f4")]))
    first = np.repeat(np.arange(batch), lines) * height
    for name, places in (("before", rows.before), ("after", rows.after)):
        down[name] = (first + np.tile(places, batch)) * line
    down["distance"] = np.tile(rows.distance, batch)
    size = pixels * channels
    plan.row(
        MIX_LINES, a=mixed, out=result(), table=plan.constant(down), lines=batch * lines, vectors=-(-size // lanes),
        size=size, pitch=line, work=batch * lines * size // 4,
    )  # fmt: skip
    plan.divisible(MIX_LINES, "lines", table=24, out=line)
    return plan.done("pixels of each line, then lines")
