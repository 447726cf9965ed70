"""RESIZE_BILINEAR over bytes: four pixels around a place, weighted by integers down and across."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..reference.resize import Places
from .channels import channel_blocks
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


def plan_resize_bilinear(
    target: Target, batch: int, image: tuple[int, int, int], rows: Places, columns: Places, signed: bool, rule: str
) -> Compiled:
    """Images (h, w, c) at these places; distances are integers in units of UNITS[rule]."""
    plan, (height, width, channels) = Plan(target), image
    unit, pitch = UNITS[rule], width * channels
    out_height, out_width = len(rows.before), len(columns.before)
    zero = 128 if rule == "away" and signed else 0
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
