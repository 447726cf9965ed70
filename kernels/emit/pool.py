"""AVERAGE_POOL_2D, MAX_POOL_2D, MEAN and SUM over bytes.

A sum takes four pixels at a time through the dot product with ones. Windows cut off by the border are rows of their own:
an output falls into rectangles whose windows have one size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .convolution import Geometry
from .depthwise import channel_blocks
from .language import F32, I8, I32, Function, Value
from .pieces import Finish, dot, interleave, store
from .plan import Compiled, Eight, Family, Plan, result, source
from .rounding import round_half_even
from .target import Target

_SLOTS = "*a *out pixels lines a_pixel a_line out_pixel out_line taps_y taps_x line tap blocks columns finish"


def _write_sum(f: Function, kind: str, lanes: int, ending: str, width: str) -> None:
    """`average`: (sum +- half) / count toward zero. `affine`: rint(sum * scale + bias), unfused. Sum starts at `start`."""
    (a, out, pixels, lines, a_pixel, a_line, out_pixel, out_line, taps_y, taps_x, line_pitch, tap, blocks, columns,
     finish, start, first, second) = f.arguments(SUM.slots)  # fmt: skip
    vector, block = I32.x(lanes), I8.x(4 * lanes)
    finishing = Finish(f, finish, ending == "plain")
    beginning = start.truncate(I32).splat(lanes)
    first, second = (x.truncate(I32).bits(F32).splat(lanes) for x in (first, second))
    groups = (taps_x + 3).shift_right_unsigned(2)

    def finished(sum_: Value) -> Value:
        real = sum_.convert("sitofp", F32)
        if kind == "affine":
            return round_half_even(real * first + second)
        half = (sum_ > 0).select(first, f.constant(0.0, F32.x(lanes)) - first)
        return (real + half).divide(second).convert("fptosi", I32)

    with f.loop(lines, a=a, out=out) as line:
        with f.loop(pixels, a=line.a, out=line.out) as pixel:
            with f.loop(blocks, a=pixel.a, out=pixel.out) as b:
                with f.loop(taps_y, a=b.a, sums=[beginning] * 4) as y:
                    with f.loop(groups, a=y.a, left=taps_x, sums=y.sums) as x:
                        last = x.left - 1
                        rows = [(x.a + last.min(i) * tap).load(block) for i in range(4)]
                        missing = (f.constant(4, x.left.type) - x.left).max(0).truncate(I32)
                        ones = f.constant(0x01010101, I32).shift_right_unsigned(missing << 3).splat(lanes)
                        x.sums = [dot(sum_, four, ones) for sum_, four in zip(x.sums, interleave(rows), strict=True)]
                        x.a, x.left = x.a + (tap << 2), x.left - 4
                    y.sums, y.a = x.sums, y.a + line_pitch
                values = finishing.narrow([finished(sum_) for sum_ in y.sums])
                store(b.out, values, columns if width == "part" else None)
                b.a, b.out = b.a + 4 * lanes, b.out + 4 * lanes
            pixel.a, pixel.out = pixel.a + a_pixel, pixel.out + out_pixel
        line.a, line.out = line.a + a_line, line.out + out_line
    del vector


SUM = Family("sum", f"{_SLOTS} start first second", _write_sum)


def _write_largest(f: Function, lanes: int, ending: str, width: str) -> None:
    """The greatest byte of each window, clamped."""
    (a, out, pixels, lines, a_pixel, a_line, out_pixel, out_line, taps_y, taps_x, line_pitch, tap, blocks, columns,
     finish) = f.arguments(LARGEST.slots)  # fmt: skip
    block = I8.x(4 * lanes)
    low, high = (finish.shift_right_unsigned(shift).truncate(I8).splat(4 * lanes) for shift in (16, 24))
    with f.loop(lines, a=a, out=out) as line:
        with f.loop(pixels, a=line.a, out=line.out) as pixel:
            with f.loop(blocks, a=pixel.a, out=pixel.out) as b:
                with f.loop(taps_y, a=b.a, most=low) as y:
                    with f.loop(taps_x, a=y.a, most=y.most) as x:
                        x.most, x.a = x.most.max_unsigned(x.a.load(block)), x.a + tap
                    y.most, y.a = x.most, y.a + line_pitch
                most = y.most if ending == "plain" else y.most.min_unsigned(high)
                store(b.out, most, columns if width == "part" else None)
                b.a, b.out = b.a + 4 * lanes, b.out + 4 * lanes
            pixel.a, pixel.out = pixel.a + a_pixel, pixel.out + out_pixel
        line.a, line.out = line.a + a_line, line.out + out_line


LARGEST = Family("largest", _SLOTS, _write_largest)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Outputs first..first+count-1 along an axis: windows of `taps` inputs, the first at `start`, a stride apart."""

    first: int
    count: int
    start: int
    taps: int


def stretches(geometry: Geometry, axis: int) -> list[Stretch]:
    """An output axis cut where the size of the window inside the image changes."""
    result: list[Stretch] = []
    for at in range(geometry.output[axis]):
        begin = at * geometry.stride[axis] - geometry.before[axis]
        start, end = max(begin, 0), min(begin + geometry.window[axis], geometry.input[axis])
        last = result[-1] if result else None
        if last is not None and last.taps == end - start and start == last.start + last.count * geometry.stride[axis]:
            result[-1] = Stretch(last.first, last.count + 1, last.start, last.taps)
        else:
            result.append(Stretch(at, 1, start, end - start))
    return result


EXACT_SUM = 2**24
"""Up to here float32 holds every integer, so an average computed in it is exact."""


def average_numbers(count: int, offset: int) -> tuple[int, int, int]:
    """start, first, second of a sum of `count` values, stored with `offset`, for the kind `average`."""
    return -offset * count, _bits(count // 2), _bits(count)


def _bits(real: float) -> int:
    return int(np.float32(real).view(np.uint32))


def _plan_windows(
    plan: Plan, family: Family, words: tuple[object, ...], geometry: Geometry, finish: tuple[int, int, int],
    numbers: dict[int, dict[str, int]],
) -> None:  # fmt: skip
    """One row per rectangle of equal windows, image and block of channels; `numbers` by how many inputs are inside."""
    (height, width, channels), (out_height, out_width, _) = geometry.input, geometry.output
    ending = "plain" if finish == (0, 0, 255) else "clamp"
    pitch, out_pitch = width * channels, out_width * channels
    for n in range(geometry.batch):
        for y in stretches(geometry, 0):
            for x in stretches(geometry, 1):
                taps_y, taps_x, line = y.taps, x.taps, pitch
                if taps_x == width:  # whole rows are one long row
                    taps_y, taps_x = 1, taps_y * taps_x
                for block in channel_blocks(plan.target, channels):
                    plan.row(
                        family, *words, block.lanes, ending, block.width,
                        a=source() + ((n * height + y.start) * pitch + x.start * channels + block.first),
                        out=result() + ((n * out_height + y.first) * out_pitch + x.first * channels + block.first),
                        pixels=x.count, lines=y.count, a_pixel=geometry.stride[1] * channels,
                        a_line=geometry.stride[0] * pitch, out_pixel=channels, out_line=out_pitch, taps_y=taps_y,
                        taps_x=taps_x, line=line, tap=channels, blocks=block.count, columns=block.columns,
                        finish=Finish.argument(*finish), **numbers.get(y.taps * x.taps, {}),
                        work=x.count * y.count * block.count * (4 * taps_y * taps_x + 40),
                    )  # fmt: skip


def plan_average_pool(target: Target, geometry: Geometry, tensor: Eight, low: int, high: int) -> Compiled | str:
    """The runtime's integer average over the inputs inside each window, half away from zero; or why not."""
    counts = {y.taps * x.taps for y in stretches(geometry, 0) for x in stretches(geometry, 1)}
    if min(counts, default=1) < 1:
        return "a window lies wholly outside the image"
    if max(counts, default=1) * 256 > EXACT_SUM:
        return f"a window of {max(counts)} inputs has sums beyond float32's integers"
    plan = Plan(target)
    numbers = {
        count: dict(zip(("start", "first", "second"), average_numbers(count, tensor.offset), strict=True))
        for count in counts
    }
    finish = (tensor.offset, low + tensor.offset, high + tensor.offset)
    _plan_windows(plan, SUM, ("average",), geometry, finish, numbers)
    return plan.done("sums by dot products with ones")


def plan_max_pool(target: Target, geometry: Geometry, tensor: Eight, low: int, high: int) -> Compiled | str:
    """The greatest input of each window; or why not."""
    if any(s.taps < 1 for axis in (0, 1) for s in stretches(geometry, axis)):
        return "a window lies wholly outside the image"
    plan = Plan(target)
    finish = (0, low + tensor.offset, high + tensor.offset)
    _plan_windows(plan, LARGEST, (), geometry, finish, {})
    return plan.done("maximum of bytes")


def plan_mean(
    target: Target, outer: int, reduced: int, inner: int, input: Eight, output: Eight, scale: float, bias: float
) -> Compiled:
    """XNNPACK's MEAN and SUM of (outer, reduced, inner) over the middle: rint(float32(sum) * scale + bias), unfused.

    `sum` is of quantized values; scale and bias are float32, the bias holding both zero points.
    """
    plan = Plan(target)
    finish = (output.offset, 0, 255)
    ending = "plain" if finish == (0, 0, 255) else "clamp"
    for block in channel_blocks(target, inner):
        plan.row(
            SUM, "affine", block.lanes, ending, block.width,
            a=source() + block.first, out=result() + block.first, pixels=outer, lines=1, a_pixel=reduced * inner,
            a_line=0, out_pixel=inner, out_line=0, taps_y=1, taps_x=reduced, line=0, tap=inner, blocks=block.count,
            columns=block.columns, finish=Finish.argument(*finish), start=-input.offset * reduced, first=_bits(scale),
            second=_bits(bias), work=outer * block.count * (4 * reduced + 40),
        )  # fmt: skip
    return plan.done("sums by dot products with ones")
