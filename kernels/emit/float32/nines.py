"""AVERAGE_POOL_2D over float32 as XNNPACK sums it: the positions of a window column by column, nine at a time."""

from __future__ import annotations

import functools
import itertools
import operator

from ..language import F32, I32, Function, Value
from ..layer import Geometry
from ..pieces import store
from ..plan import Compiled, Family, Plan, float_bits, result, source
from ..pool import stretches
from ..target import Target
from .pieces import Clamp, Clamping, real, spans

NINE = 9
"""Taps that XNNPACK sums at once."""


def _write_nine(f: Function, taps: int, place: str, lanes: int, ending: str, width: str) -> None:
    """(2 + 3) + (4 + 5) and ((0 + 1) + 8) + (6 + 7), times `factor`, of the first `taps` of nine; `at` their distances.

    `place`: more follows the nine (`first`), or went before (`next`: the sum so far lies in `out`), or both
    (`between`), or neither (`only`). A tap whose bit in `cut` is set counts as 0.
    """
    row, vector, size = f.arguments(NINES.slots), F32.x(lanes), 4 * lanes
    integers = I32.x(lanes)
    clamping, factor = Clamping(ending, row.low, row.high), real(row.factor).splat(lanes)
    masks = (
        [(((row.cut >> j) & 1) - 1).truncate(I32).splat(lanes) for j in range(taps)] if place.endswith("cut") else []
    )
    kind = place.removesuffix("cut")
    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, a=line.a, out=line.out) as pixel:
            with f.loop(row.blocks, a=pixel.a, out=pixel.out) as block:
                found = [(block.a + getattr(row, f"at{j}")).load(vector) for j in range(taps)]
                if masks:
                    found = [(x.bits(integers) & mask).bits(vector) for x, mask in zip(found, masks, strict=True)]
                total = _sum_of_nine(found)
                if kind in ("next", "between"):
                    total = block.out.load(vector) + total
                if kind in ("only", "next"):
                    total = clamping.apply(total * factor)
                store(block.out, total, row.columns if width == "part" else None)
                block.a, block.out = block.a + size, block.out + size
            pixel.a, pixel.out = pixel.a + row.a_pixel, pixel.out + row.out_pixel
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


def _sum_of_nine(taps: list[Value]) -> Value:
    def added(*numbers: int) -> list[Value]:
        return [taps[j] for j in numbers if j < len(taps)]

    def chain(values: list[Value]) -> list[Value]:
        return [functools.reduce(operator.add, values)] if values else []

    inner = chain(chain(added(2, 3)) + chain(added(4, 5)))
    outer = chain(chain(added(0, 1, 8)) + chain(added(6, 7)))
    return chain(inner + outer)[0]


NINES = Family(
    "floatnines",
    "*a *out #pixels #lines a_pixel a_line out_pixel out_line #blocks #columns factor low high cut "
    + " ".join(f"at{j}" for j in range(NINE)),
    _write_nine,
)


def plan_nines(target: Target, geometry: Geometry, clamp: Clamp) -> Compiled | str:
    """Means of the inputs inside each window: sums times the reciprocal of their number. NaN becomes the bound."""
    plan = Plan(target)
    if geometry.is_empty:
        return plan.done("nothing to compute")
    if min(stretch.taps for axis in (0, 1) for stretch in stretches(geometry, axis)) < 1:
        return "a window lies wholly outside the image"
    (height, width, channels), (out_height, out_width, _) = geometry.input, geometry.output
    pixel, pitch, out_pitch = 4 * channels, 4 * width * channels, 4 * out_width * channels
    window = list(itertools.product(range(geometry.window[1]), range(geometry.window[0])))
    nines = [window[first : first + NINE] for first in range(0, len(window), NINE)]
    for n, y, x in itertools.product(range(geometry.batch), stretches(geometry, 0), stretches(geometry, 1)):
        above = y.start - (y.first * geometry.stride[0] - geometry.before[0])
        left = x.start - (x.first * geometry.stride[1] - geometry.before[1])
        for number, nine in enumerate(nines):
            inside = [0 <= j - left < x.taps and 0 <= i - above < y.taps for j, i in nine]
            at = [((i - above) * pitch + (j - left) * pixel) * here for (j, i), here in zip(nine, inside, strict=True)]
            last = number == len(nines) - 1
            place = ("only" if last else "first") if number == 0 else ("next" if last else "between")
            cut = sum(1 << j for j, here in enumerate(inside) if not here)
            for span in spans(target, channels):
                plan.row(
                    NINES,
                    len(nine),
                    place + ("cut" if cut else ""),
                    span.lanes,
                    "nan",
                    span.width,
                    a=source() + ((n * height + y.start) * pitch + x.start * pixel + 4 * span.first),
                    out=result() + ((n * out_height + y.first) * out_pitch + x.first * pixel + 4 * span.first),
                    pixels=x.count,
                    lines=y.count,
                    a_pixel=geometry.stride[1] * pixel,
                    a_line=geometry.stride[0] * pitch,
                    out_pixel=pixel,
                    out_line=out_pitch,
                    blocks=span.count,
                    columns=span.columns,
                    factor=float_bits(1.0 / (y.taps * x.taps)),
                    low=float_bits(clamp.low),
                    high=float_bits(clamp.high),
                    cut=cut,
                    work=x.count * y.count * span.count * 12,
                    **{f"at{j}": at[j] if j < len(at) else 0 for j in range(NINE)},
                )
    return plan.done("nine taps at a time")
