"""Depthwise convolution of few channels, for AVX-512: a vector holds several whole pixels of a row.

A masked load takes 64 bytes of each row straight from the image, with the zero point where the row ends, so nothing is
copied or padded. Each is interleaved once: a column of the filter is the same pixels some on, so many bytes later, and
interleaved vectors shift by whole 128 bits. At stride 2 even and odd pixels are taken apart first.
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

Interleaved = list[list[Value]]
"""Input rows, four to an int32: [group of four rows][vector]."""


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
    bias = [row.parameters.load(vector, BYTES * j) for j in range(4)]
    numbers = [rounding.load(f, rule, row.parameters, j, 4, 16) for j in range(4)]

    def input_lines(y: Value) -> list[Value]:
        """Where the input rows begin; rows outside the image are rows of zero points."""
        at = [y + row.tap_step * r for r in range(in_rows)]
        return [line.below_unsigned(row.height).select(row.a + line * row.row_bytes, row.zeros) for line in at]

    def loaded(lines: Sequence[Value], position: Value) -> list[Value]:
        """64 bytes of each input row, zero points outside it."""
        mask = _inside(f, position, row.row_bytes)
        return [load_masked(line + position, block, mask, zero_points) for line in lines]

    def interleaved(rows: Sequence[Value]) -> Interleaved:
        padded = [*rows, *[zero] * (-in_rows % 4)]
        return [interleave(padded[i : i + 4]) for i in range(0, len(padded), 4)]

    def store_rows(window: Sequence[Interleaved], out: Value, left: Value) -> None:
        """All output rows of 64 bytes, `left` of which are real, from the filter's columns."""
        mask = lowest_bits(left.min(BYTES), BYTES)
        at = 0
        for r in range(rows):
            sums = list(bias)
            for _ in range(sets):
                for filter_column in window:
                    for g in tap_groups(r, stride_y, taps_y):
                        weights = [row.w.load(vector, BYTES * (at + j)) for j in range(4)]
                        sums = [dot(sums[j], filter_column[g][j], weights[j]) for j in range(4)]
                        at += 4
            rounded = [rounding.apply(f, rule, sums[j], numbers[j]) for j in range(4)]
            store_masked(out + row.out_bytes * r, narrowing.narrow(rounded), mask)

    vectors_out = (row.out_bytes + (BYTES - 1)).shift_right_unsigned(6)
    ahead = -(-(taps_x - 1) * channels // BYTES)
    with f.loop(row.row_groups, y=row.first_y, out=row.out) as group:
        lines, first = input_lines(group.y), row.first_position
        if stride_x == 1:
            kept = [interleaved(loaded(lines, first + BYTES * i)) for i in range(ahead)]
            with f.loop(vectors_out, at=first + BYTES * ahead, out=group.out, left=row.out_bytes, kept=kept) as each:
                span = [*each.kept, interleaved(loaded(lines, each.at))]
                store_rows([_shifted(span, x * channels) for x in range(taps_x)], each.out, each.left)
                each.at, each.out, each.left, each.kept = each.at + BYTES, each.out + BYTES, each.left - BYTES, span[1:]
        else:
            spread = _even_pixels(taps_x, channels)
            with f.loop(vectors_out, at=first, out=group.out, left=row.out_bytes) as each:
                span = [loaded(lines, each.at + BYTES * i) for i in range(max(map(max, spread)) // BYTES + 1)]
                window = [
                    interleaved([_gathered([bytes_[r] for bytes_ in span], wanted) for r in range(in_rows)])
                    for wanted in spread
                ]
                store_rows(window, each.out, each.left)
                each.at, each.out, each.left = each.at + 2 * BYTES, each.out + BYTES, each.left - BYTES
        group.y, group.out = group.y + rows * stride_y, group.out + row.out_bytes * rows


def _shifted(span: Sequence[Interleaved], distance: int) -> Interleaved:
    """Interleaved vectors of consecutive 64 bytes, as they would be `distance` bytes on (a multiple of 4)."""
    result = []
    for g in range(len(span[0])):
        vectors = []
        for j in range(4):
            quarters, source_vector = divmod(j + distance // 4, 4)
            which, lane = divmod(4 * quarters, 16)
            vector = span[which][g][source_vector]
            vectors.append(
                vector.shuffle(range(lane, lane + 16), span[which + 1][g][source_vector]) if lane else vector
            )
        result.append(vectors)
    return result


def _even_pixels(taps_x: int, channels: int) -> list[list[int]]:
    """Per filter column at stride 2, which bytes of a span its 64 outputs are multiplied with."""
    return [[(2 * (at // channels) + x) * channels + at % channels for at in range(BYTES)] for x in range(taps_x)]


def _gathered(vectors: Sequence[Value], wanted: Sequence[int]) -> Value:
    """Bytes of a span that lies in several vectors, by index into the span; they reach over three at most."""
    first = min(wanted) // BYTES
    near = [at - first * BYTES for at in wanted]
    second = vectors[min(first + 1, len(vectors) - 1)]
    result = vectors[first].shuffle([min(at, 2 * BYTES - 1) for at in near], second)
    if max(near) < 2 * BYTES:
        return result
    third = [at - BYTES if at >= 2 * BYTES else i for i, at in enumerate(near)]
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
        and channels in ((4, 8, 16, 32) if geometry.stride == (1, 1) else (8, 16))
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
            plan.divisible(FLAT, "row_groups", first_y=rows * stride_y, out=rows * out_bytes)
