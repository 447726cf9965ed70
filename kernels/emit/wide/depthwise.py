"""DEPTHWISE_CONV_2D over int16, of any size, stride and dilation: two taps at a time on a padded copy."""

from __future__ import annotations

import numpy as np

from ..fill import padded_copy
from ..language import I16, I32, I64, Function, Value
from ..layer import Geometry
from ..move import Loops, plan_nest
from ..pieces import column, dot_pairs, store, unpack
from ..plan import Compiled, Family, Plan, result, source
from ..target import Target
from .layer import Halfwords, Layer, finished, parameter_bytes
from .products import plan_single

MOST_TAPS = 511
"""Products of an int16 and an int8 number that int32 holds the sum of."""


def _write_taps(f: Function, piece: str, width: str) -> None:
    """Channels by twice the lanes; the pairs of taps lie at offsets in a table."""
    lanes = f.target.lanes
    vector, words, size = I32.x(lanes), I16.x(2 * lanes), 4 * lanes
    row = f.arguments(WIDE_TAPS.slots)
    halfwords, zero = Halfwords(f, row.low, row.top), f.constant(0, vector)
    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, a=line.a, out=line.out) as pixel:
            start = {"a": pixel.a, "w": row.w, "parameters": row.parameters, "out": pixel.out, "left": row.columns}
            with f.loop(row.blocks, **start) as b:
                with f.loop(row.pairs, tap=row.taps, w=b.w, sums=[zero, zero]) as pair:
                    both = [(b.a + pair.tap.load(I64, 8 * i, 8)).load(words) for i in (0, 1)]
                    pair.sums = [
                        dot_pairs(sum_, unpack(*both, upper=bool(j)).bits(vector), pair.w.load(vector, size * j))
                        for j, sum_ in enumerate(pair.sums)
                    ]
                    pair.tap, pair.w = pair.tap + 16, pair.w + 2 * size
                done = [
                    halfwords.narrow(finished(f, piece, [sum_], b.parameters, j, 2)) for j, sum_ in enumerate(pair.sums)
                ]
                store(b.out, _side_by_side(done), b.left.min(2 * lanes) if width == "part" else None)
                b.a, b.w, b.out = b.a + size, pair.w, b.out + size
                b.parameters, b.left = b.parameters + parameter_bytes(piece, 2, lanes), b.left - 2 * lanes
            pixel.a, pixel.out = pixel.a + row.pixel_pitch, pixel.out + row.out_pitch
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


def _side_by_side(halves: list[Value]) -> Value:
    """Two vectors of int16 in the order of `column` to one."""
    lanes = halves[0].type.lanes
    order = sorted(range(2 * lanes), key=lambda at: column(2, at // lanes, at % lanes))
    return halves[0].shuffle(order, halves[1])


WIDE_TAPS = Family(
    "widetaps",
    "*a *taps #pairs pixel_pitch *w *parameters *out out_pitch #columns low top #pixels #lines a_line out_line #blocks",
    _write_taps,
)


def plan_depthwise(target: Target, geometry: Geometry, layer: Layer) -> Compiled | str:
    """Weights (1, h, w, output channels), output channel c * multiplier + m reading input channel c."""
    (height, width, in_channels), (out_height, out_width, channels) = geometry.input, geometry.output
    if in_channels == 1 and channels > 1:
        return plan_single(target, geometry, layer)
    plan, lanes = Plan(target), target.lanes
    if geometry.is_empty:
        return plan.done("nothing to compute")
    (taps_y, taps_x), (dilation_y, dilation_x) = geometry.window, geometry.dilation
    taps = taps_y * taps_x
    if taps > MOST_TAPS:
        return f"sums of {taps} products beyond int32"
    blocks = -(-channels // (2 * lanes))
    chosen = np.array([column(2, j, e) for j in range(2) for e in range(lanes)])
    chosen = np.arange(blocks)[:, None] * 2 * lanes + chosen
    chosen = np.where(chosen < channels, chosen, -1)
    weights = np.zeros((taps + taps % 2, channels + 1), np.int16)
    weights[:taps, :channels] = layer.weights.reshape(taps, channels)
    packed = weights[:, chosen].reshape(-1, 2, blocks, 2 * lanes).transpose(2, 0, 3, 1)
    fold = np.zeros(channels, np.int64)
    parameters = np.concatenate([layer.parameters(fold, own.reshape(2, lanes)) for own in chosen])
    pitch = (sum(geometry.padding[1]) + width) * channels * 2
    offsets = [y * dilation_y * pitch + 2 * x * dilation_x * channels for y in range(taps_y) for x in range(taps_x)]
    table = plan.constant(np.array(offsets + [0] * (taps % 2), np.int64))
    w, numbers = plan.constant(packed), plan.constant(parameters)
    for n in range(geometry.batch):
        image = source() + 2 * n * height * width * in_channels
        if channels > in_channels:
            times, repeated = channels // in_channels, plan.reserve(2 * height * width * channels)
            steps = ((times, 0, 1), (height * width * in_channels, 1, times))
            plan_nest(plan, image, repeated, Loops(0, 0, 1, steps), 2)
            plan.then()
            image = repeated
        if geometry.is_padded:
            image = padded_copy(plan, image, (height, width, 2 * channels), geometry.padding, 0)
        plan.row(
            WIDE_TAPS,
            layer.piece,
            "full" if channels % (2 * lanes) == 0 else "part",
            a=image,
            taps=table,
            pairs=(taps + 1) // 2,
            pixel_pitch=2 * channels * geometry.stride[1],
            w=w,
            parameters=numbers,
            out=result() + 2 * n * out_height * out_width * channels,
            out_pitch=2 * channels,
            columns=channels,
            low=layer.low,
            top=layer.high,
            pixels=out_width,
            lines=out_height,
            a_line=pitch * geometry.stride[0],
            out_line=2 * out_width * channels,
            blocks=blocks,
            work=out_height * out_width * blocks * (3 * taps + 40),
        )
        plan.divisible(WIDE_TAPS, "lines", a=pitch * geometry.stride[0], out=2 * out_width * channels)
    return plan.done("two taps at a time, on a padded copy" if geometry.is_padded else "two taps at a time")
