"""Depthwise convolution with rolling columns: 4L channels at a time, pixel by pixel along rows.

For each new column of pixels the filter's rows are interleaved once; through the loop's carried values every column of
the filter uses them. As many output rows at once as fill up the groups of four rows share them too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import rounding
from .channels import channel_blocks, pack_block
from .language import I8, I32, Function, Value
from .layer import Geometry, Matrix
from .pieces import Narrowing, dot, interleave, store
from .plan import Family, Finish, Plan, result, source

BAND_BYTES = 16384
"""Input bytes to walk over with every kind of block before going on, so that they stay in the first-level cache."""


def tap_groups(out_row: int, stride: int, taps: int) -> range:
    """Which groups of four interleaved input rows an output row needs."""
    first = out_row * stride
    return range(first // 4, (first + taps - 1) // 4 + 1)


def _write_rows(
    f: Function,
    taps_y: int,
    taps_x: int,
    stride_y: int,
    stride_x: int,
    rows: int,
    lanes: int,
    rule: str,
    ending: str,
    width: str,
    sets: int,
) -> None:
    """`rows` output rows at a time; `sets` of weights are added up."""
    row, vector, size, block = f.arguments(ROWS.slots), I32.x(lanes), 4 * lanes, I8.x(4 * lanes)
    narrowing = Narrowing(f, row.finish, ending)
    zero = f.constant(0, block)
    in_rows = (rows - 1) * stride_y + taps_y
    pitch = row.width * row.channels
    weight_vectors = 4 * sets * taps_x * sum(len(tap_groups(r, stride_y, taps_y)) for r in range(rows))

    def input_lines(y: Value) -> list[Value]:
        """Where the input rows begin; rows outside the image are rows of zero points."""
        at = [y + row.tap_step * r for r in range(in_rows)]
        return [line.below_unsigned(row.height).select(row.a + line * pitch, row.zeros) for line in at]

    def interleaved_column(lines: Sequence[Value], x: Value) -> list[list[Value]]:
        """The rows of one input column, four to an int32: [group][vector]."""
        inside, offset = x.below_unsigned(row.width), x * row.channels
        loaded = [inside.select(line + offset, row.zeros).load(block) for line in lines]
        loaded += [zero] * (-in_rows % 4)
        return [interleave(loaded[i : i + 4]) for i in range(0, len(loaded), 4)]

    with f.loop(row.row_groups, y=row.first_y, out=row.out) as group:
        lines = input_lines(group.y)
        with f.loop(row.blocks, lines=lines, w=row.w, parameters=row.parameters, out=group.out) as b:
            bias = [b.parameters.load(vector, size * j) for j in range(4)]
            numbers = [rounding.load(f, rule, b.parameters, j, 4, lanes) for j in range(4)]
            kept = [interleaved_column(b.lines, row.first_x + x) for x in range(taps_x - stride_x)]
            with f.loop(row.out_width, x=row.first_x + len(kept), kept=kept, out=b.out) as pixel:
                window = pixel.kept + [interleaved_column(b.lines, pixel.x + x) for x in range(stride_x)]
                at = 0
                for r in range(rows):
                    sums = list(bias)
                    for _ in range(sets):
                        for column in window:
                            for g in tap_groups(r, stride_y, taps_y):
                                weights = [b.w.load(vector, size * (at + j)) for j in range(4)]
                                sums = [dot(sums[j], column[g][j], weights[j]) for j in range(4)]
                                at += 4
                    rounded = [rounding.apply(f, rule, sums[j], numbers[j]) for j in range(4)]
                    bytes_ = narrowing.narrow(rounded)
                    store(pixel.out + row.out_pitch * r, bytes_, row.columns if width == "part" else None)
                pixel.kept = window[stride_x:]
                pixel.x, pixel.out = pixel.x + stride_x, pixel.out + row.channels
            b.lines = [line + 4 * lanes for line in b.lines]
            b.w, b.out = b.w + size * weight_vectors, b.out + 4 * lanes
            b.parameters = b.parameters + 4 * size * (1 + rounding.SECTIONS[rule])
        group.y, group.out = group.y + rows * stride_y, group.out + row.out_pitch * rows


ROWS = Family(
    "depthrows",
    "*a height width channels first_x first_y #row_groups #out_width *zeros *w *parameters *out #columns finish "
    "#blocks out_pitch tap_step",
    _write_rows,
)


def suits(geometry: Geometry) -> bool:
    """Whether the kernel is written for such windows: not too large to unroll, not dilated along rows."""
    (taps_y, taps_x), (stride_y, stride_x) = geometry.window, geometry.stride
    return (
        geometry.input[2] == geometry.output[2]
        and geometry.dilation[1] == 1
        and stride_x <= taps_x <= 7
        and taps_y <= 8
        and stride_y <= 4
    )


def rows_at_once(geometry: Geometry) -> int:
    """Output rows that share input rows: as many as fill up groups of four."""
    if geometry.dilation[0] != 1:
        return 1
    rows = (-geometry.window[0] % 4) // geometry.stride[0] + 1
    return rows if rows <= geometry.output[0] else 1


def row_runs(start: int, end: int, rows: int) -> list[tuple[int, int]]:
    """(first output row, groups of `rows`) that cover start..end; a last group may overlap and come out the same."""
    runs = [(start, (end - start) // rows)] if end - start >= rows else []
    return runs if (end - start) % rows == 0 else [*runs, (end - rows, 1)]


def taps_by_row(geometry: Geometry, rows: int) -> list[list[np.ndarray[tuple[int], np.dtype[np.intp]]]]:
    """For each of `rows` output rows, the taps of (filter column, group of four input rows): -1 is none."""
    (taps_y, taps_x), stride_y = geometry.window, geometry.stride[0]
    result = []
    for row in range(rows):
        groups = []
        for x in range(taps_x):
            for g in tap_groups(row, stride_y, taps_y):
                taps = [4 * g + i - row * stride_y for i in range(4)]
                groups.append(np.array([y * taps_x + x if 0 <= y < taps_y else -1 for y in taps], np.intp))
        result.append(groups)
    return result


def plan_rows(plan: Plan, geometry: Geometry, matrix: Matrix, finish: Finish) -> None:
    """Rows for weights (channels, taps)."""
    (height, width, channels), (out_height, out_width, _) = geometry.input, geometry.output
    (taps_y, taps_x), (stride_y, stride_x) = geometry.window, geometry.stride
    rows = rows_at_once(geometry)
    taps = taps_by_row(geometry, rows)
    blocks = channel_blocks(plan.target, channels)
    packed = [pack_block(plan, matrix, block, block.chosen(channels), taps) for block in blocks]
    zeros = plan.constant(np.full(width * channels, matrix.input.stored_zero, np.uint8))
    pitch, out_pitch = width * channels, out_width * channels
    band = out_height if len(blocks) == 1 else max(rows, BAND_BYTES // (pitch * stride_y) // rows * rows)
    bands = [(n, y, min(y + band, out_height)) for n in range(geometry.batch) for y in range(0, out_height, band)]
    for n, start, end in bands:
        for part in packed:
            block = part.block
            for y, groups in row_runs(start, end, rows):
                plan.row(
                    ROWS,
                    taps_y,
                    taps_x,
                    stride_y,
                    stride_x,
                    rows,
                    block.lanes,
                    part.rule,
                    finish.word,
                    block.width,
                    part.sets,
                    a=source() + (n * height * pitch + block.first),
                    height=height,
                    width=width,
                    channels=channels,
                    first_x=-geometry.before[1],
                    first_y=y * stride_y - geometry.before[0],
                    row_groups=groups,
                    out_width=out_width,
                    zeros=zeros,
                    w=part.weights,
                    parameters=part.parameters,
                    out=result() + ((n * out_height + y) * out_pitch + block.first),
                    columns=block.columns,
                    finish=finish.argument,
                    blocks=block.count,
                    out_pitch=out_pitch,
                    tap_step=geometry.dilation[0],
                    work=groups * out_width * block.count * rows * (4 * len(taps[0]) * part.sets + 40),
                )
                plan.divisible(ROWS, "row_groups", first_y=rows * stride_y, out=rows * out_pitch)
