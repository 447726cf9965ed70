"""RESIZE_BILINEAR over bytes: four pixels around a place, weighted by integers down and across."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..reference.resize import Places
from .channels import channel_blocks
from .float32.pieces import spans
from .language import I8, I32, I64, Function, Value
from .pieces import Narrowing, dot_pairs, interleave, store
from .plan import Compiled, Family, Plan, result, source
from .target import Target

UNITS = {"up": 2048, "away": 1024}
"""Parts of the distance between two pixels, by how ties are rounded: XNNPACK's rule, and the built-in kernels'."""


def _write_bilinear(f: Function, rule: str, lanes: int, width: str) -> None:
    """Rows and columns by tables of entries of 16 bytes, int32: the offsets of two pixels, and the second one's weight.

    Of columns it is both weights, as a pair of int16. Ties go up, or away from the byte `zero`.
    """
    row, block, vector = f.arguments(BILINEAR.slots), I8.x(4 * lanes), I32.x(lanes)
    unit = UNITS[rule]
    whole = 2 * (unit.bit_length() - 1)
    nothing = f.constant(0, block)
    origin = row.zero.truncate(I32).splat(lanes) << whole
    narrowing = Narrowing(f, row.zero, "plain")

    def mixed(a: Sequence[Value], weights: tuple[Value, Value], across: Value) -> Value:
        """One block from the pixels left and right above, left and right below."""
        totals = []
        pairs = [interleave([left, nothing, right, nothing]) for left, right in (a[:2], a[2:])]
        for above, below in zip(*pairs, strict=True):
            upper, lower = (dot_pairs(f.constant(0, vector), pair, across) for pair in (above, below))
            total = upper * weights[0] + lower * weights[1] - origin
            if rule == "away":
                total = total + (total >> 31)
            totals.append((total + (origin + (1 << (whole - 1)))) >> whole)
        return narrowing.narrow(totals)

    with f.loop(row.lines, entry=row.rows, out=row.out) as line:
        upper, lower = (row.a + line.entry.load(I32, at, 4).signed(I64) for at in (0, 4))
        weight = line.entry.load(I32, 8, 4).splat(lanes)
        weights = weight * -1 + unit, weight
        with f.loop(row.pixels, entry=row.columns, out=line.out) as pixel:
            left, right = (pixel.entry.load(I32, at, 4).signed(I64) for at in (0, 4))
            across = pixel.entry.load(I32, 8, 4).splat(lanes)
            corners = [upper + left, upper + right, lower + left, lower + right]
            with f.loop(row.blocks, at=corners, out=pixel.out) as b:
                a = [at.load(block) for at in b.at]
                store(b.out, mixed(a, weights, across), row.real if width == "part" else None)
                b.at, b.out = [at + 4 * lanes for at in b.at], b.out + 4 * lanes
            pixel.entry, pixel.out = pixel.entry + 16, pixel.out + row.out_pixel
        line.entry, line.out = line.entry + 16, line.out + row.out_line


BILINEAR = Family(
    "bilinear",
    "*a *out *rows #lines *columns #pixels out_pixel out_line #blocks #real zero",
    _write_bilinear,
)


def _table(places: Places, pitch: int, weights: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    entries = [places.before * pitch, places.after * pitch, weights, np.zeros_like(weights)]
    return np.stack(entries, 1).astype(np.int32)


def _write_across(f: Function, rule: str, lanes: int, width: str) -> None:
    """Two pixels of a line, weighted, as int32; a table has their offsets and the second one's weight."""
    row, unit, vector = f.arguments(ACROSS.slots), UNITS[rule], I32.x(lanes)
    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, entry=row.table, out=line.out) as pixel:
            a, b = (line.a + pixel.entry.load(I32, at, 4).signed(I64) for at in (0, 4))
            weight = pixel.entry.load(I32, 8, 4).splat(lanes)
            with f.loop(row.blocks, a=a, b=b, out=pixel.out) as block:
                left, right = (at.load(I8.x(lanes)).unsigned(I32) for at in (block.a, block.b))
                mixed = left * unit + (right - left) * weight
                assert mixed.type == vector
                store(block.out, mixed, row.columns if width == "part" else None)
                block.a, block.b, block.out = block.a + lanes, block.b + lanes, block.out + 4 * lanes
            pixel.entry, pixel.out = pixel.entry + 12, pixel.out + row.out_pixel
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


ACROSS = Family("across", "*a *out *table #lines #pixels a_line out_pixel out_line #blocks #columns", _write_across)


def _write_down(f: Function, rule: str) -> None:
    """Two lines of int32 become one of bytes; a table has their offsets, int64, and the second one's weight."""
    row, lanes = f.arguments(DOWN.slots), f.target.lanes
    vector, block, unit = I32.x(lanes), 4 * lanes, UNITS[rule]
    whole = 2 * (unit.bit_length() - 1)
    origin = row.zero.truncate(I32).splat(lanes) << whole
    narrowing = Narrowing(f, row.zero, "plain")
    quarter = lanes // 4
    order = [4 * (i % quarter) + i // quarter for i in range(lanes)]  # as narrowing left them
    with f.loop(row.lines, entry=row.table, out=row.out) as line:
        a, b = (row.a + line.entry.load(I64, at, 8) for at in (0, 8))
        weight = line.entry.load(I64, 16, 8).truncate(I32).splat(lanes)
        with f.loop(row.blocks, a=a, b=b, out=line.out, left=row.size) as part:
            totals = []
            for j in range(4):
                upper, lower = (at.load(vector, 4 * lanes * j) for at in (part.a, part.b))
                total = upper * unit + (lower - upper) * weight - origin
                if rule == "away":
                    total = total + (total >> 31)
                totals.append((total + (origin + (1 << (whole - 1)))) >> whole)
            fours = narrowing.narrow(totals).bits(vector)
            store(part.out, fours.shuffle(order).bits(I8.x(block)), part.left.min(block))
            part.a, part.b, part.out = part.a + 4 * block, part.b + 4 * block, part.out + block
            part.left = part.left - block
        line.entry, line.out = line.entry + 24, line.out + row.size


DOWN = Family("down", "*a *out *table #lines #blocks #size zero", _write_down)
MOST = 1 << 20
"""Bytes of lines that are mixed across before they are down."""


def _plan_lines(
    plan: Plan, batch: int, image: tuple[int, int, int], rows: Places, columns: Places, zero: int, rule: str
) -> None:
    """Rows that mix the pixels of each line first, then the lines."""
    height, width, channels = image
    lines, pixels = len(rows.before), len(columns.before)
    line = 4 * pixels * channels
    mixed = plan.reserve(batch * height * line + 16 * plan.target.lanes)
    table = plan.constant(_table(columns, channels, columns.distance)[:, :3].copy())
    for span in spans(plan.target, channels):
        plan.row(
            ACROSS,
            rule,
            span.lanes,
            span.width,
            a=source() + span.first,
            out=mixed + 4 * span.first,
            table=table,
            lines=batch * height,
            pixels=pixels,
            a_line=width * channels,
            out_pixel=4 * channels,
            out_line=line,
            blocks=span.count,
            columns=span.columns,
            work=batch * height * pixels * (span.count * 6 + 6),
        )
        plan.divisible(ACROSS, "lines", a=width * channels, out=line)
    plan.then()
    first = np.repeat(np.arange(batch), lines) * height
    down = np.stack(
        [(first + np.tile(rows.before, batch)) * line, (first + np.tile(rows.after, batch)) * line,
         np.tile(rows.distance, batch)], 1,
    )  # fmt: skip
    size = pixels * channels
    plan.row(
        DOWN, rule, a=mixed, out=result(), table=plan.constant(down.astype(np.int64)), lines=batch * lines,
        blocks=-(-size // (4 * plan.target.lanes)), size=size, zero=zero, work=batch * lines * size // 2,
    )  # fmt: skip
    plan.divisible(DOWN, "lines", table=24, out=size)


def plan_resize_bilinear(
    target: Target, batch: int, image: tuple[int, int, int], rows: Places, columns: Places, signed: bool, rule: str
) -> Compiled:
    """Images (h, w, c) at these places; distances are integers in units of UNITS[rule]."""
    plan, (height, width, channels) = Plan(target), image
    unit, pitch = UNITS[rule], width * channels
    out_height, out_width = len(rows.before), len(columns.before)
    zero = 128 if rule == "away" and signed else 0
    if height <= out_height and 4 * batch * height * out_width * channels <= MOST:
        _plan_lines(plan, batch, image, rows, columns, zero, rule)
        return plan.done("pixels of each line, then lines")
    down = plan.constant(_table(rows, pitch, rows.distance))
    pairs = (unit - columns.distance) & 0xFFFF | columns.distance << 16
    across = plan.constant(_table(columns, channels, pairs))
    for n in range(batch):
        for block in channel_blocks(target, channels):
            plan.row(
                BILINEAR,
                rule,
                block.lanes,
                block.width,
                a=source() + (n * height * pitch + block.first),
                out=result() + (n * out_height * out_width * channels + block.first),
                rows=down,
                lines=out_height,
                columns=across,
                pixels=out_width,
                out_pixel=channels,
                out_line=out_width * channels,
                blocks=block.count,
                real=block.columns,
                zero=zero,
                work=out_height * out_width * block.count * 60,
            )
            plan.divisible(BILINEAR, "lines", rows=16, out=out_width * channels)
    return plan.done("four pixels at a time")
