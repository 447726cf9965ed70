"""RESIZE_BILINEAR over float32: rows mixed first, then the pixels of each mixed row."""

from __future__ import annotations

import numpy as np

from ...reference.resize import Places
from ..language import F32, I32, I64, Function, Value
from ..pieces import lowest_bits, store, store_masked
from ..plan import Compiled, Family, Plan, result, source
from ..target import Target
from .pieces import spans


def _mixed(a: Value, b: Value, share: Value) -> Value:
    """a * (1 - share) + b * share"""
    return a * (share * -1.0 + 1.0) + b * share


def _write_rows(f: Function) -> None:
    """Line by line two rows of `size` floats become one; a table has the offsets of both and the second one's share."""
    row, lanes = f.arguments(MIX_ROWS.slots), f.target.lanes
    vector = F32.x(lanes)
    with f.loop(row.lines, entry=row.table, out=row.out) as line:
        a, b = (row.a + line.entry.load(I64, at, 8) for at in (0, 8))
        share = line.entry.load(F32, 16, 4).splat(lanes)
        with f.loop(row.vectors, a=a, b=b, out=line.out, left=row.size) as part:
            store(part.out, _mixed(part.a.load(vector), part.b.load(vector), share), part.left.min(lanes))
            part.a, part.b, part.out = part.a + 4 * lanes, part.b + 4 * lanes, part.out + 4 * lanes
            part.left = part.left - lanes
        line.entry, line.out = line.entry + 24, line.out + row.pitch


MIX_ROWS = Family("mixrows", "*a *out *table #lines #vectors #size pitch", _write_rows)


def _write_pixels(f: Function, lanes: int, width: str) -> None:
    """Pixel by pixel two of a line become one, by a table as above with offsets within a line."""
    row, vector = f.arguments(MIX_PIXELS.slots), F32.x(lanes)
    mask = lowest_bits(row.columns, lanes) if width == "part" and f.target.lanes == 16 else None
    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, entry=row.table, out=line.out) as pixel:
            a, b = (line.a + pixel.entry.load(I32, at, 4).signed(I64) for at in (0, 4))
            share = pixel.entry.load(F32, 8, 4).splat(lanes)
            with f.loop(row.blocks, a=a, b=b, out=pixel.out) as block:
                values = _mixed(block.a.load(vector), block.b.load(vector), share)
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


def plan_resize_bilinear(
    target: Target, batch: int, image: tuple[int, int, int], rows: Places, columns: Places
) -> Compiled:
    """Images (h, w, c) at these places."""
    plan, lanes = Plan(target), target.lanes
    height, width, channels = image
    lines, pixels = len(rows.before), len(columns.before)
    line, out_line = 4 * width * channels, 4 * pixels * channels
    mixed = plan.reserve(batch * lines * line)
    down = np.zeros(batch * lines, np.dtype([("before", "<i8"), ("after", "<i8"), ("share", "<f4"), ("none", "<f4")]))
    image_of = np.repeat(np.arange(batch), lines) * height
    for name, places in (("before", rows.before), ("after", rows.after)):
        down[name] = (image_of + np.tile(places, batch)) * line
    down["share"] = np.tile(rows.distance, batch)
    plan.row(
        MIX_ROWS, a=source(), out=mixed, table=plan.constant(down), lines=batch * lines,
        vectors=-(-width * channels // lanes), size=width * channels, pitch=line, work=batch * lines * line // 16,
    )  # fmt: skip
    plan.divisible(MIX_ROWS, "lines", table=24, out=line)
    plan.then()
    across = np.zeros(pixels, np.dtype([("before", "<i4"), ("after", "<i4"), ("share", "<f4")]))
    across["before"], across["after"] = columns.before * 4 * channels, columns.after * 4 * channels
    across["share"] = columns.distance
    table = plan.constant(across)
    for span in spans(target, channels):
        plan.row(
            MIX_PIXELS,
            span.lanes,
            span.width,
            a=mixed + 4 * span.first,
            out=result() + 4 * span.first,
            table=table,
            lines=batch * lines,
            pixels=pixels,
            a_line=line,
            out_pixel=4 * channels,
            out_line=out_line,
            blocks=span.count,
            columns=span.columns,
            work=batch * lines * pixels * (span.count * 4 + 6),
        )
        plan.divisible(MIX_PIXELS, "lines", a=line, out=out_line)
    return plan.done("rows, then pixels")
