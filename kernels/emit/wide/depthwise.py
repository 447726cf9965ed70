"""DEPTHWISE_CONV_2D over int16, of any size, stride and dilation: two taps at a time on a padded copy.

Where windows follow one another without gaps (stride 1), a line of output is one long row of channels whose weights
repeat, so that a vector may hold several pixels.
"""

from __future__ import annotations

import math

import numpy as np

from ..fill import padded_copy
from ..language import I16, I32, I64, Function, Value
from ..layer import Geometry
from ..move import Loops, plan_nest
from ..pieces import column, dot_pairs, store, unpack
from ..plan import Compiled, Family, Place, Plan, result, source
from ..target import Target
from .layer import Halfwords, Layer, finished, parameter_bytes
from .products import plan_single

MOST_TAPS = 511
"""Products of an int16 and an int8 number that int32 holds the sum of."""
UNROLLED = (2, 5, 13)
"""Pairs of taps whose loop is unrolled: of 1x3, 3x3 and 5x5."""


def _write_taps(f: Function, lanes: int, pairs: int, piece: str, ending: str, way: str) -> None:
    """Blocks of 2 * lanes channels; `pairs` of taps, by a loop where it is 0, lie at offsets in a table.

    way: `pixel` where each pixel has `columns` channels in `blocks`; `flat` where each line has, in `pixels` times
    `blocks` of which the last may be missing.
    """
    vector, words, size = I32.x(lanes), I16.x(2 * lanes), 4 * lanes
    row = f.arguments(WIDE_TAPS.slots)
    halfwords, zero = Halfwords(f, row.low, row.top, ending), f.constant(0, vector)
    offsets = [row.taps.load(I64, 8 * i, 8) for i in range(2 * pairs)]

    def products(a: Value, taps: list[Value], w: Value, sums: list[Value]) -> list[Value]:
        both = [(a + tap).load(words) for tap in taps]
        return [
            dot_pairs(sum_, unpack(both[0], both[1], upper=bool(j)).bits(vector), w.load(vector, size * j))
            for j, sum_ in enumerate(sums)
        ]

    def summed(a: Value, w: Value) -> tuple[list[Value], Value]:
        if pairs:
            sums = [zero, zero]
            for pair in range(pairs):
                sums = products(a, offsets[2 * pair : 2 * pair + 2], w + 2 * size * pair, sums)
            return sums, w + 2 * size * pairs
        with f.loop(row.pairs, tap=row.taps, w=w, sums=[zero, zero]) as loop:
            loop.sums = products(a, [loop.tap.load(I64, 8 * i, 8) for i in (0, 1)], loop.w, loop.sums)
            loop.tap, loop.w = loop.tap + 16, loop.w + 2 * size
        return loop.sums, loop.w

    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, a=line.a, out=line.out, left=row.columns) as pixel:
            left = pixel.left if way == "flat" else row.columns
            count = (left + (2 * lanes - 1)).shift_right_unsigned((2 * lanes).bit_length() - 1).min(row.blocks)
            with f.loop(count, a=pixel.a, w=row.w, parameters=row.parameters, out=pixel.out, left=left) as b:
                sums, b.w = summed(b.a, b.w)
                done = [finished(f, piece, [sum_], b.parameters, j, 2) for j, sum_ in enumerate(sums)]
                store(b.out, halfwords.narrow(done), b.left.min(2 * lanes))
                b.a, b.out, b.left = b.a + size, b.out + size, b.left - 2 * lanes
                b.parameters = b.parameters + parameter_bytes(piece, 2, lanes)
            pixel.a, pixel.out, pixel.left = pixel.a + row.pixel_pitch, pixel.out + row.out_pitch, b.left
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


WIDE_TAPS = Family(
    "widetaps",
    "*a *taps #pairs pixel_pitch *w *parameters *out out_pitch #columns low top #pixels #lines a_line out_line #blocks",
    _write_taps,
)


def _write_columns(f: Function, lanes: int, tall: int, wide: int, stride: int, piece: str, ending: str) -> None:
    """Blocks of 2 * lanes channels, line by line; what is read of the image's columns rolls on from pixel to pixel."""
    vector, words, size = I32.x(lanes), I16.x(2 * lanes), 4 * lanes
    row = f.arguments(WIDE_COLUMNS.slots)
    halfwords, zero = Halfwords(f, row.low, row.top, ending), f.constant(0, vector)
    none, pairs, kept = f.constant(0, words), (tall + 1) // 2, max(wide - stride, 0)
    rows = [row.a_row * i for i in range(tall)]

    def column_at(a: Value) -> list[list[Value]]:
        """Of each pair of rows both halves, number by number in turn."""
        read = [(a + start).load(words) for start in rows] + [none] * (tall % 2)
        return [
            [unpack(read[i], read[i + 1], upper).bits(vector) for upper in (False, True)] for i in range(0, tall, 2)
        ]

    with f.loop(row.blocks, a=row.a, w=row.w, parameters=row.parameters, out=row.out, left=row.columns) as b:
        weights = [
            [[b.w.load(vector, size * (2 * (pairs * x + y) + j)) for j in (0, 1)] for y in range(pairs)]
            for x in range(wide)
        ]
        now = b.left.min(2 * lanes)
        with f.loop(row.lines, a=b.a, out=b.out) as line:
            old = [column_at(line.a + row.pixel * x) for x in range(kept)]
            with f.loop(row.pixels, a=line.a + row.pixel * kept, out=line.out, old=old) as pixel:
                new = [column_at(pixel.a + row.pixel * x) for x in range(wide - kept)]
                seen, sums = [*pixel.old, *new], [zero, zero]
                for x in range(wide):
                    for y in range(pairs):
                        sums = [dot_pairs(sums[j], seen[x][y][j], weights[x][y][j]) for j in (0, 1)]
                done = [finished(f, piece, [sum_], b.parameters, j, 2) for j, sum_ in enumerate(sums)]
                store(pixel.out, halfwords.narrow(done), now)
                pixel.a, pixel.out, pixel.old = pixel.a + row.pixel * stride, pixel.out + row.out_pixel, seen[stride:]
            line.a, line.out = line.a + row.a_line, line.out + row.out_line
        b.a, b.out, b.left = b.a + size, b.out + size, b.left - 2 * lanes
        b.w, b.parameters = b.w + 2 * size * pairs * wide, b.parameters + parameter_bytes(piece, 2, lanes)


WIDE_COLUMNS = Family(
    "widecolumns",
    "*a a_row pixel *w *parameters *out out_pixel #columns low top #pixels #lines a_line out_line #blocks",
    _write_columns,
)


def _plan_columns(plan: Plan, geometry: Geometry, layer: Layer, image: Place, number: int) -> None:
    """Rows for a padded image, its columns rolling: whole blocks of channels, then the rest in narrower vectors."""
    (out_height, out_width, channels), (tall, wide) = geometry.output, geometry.window
    pitch = (sum(geometry.padding[1]) + geometry.input[1]) * channels * 2
    for first, lanes, blocks in _blocks(plan.target, channels):
        order = np.array([column(2, j, e) for j in range(2) for e in range(lanes)])
        chosen = first + np.arange(blocks)[:, None] * 2 * lanes + order
        chosen = np.where(chosen < channels, chosen, -1)
        weights = np.zeros((tall + tall % 2, wide, channels + 1), np.int16)
        weights[:tall, :, :channels] = layer.weights.reshape(tall, wide, channels)
        packed = weights[:, :, chosen].reshape(-1, 2, wide, blocks, 2 * lanes).transpose(3, 2, 0, 4, 1)
        fold = np.zeros(channels, np.int64)
        parameters = np.concatenate([layer.parameters(fold, own.reshape(2, lanes)) for own in chosen])
        plan.row(
            WIDE_COLUMNS,
            lanes,
            tall,
            wide,
            geometry.stride[1],
            layer.piece,
            layer.ending,
            a=image + 2 * first,
            a_row=pitch * geometry.dilation[0],
            pixel=2 * channels,
            w=plan.constant(packed),
            parameters=plan.constant(parameters),
            out=result() + 2 * (number * out_height * out_width * channels + first),
            out_pixel=2 * channels,
            columns=channels - first,
            low=layer.low,
            top=layer.high,
            pixels=out_width,
            lines=out_height,
            a_line=pitch * geometry.stride[0],
            out_line=2 * out_width * channels,
            blocks=blocks,
            work=out_height * out_width * blocks * (2 * tall * wide + 30),
        )
        plan.divisible(WIDE_COLUMNS, "lines", a=pitch * geometry.stride[0], out=2 * out_width * channels)


def _blocks(target: Target, channels: int) -> list[tuple[int, int, int]]:
    """(first channel, lanes, blocks of twice as many channels): whole vectors, and the narrowest that hold the rest."""
    whole, rest = divmod(channels, 2 * target.lanes)
    found = [(0, target.lanes, whole)] if whole else []
    if rest:
        found.append((channels - rest, next(n for n in (4, 8, 16) if 2 * n >= rest), 1))
    return found


def _rolls(geometry: Geometry, target: Target) -> bool:
    """Whether columns should roll: weights that registers hold, and few lanes without a channel."""
    (tall, wide), stride, channels = geometry.window, geometry.stride[1], geometry.output[2]
    vectors = sum(blocks * (1 if lanes == target.lanes else 0.6) for _, lanes, blocks in _blocks(target, channels))
    return (
        (tall + 1) // 2 * wide <= 6
        and wide > 1
        and geometry.dilation[1] == 1
        and stride <= 2
        and (stride > 1 or vectors * 2 * target.lanes <= 1.6 * channels)
    )


def plan_depthwise(target: Target, geometry: Geometry, layer: Layer) -> Compiled | str:
    """Weights (1, h, w, output channels), output channel c * multiplier + m reading input channel c."""
    (_, width, in_channels), (out_height, out_width, channels) = geometry.input, geometry.output
    if in_channels == 1 and channels > 1:
        return plan_single(target, geometry, layer)
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    (taps_y, taps_x), (dilation_y, dilation_x) = geometry.window, geometry.dilation
    taps = taps_y * taps_x
    if taps > MOST_TAPS:
        return f"sums of {taps} products beyond int32"
    if _rolls(geometry, target):
        for n in range(geometry.batch):
            _plan_columns(plan, geometry, layer, _image(plan, geometry, n), n)
        return plan.done("two rows at a time, with rolling columns")
    flat = geometry.stride[1] == 1
    line = out_width * channels if flat else channels
    lanes = next(n for n in (4, 8, 16) if n == target.lanes or 2 * n >= line)
    together = 2 * lanes // math.gcd(channels, 2 * lanes) if flat else 1  # pixels after which the weights repeat
    blocks = -(-together * channels // (2 * lanes))
    order = np.array([column(2, j, e) for j in range(2) for e in range(lanes)])
    chosen = np.arange(blocks)[:, None] * 2 * lanes + order
    chosen = chosen % channels if flat else np.where(chosen < channels, chosen, -1)
    weights = np.zeros((taps + taps % 2, channels + 1), np.int16)
    weights[:taps, :channels] = layer.weights.reshape(taps, channels)
    packed = weights[:, chosen].reshape(-1, 2, blocks, 2 * lanes).transpose(2, 0, 3, 1)
    fold = np.zeros(channels, np.int64)
    parameters = np.concatenate([layer.parameters(fold, own.reshape(2, lanes)) for own in chosen])
    pitch = (sum(geometry.padding[1]) + width) * channels * 2
    offsets = [y * dilation_y * pitch + 2 * x * dilation_x * channels for y in range(taps_y) for x in range(taps_x)]
    table = plan.constant(np.array(offsets + [0] * (taps % 2), np.int64))
    w, numbers, pairs = plan.constant(packed), plan.constant(parameters), (taps + 1) // 2
    for n in range(geometry.batch):
        image = _image(plan, geometry, n)
        plan.row(
            WIDE_TAPS,
            lanes,
            pairs if pairs in UNROLLED else 0,
            layer.piece,
            layer.ending,
            "flat" if flat else "pixel",
            a=image,
            taps=table,
            pairs=pairs,
            pixel_pitch=2 * channels * (together if flat else geometry.stride[1]),
            w=w,
            parameters=numbers,
            out=result() + 2 * n * out_height * out_width * channels,
            out_pitch=2 * channels * together,
            columns=line,
            low=layer.low,
            top=layer.high,
            pixels=-(-out_width // together),
            lines=out_height,
            a_line=pitch * geometry.stride[0],
            out_line=2 * out_width * channels,
            blocks=blocks,
            work=out_height * -(-out_width // together) * blocks * (3 * taps + 30),
        )
        plan.divisible(WIDE_TAPS, "lines", a=pitch * geometry.stride[0], out=2 * out_width * channels)
    way = "several pixels to a vector" if flat else "one pixel after the other"
    return plan.done(f"two taps at a time, {way}")


def _image(plan: Plan, geometry: Geometry, number: int) -> Place:
    """Rows that repeat an image's channels as often as the output needs them and give it a border, where it must be."""
    (height, width, in_channels), channels = geometry.input, geometry.output[2]
    image = source() + 2 * number * height * width * in_channels
    if channels > in_channels:
        times, repeated = channels // in_channels, plan.reserve(2 * height * width * channels)
        steps = ((times, 0, 1), (height * width * in_channels, 1, times))
        plan_nest(plan, image, repeated, Loops(0, 0, 1, steps), 2)
        plan.then()
        image = repeated
    if geometry.is_padded:
        image = padded_copy(plan, image, (height, width, 2 * channels), geometry.padding, 0)
    return image
