"""Depthwise convolution of few channels, for AVX-512: a vector holds several whole pixels of a row.

A column of the filter is then the same memory some pixels on: a masked load takes it straight from the image, with the
zero point where the row ends, so nothing is copied or padded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import rounding
from .channels import Block, pack_block
from .depthwise_rows import row_runs, rows_at_once, tap_groups, taps_by_row
from .language import I1, I8, I32, I64, Function, Value
from .layer import Geometry, Matrix
from .pieces import Narrowing, column, dot, interleave, load_masked, lowest_bits, store_masked
from .plan import Family, Finish, Plan, result, source
from .target import Target

BYTES = 64


def _inside(f: Function, position: Value, size: Value) -> Value:
    """The mask of bytes b with 0 <= position + b < size."""
    end = (size - position).max(0).min(BYTES)
    begin = (f.constant(0, I64) - position).max(0).min(BYTES)

    def below(count: Value) -> Value:
        return (count > BYTES - 1).select(-1, (f.constant(1, I64) << (count & (BYTES - 1))) - 1)

    return (below(end) & (below(begin) ^ -1)).bits(I1.x(BYTES))


def _write_flat(
    f: Function,
    taps_y: int,
    taps_x: int,
    stride_y: int,
    stride_x: int,
    rows: int,
    channels: int,
    rule: str,
    ending: str,
    sets: int,
) -> None:
    """`rows` output rows at a time, 64 bytes of each."""
    row, vector, block = f.arguments(FLAT.slots), I32.x(16), I8.x(BYTES)
    narrowing = Narrowing(f, row.finish, ending)
    zero, zero_points = f.constant(0, block), row.zero_point.truncate(I8).splat(BYTES)
    in_rows = (rows - 1) * stride_y + taps_y
    pixels = BYTES // channels
    bias = [row.parameters.load(vector, BYTES * j) for j in range(4)]
    numbers = [rounding.load(f, rule, row.parameters, j, 4, 16) for j in range(4)]

    def pixels_from(lines: Sequence[Value], position: Value) -> list[Value]:
        """64 bytes of each input row, zero points outside it."""
        mask = _inside(f, position, row.row_bytes)
        return [load_masked(line + position, block, mask, zero_points) for line in lines]

    def filter_columns(lines: Sequence[Value], position: Value) -> list[list[Value]]:
        """Per filter column, 64 bytes of each input row: those its outputs are multiplied with."""
        if stride_x == 1:
            return [pixels_from(lines, position + x * channels) for x in range(taps_x)]
        last = 2 * (pixels - 1) + taps_x - 1
        loaded = [pixels_from(lines, position + BYTES * v) for v in range(last // pixels + 1)]
        loaded += [loaded[-1]] * (-len(loaded) % 2)
        columns = []
        for x in range(taps_x):
            wanted = [(2 * (at // channels) + x) * channels + at % channels for at in range(BYTES)]
            columns.append([_gathered([v[r] for v in loaded], wanted) for r in range(len(lines))])
        return columns

    with f.loop(row.row_groups, y=row.first_y, out=row.out) as group:
        lines = []
        for r in range(in_rows):
            y = group.y + row.tap_step * r
            lines.append(y.below_unsigned(row.height).select(row.a + y * row.row_bytes, row.zeros))
        left = {"position": row.first_position, "out": group.out, "left": row.out_bytes}
        with f.loop((row.out_bytes + (BYTES - 1)).shift_right_unsigned(6), **left) as each:
            window = []
            for loaded in filter_columns(lines, each.position):
                padded = loaded + [zero] * (-in_rows % 4)
                window.append([interleave(padded[i : i + 4]) for i in range(0, len(padded), 4)])
            mask = lowest_bits(each.left.min(BYTES), BYTES)
            at = 0
            for r in range(rows):
                sums = list(bias)
                for _ in range(sets):
                    for interleaved in window:
                        for g in tap_groups(r, stride_y, taps_y):
                            weights = [row.w.load(vector, BYTES * (at + j)) for j in range(4)]
                            sums = [dot(sums[j], interleaved[g][j], weights[j]) for j in range(4)]
                            at += 4
                rounded = [rounding.apply(f, rule, sums[j], numbers[j]) for j in range(4)]
                store_masked(each.out + row.out_bytes * r, narrowing.narrow(rounded), mask)
            each.position, each.out = each.position + BYTES * stride_x, each.out + BYTES
            each.left = each.left - BYTES
        group.y, group.out = group.y + rows * stride_y, group.out + row.out_bytes * rows


def _gathered(vectors: Sequence[Value], wanted: Sequence[int]) -> Value:
    """Bytes of a span that lies in several vectors, by index into the span."""
    first = min(wanted) // BYTES
    near = [at - first * BYTES for at in wanted]
    result = vectors[first].shuffle([min(at, 2 * BYTES - 1) for at in near], vectors[min(first + 1, len(vectors) - 1)])
    if max(near) < 2 * BYTES:
        return result
    third = [BYTES + at - 2 * BYTES if at >= 2 * BYTES else i for i, at in enumerate(near)]
    return result.shuffle(third, vectors[first + 2])


FLAT = Family(
    "depthflat",
    "*a height row_bytes first_position first_y #row_groups #out_bytes *zeros *w *parameters *out zero_point finish "
    "tap_step",
    _write_flat,
)


def suits(target: Target, geometry: Geometry) -> bool:
    """Whether pixels of so few channels fill vectors, and the kernel is written for such windows."""
    (taps_y, taps_x), channels = geometry.window, geometry.input[2]
    return (
        target.lanes == 16
        and channels == geometry.output[2]
        and channels in ((8, 16, 32) if geometry.stride == (1, 1) else (8, 16))
        and geometry.dilation[1] == 1
        and geometry.stride in ((1, 1), (2, 2))
        and taps_y <= 5
        and taps_x <= 5
    )


def plan_flat(plan: Plan, geometry: Geometry, matrix: Matrix, finish: Finish) -> None:
    """Rows for weights (channels, taps)."""
    (height, width, channels), (out_height, out_width, _) = geometry.input, geometry.output
    (taps_y, taps_x), (stride_y, stride_x) = geometry.window, geometry.stride
    rows = rows_at_once(geometry)
    taps = taps_by_row(geometry, rows)
    lanes = np.array([[column(4, j, e) % channels for j in range(4) for e in range(16)]], np.intp)
    packed = pack_block(plan, matrix, Block(0, 16, 1, BYTES), lanes, taps)
    zeros = plan.constant(np.full(width * channels, matrix.input.stored_zero, np.uint8))
    row_bytes, out_bytes = width * channels, out_width * channels
    for n in range(geometry.batch):
        for y, groups in row_runs(0, out_height, rows):
            plan.row(
                FLAT,
                taps_y,
                taps_x,
                stride_y,
                stride_x,
                rows,
                channels,
                packed.rule,
                finish.word,
                packed.sets,
                a=source() + n * height * row_bytes,
                height=height,
                row_bytes=row_bytes,
                first_position=-geometry.before[1] * channels,
                first_y=y * stride_y - geometry.before[0],
                row_groups=groups,
                out_bytes=out_bytes,
                zeros=zeros,
                w=packed.weights,
                parameters=packed.parameters,
                out=result() + (n * out_height + y) * out_bytes,
                zero_point=matrix.input.stored_zero,
                finish=finish.argument,
                tap_step=geometry.dilation[0],
                work=groups * -(-out_bytes // BYTES) * rows * (4 * len(taps[0]) * packed.sets + 60),
            )
