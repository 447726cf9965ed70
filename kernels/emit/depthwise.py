"""DEPTHWISE_CONV_2D over bytes, in three ways: rows with rolling columns, flat pixels of few channels, and any shape.

rows  4L channels at a time; for each new column of pixels the filter's rows are interleaved once and used, through the
      loop's carried values, by every filter column (`depthrows`); several output rows share them
flat  where a vector holds several pixels: a filter column is the same memory some pixels on (`depthflat`)
any   any size, stride and dilation on a padded copy: four taps at a time from a table of offsets (`depthany`)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import gemm, rounding
from .convolution import Geometry, plan_convolution
from .fill import REPEAT, padded_copy
from .language import I8, I32, I64, Function, Value
from .pieces import Finish, dot, interleave, store
from .plan import Compiled, Eight, Family, Place, Plan, result, source
from .rounding import Rule
from .target import Target


def tap_groups(out_row: int, stride: int, taps: int) -> list[int]:
    """Which groups of four interleaved input rows an output row needs."""
    first = out_row * stride
    return list(range(first // 4, (first + taps - 1) // 4 + 1))


def _write_rows(
    f: Function, taps_y: int, taps_x: int, stride_y: int, stride_x: int, rows: int, lanes: int,
    rule: str, ending: str, width: str, sets: int,
) -> None:  # fmt: skip
    """`rows` output rows at a time, 4 * lanes channels at a time, pixel by pixel; `sets` of weights are added up."""
    (a, height, width_in, channels, first_x, first_y, row_groups, out_width, zeros, w, parameters, out, columns, finish,
     blocks, out_pitch, tap_step) = f.arguments(ROWS.slots)  # fmt: skip
    vector, size, block = I32.x(lanes), 4 * lanes, I8.x(4 * lanes)
    finishing = Finish(f, finish, ending == "plain")
    zero = f.constant(0, block)
    in_rows = (rows - 1) * stride_y + taps_y
    pitch = width_in * channels
    weight_count = 4 * sets * taps_x * sum(len(tap_groups(r, stride_y, taps_y)) for r in range(rows))
    with f.loop(row_groups, y=first_y, out=out) as group:
        lines: list[Value] = []
        for r in range(in_rows):
            y = group.y + tap_step * r
            lines.append(y.below_unsigned(height).select(a + y * pitch, zeros))
        with f.loop(blocks, lines=lines, w=w, parameters=parameters, out=group.out) as b:

            def interleaved_column(x: Value, lines: Sequence[Value] = b.lines) -> list[list[Value]]:
                """The rows of one input column, four to an int32: [group][vector]."""
                inside, offset = x.below_unsigned(width_in), x * channels
                loaded = [inside.select(line + offset, zeros).load(block) for line in lines]
                loaded += [zero] * (-in_rows % 4)
                return [interleave(loaded[i : i + 4]) for i in range(0, len(loaded), 4)]

            bias = [b.parameters.load(vector, size * j) for j in range(4)]
            numbers = [rounding.load(f, rule, b.parameters, j, 4, lanes) for j in range(4)]
            kept = [interleaved_column(first_x + x) for x in range(taps_x - stride_x)]
            with f.loop(out_width, x=first_x + len(kept), kept=kept, out=b.out) as pixel:
                fresh = [interleaved_column(pixel.x + x) for x in range(min(stride_x, taps_x))]
                window = pixel.kept + fresh
                at = 0
                for row in range(rows):
                    sums = list(bias)
                    for _ in range(sets):
                        for column in window:
                            for g in tap_groups(row, stride_y, taps_y):
                                sums = [dot(sums[j], column[g][j], b.w.load(vector, size * (at + j))) for j in range(4)]
                                at += 4
                    rounded = [rounding.apply(f, rule, sums[j], numbers[j]) for j in range(4)]
                    target = pixel.out + out_pitch * row
                    store(target, finishing.narrow(rounded), columns if width == "part" else None)
                pixel.kept = window[stride_x:]
                pixel.x, pixel.out = pixel.x + stride_x, pixel.out + channels
            b.lines = [line + 4 * lanes for line in b.lines]
            b.w, b.out = b.w + size * weight_count, b.out + 4 * lanes
            b.parameters = b.parameters + 4 * size * (1 + rounding.SECTIONS[rule])
        group.y, group.out = group.y + rows * stride_y, group.out + out_pitch * rows


ROWS = Family(
    "depthrows",
    "*a height width channels first_x first_y row_groups out_width *zeros *w *parameters *out columns finish blocks "
    "out_pitch tap_step",
    _write_rows,
)


def _write_any(f: Function, lanes: int, rule: str, ending: str, width: str) -> None:
    """4 * lanes channels of each pixel; taps four at a time from a table of offsets, as many groups as it has."""
    (a, taps, groups, pixel_pitch, w, parameters, out, out_pitch, columns, finish, pixels, lines, a_line, out_line,
     blocks) = f.arguments(ANY.slots)  # fmt: skip
    vector, size, block = I32.x(lanes), 4 * lanes, I8.x(4 * lanes)
    finishing = Finish(f, finish, ending == "plain")
    with f.loop(lines, a=a, out=out) as line:
        with f.loop(pixels, a=line.a, out=line.out) as pixel:
            with f.loop(blocks, a=pixel.a, w=w, parameters=parameters, out=pixel.out) as b:
                bias = [b.parameters.load(vector, size * j) for j in range(4)]
                with f.loop(groups, tap=taps, w=b.w, sums=bias) as g:
                    rows = [(b.a + g.tap.load(I64, 8 * i, 8)).load(block) for i in range(4)]
                    four = interleave(rows)
                    g.sums = [dot(g.sums[j], four[j], g.w.load(vector, size * j)) for j in range(4)]
                    g.tap, g.w = g.tap + 32, g.w + 4 * size
                rounded = [
                    rounding.apply(f, rule, g.sums[j], rounding.load(f, rule, b.parameters, j, 4, lanes))
                    for j in range(4)
                ]
                store(b.out, finishing.narrow(rounded), columns if width == "part" else None)
                b.a, b.w, b.out = b.a + 4 * lanes, g.w, b.out + 4 * lanes
                b.parameters = b.parameters + 4 * size * (1 + rounding.SECTIONS[rule])
            pixel.a, pixel.out = pixel.a + pixel_pitch, pixel.out + out_pitch
        line.a, line.out = line.a + a_line, line.out + out_line


ANY = Family(
    "depthany",
    "*a *taps groups pixel_pitch *w *parameters *out out_pitch columns finish pixels lines a_line out_line blocks",
    _write_any,
)


@dataclass(frozen=True, slots=True)
class Block:
    """`count` blocks of 4 * lanes channels from channel `first` on; of the last, `columns` channels are real."""

    first: int
    lanes: int
    count: int
    columns: int

    @property
    def width(self) -> str:
        return "full" if self.columns == 4 * self.lanes else "part"


def channel_blocks(target: Target, channels: int) -> list[Block]:
    """Blocks of full vectors, then a rest in the narrowest vectors that hold it."""
    full = 4 * target.lanes
    result = [Block(0, target.lanes, channels // full, full)] if channels >= full else []
    first, left = channels // full * full, channels % full
    if left:
        lanes = next(n for n in (4, 8, 16) if 4 * n >= left)
        result.append(Block(first, lanes, 1, left))
    return result


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """A block's weights and parameters, and the variant that reads them."""

    block: Block
    weights: Place
    parameters: Place
    rule: str
    sets: int


def block_channels(block: Block, channels: int) -> npt.NDArray[np.intp]:
    """The channel at [block][vector and lane], or -1."""
    one = gemm.chosen_columns(0, 4, block.lanes, 4 * block.lanes)
    chosen = block.first + np.arange(block.count)[:, None] * 4 * block.lanes + one
    return np.where(chosen < channels, chosen, -1)


def pack_blocks(
    plan: Plan,
    weights: npt.NDArray[np.int32],
    bias: npt.NDArray[np.int64],
    input: Eight,
    rule: Rule,
    blocks: list[Block],
    in_groups: list[list[npt.NDArray[np.intp]]],
) -> list[PackedBlock]:
    """Pack weights (channels, taps); `in_groups[set of taps]` lists groups of up to four taps, -1 being none.

    Order: [block][set][group][vector][lane][4]. Outliers repeat it with what is missing.
    """
    channels, taps = weights.shape
    padded = np.zeros((channels + 1, taps + 1), np.int32)  # the last ones are what -1 finds
    padded[:channels, :taps] = weights
    folded = gemm.folded_bias(weights, bias, input)
    name = rule.variant(gemm.accumulator_bound(weights, bias, input))
    packed = []
    for block in blocks:
        chosen = block_channels(block, channels)
        first, rest = gemm.split_outliers(padded[chosen])
        per_block = []
        for at in range(block.count):
            parts = [first[at], *(part[at] for part in rest)]
            for groups in in_groups:
                per_block += [part[:, group] for part in parts for group in groups]
        ordered = np.concatenate([part.ravel() for part in per_block])
        parameters = np.concatenate([gemm.parameter_block(folded, rule, chosen[at]) for at in range(block.count)])
        packed.append(PackedBlock(block, plan.constant(ordered), plan.constant(parameters), name, 1 + len(rest)))
    return packed


def plan_depthwise(
    target: Target,
    geometry: Geometry,
    weights: npt.NDArray[np.generic],
    weight_zero_point: int,
    bias: npt.NDArray[np.generic] | None,
    input: Eight,
    output: Eight,
    low: int,
    high: int,
    rule: Rule,
) -> Compiled:
    """weights int8 or uint8 (h, w, output channels), output channel c * multiplier + m reading input channel c."""
    channels, out_channels = geometry.input[2], geometry.output[2]
    if channels == 1 and out_channels > 1:
        as_filters = np.ascontiguousarray(weights.transpose(2, 0, 1))[..., None]
        return plan_convolution(target, geometry, as_filters, weight_zero_point, bias, input, output, low, high, rule)
    plan = Plan(target)
    taps_y, taps_x = geometry.window
    v = (weights.astype(np.int32) - weight_zero_point).reshape(taps_y * taps_x, out_channels).T
    sums = np.zeros(out_channels, np.int64) if bias is None else bias.astype(np.int64)
    finish = (output.stored_zero, low + output.offset, high + output.offset)
    rolling = (
        channels == out_channels
        and geometry.dilation[1] == 1
        and geometry.stride[1] <= taps_x <= 7
        and geometry.stride[0] <= 4
        and taps_y <= 8
    )
    if rolling:
        _plan_rows(plan, geometry, v, sums, input, rule, finish)
        return plan.done("rows with rolling columns")
    _plan_any(plan, geometry, v, sums, input, rule, finish)
    return plan.done("any shape, on a padded copy")


def rows_at_once(taps: int, stride: int, dilation: int, out_height: int) -> int:
    """Output rows that share their input rows: as many as fill up groups of four input rows."""
    if dilation != 1:
        return 1
    rows = (-taps % 4) // stride + 1
    return rows if rows <= out_height else 1


def _plan_rows(
    plan: Plan, geometry: Geometry, v: npt.NDArray[np.int32], bias: npt.NDArray[np.int64], input: Eight, rule: Rule,
    finish: tuple[int, int, int],
) -> None:  # fmt: skip
    (height, width, channels), (out_height, out_width, _) = geometry.input, geometry.output
    (taps_y, taps_x), (stride_y, stride_x) = geometry.window, geometry.stride
    ending = "plain" if finish == (0, 0, 255) else "clamp"
    rows = rows_at_once(taps_y, stride_y, geometry.dilation[0], out_height)
    in_groups = []
    for row in range(rows):
        groups = []
        for x in range(taps_x):
            for g in tap_groups(row, stride_y, taps_y):
                taps = [4 * g + i - row * stride_y for i in range(4)]
                groups.append(np.array([y * taps_x + x if 0 <= y < taps_y else -1 for y in taps], np.intp))
        in_groups.append(groups)
    blocks = channel_blocks(plan.target, channels)
    packed = pack_blocks(plan, v, bias, input, rule, blocks, in_groups)
    zeros = plan.constant(np.full(width * channels, input.stored_zero, np.uint8))
    row_pitch, out_pitch = width * channels, out_width * channels
    band = out_height if len(blocks) == 1 else max(rows, 16384 // (row_pitch * stride_y) // rows * rows)
    for n in range(geometry.batch):
        for start in range(0, out_height, band):
            end = min(start + band, out_height)
            runs = [(start, (end - start) // rows)] if end - start >= rows else []
            if (end - start) % rows:
                runs.append((end - rows, 1))  # overlaps what was done: rows computed twice come out the same
            for part in packed:
                block = part.block
                for y, groups_of_rows in runs:
                    plan.row(
                        ROWS, taps_y, taps_x, stride_y, stride_x, rows, block.lanes, part.rule, ending, block.width,
                        part.sets,
                        a=source() + (n * height * row_pitch + block.first), height=height, width=width,
                        channels=channels, first_x=-geometry.before[1],
                        first_y=y * stride_y - geometry.before[0], row_groups=groups_of_rows, out_width=out_width,
                        zeros=zeros, w=part.weights, parameters=part.parameters,
                        out=result() + ((n * out_height + y) * out_pitch + block.first), columns=block.columns,
                        finish=Finish.argument(*finish), blocks=block.count, out_pitch=out_pitch,
                        tap_step=geometry.dilation[0],
                        work=groups_of_rows * out_width * block.count * rows * (4 * taps_x * len(in_groups[0]) + 40),
                    )  # fmt: skip


def _plan_any(
    plan: Plan, geometry: Geometry, v: npt.NDArray[np.int32], bias: npt.NDArray[np.int64], input: Eight, rule: Rule,
    finish: tuple[int, int, int],
) -> None:  # fmt: skip
    (height, width, channels), (out_height, out_width, out_channels) = geometry.input, geometry.output
    (taps_y, taps_x), (stride_y, stride_x) = geometry.window, geometry.stride
    ending = "plain" if finish == (0, 0, 255) else "clamp"
    taps = taps_y * taps_x
    groups = [np.array([t if t < taps else -1 for t in range(g, g + 4)], np.intp) for g in range(0, taps, 4)]
    packed = pack_blocks(plan, v, bias, input, rule, channel_blocks(plan.target, out_channels), [groups])
    padding = geometry.padding
    pitch = (sum(padding[1]) + width) * out_channels
    offsets = [
        y * geometry.dilation[0] * pitch + x * geometry.dilation[1] * out_channels
        for y in range(taps_y)
        for x in range(taps_x)
    ]
    offsets += [0] * (-taps % 4)
    table = plan.constant(np.array(offsets * packed[0].sets, np.int64))
    multiplier = out_channels // channels
    for n in range(geometry.batch):
        image = source() + n * height * width * channels
        if multiplier > 1:
            repeated = plan.reserve(height * width * out_channels)
            plan.row(
                REPEAT, source=image, target=repeated, count=height * width * channels, times=multiplier,
                work=height * width * out_channels,
            )  # fmt: skip
            plan.then()
            image = repeated
        if padding != ((0, 0), (0, 0)):
            image = padded_copy(plan, image, height, width, out_channels, padding, input.stored_zero)
        for part in packed:
            block = part.block
            plan.row(
                ANY, block.lanes, part.rule, ending, block.width,
                a=image + block.first, taps=table, groups=len(groups) * part.sets, pixel_pitch=out_channels * stride_x,
                w=part.weights, parameters=part.parameters,
                out=result() + (n * out_height * out_width * out_channels + block.first), out_pitch=out_channels,
                columns=block.columns, finish=Finish.argument(*finish), pixels=out_width, lines=out_height,
                a_line=pitch * stride_y, out_line=out_width * out_channels, blocks=block.count,
                work=out_height * out_width * block.count * (16 * len(groups) * part.sets + 40),
            )  # fmt: skip
