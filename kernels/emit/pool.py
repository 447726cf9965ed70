"""AVERAGE_POOL_2D, MAX_POOL_2D, MEAN and SUM over bytes.

A sum takes four pixels at a time through the dot product with ones. Windows cut off by the border are rows of their
own: an output falls into rectangles whose windows have one size.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import rounding
from .channels import Block, channel_blocks
from .language import F32, I8, I32, I64, Function, Value
from .layer import Geometry
from .pieces import Narrowing, dot, interleave, store
from .plan import NOWHERE, Compiled, Eight, Family, Finish, Place, Plan, float_bits, result, source
from .rounding import round_half_even
from .target import Target

_SLOTS = "*a *out #pixels #lines a_pixel a_line out_pixel out_line #taps_y #taps_x line tap #blocks #columns finish"


def _each_window(f: Function, row: Any, lanes: int, width: str, window: Callable[[Value], Value]) -> None:
    """Lines, pixels and blocks of channels; `window` makes the bytes of one block from where its window begins."""
    with f.loop(row.lines, a=row.a, out=row.out) as line:
        with f.loop(row.pixels, a=line.a, out=line.out) as pixel:
            with f.loop(row.blocks, a=pixel.a, out=pixel.out) as block:
                store(block.out, window(block.a), row.columns if width == "part" else None)
                block.a, block.out = block.a + 4 * lanes, block.out + 4 * lanes
            pixel.a, pixel.out = pixel.a + row.a_pixel, pixel.out + row.out_pixel
        line.a, line.out = line.a + row.a_line, line.out + row.out_line


def _write_sum(f: Function, kind: str, lanes: int, ending: str, width: str) -> None:
    """`average`: (sum +- first) / second toward zero. `affine`: rint(sum * first + second), not fused.

    Else the piece of a rounding rule, whose sections for 4L channels lie at `numbers`; `second`, an integer, is added.
    """
    row, vector, block = f.arguments(SUM.slots), F32.x(lanes), I8.x(4 * lanes)
    narrowing = Narrowing(f, row.finish, ending)
    start = row.start.truncate(I32).splat(lanes)
    first, second = (x.truncate(I32).bits(F32).splat(lanes) for x in (row.first, row.second))
    fixed = kind not in ("average", "affine")
    numbers = [rounding.load_sections(f, kind, row.numbers, j, 4, lanes) for j in range(4)] if fixed else []
    bias = row.second.truncate(I32).splat(lanes)
    groups = (row.taps_x + 3).shift_right_unsigned(2)

    def finished(sum_: Value) -> Value:
        real = sum_.convert("sitofp", F32)
        if kind == "affine":
            return round_half_even(real * first + second)
        half = (sum_ > 0).select(first, f.constant(0.0, vector) - first)
        return (real + half).divide(second).convert("fptosi", I32)

    def window(a: Value) -> Value:
        with f.loop(row.taps_y, a=a, sums=[start] * 4) as y:
            with f.loop(groups, a=y.a, left=row.taps_x, sums=y.sums) as x:
                last = x.left - 1
                rows = [(x.a + last.min(i) * row.tap).load(block) for i in range(4)]
                missing = (f.constant(4, I64) - x.left).max(0).truncate(I32)
                ones = f.constant(0x01010101, I32).shift_right_unsigned(missing << 3).splat(lanes)
                x.sums = [dot(sum_, four, ones) for sum_, four in zip(x.sums, interleave(rows), strict=True)]
                x.a, x.left = x.a + (row.tap << 2), x.left - 4
            y.sums, y.a = x.sums, y.a + row.line
        if fixed:
            rounded = [rounding.apply(f, kind, sum_, own) + bias for sum_, own in zip(y.sums, numbers, strict=True)]
            return narrowing.narrow(rounded)
        return narrowing.narrow([finished(sum_) for sum_ in y.sums])

    _each_window(f, row, lanes, width, window)


SUM = Family("sum", f"{_SLOTS} start first second *numbers", _write_sum)


def _write_largest(f: Function, lanes: int, ending: str, width: str) -> None:
    """The greatest byte of each window, clamped."""
    row, block = f.arguments(LARGEST.slots), I8.x(4 * lanes)
    low, high = (row.finish.shift_right_unsigned(shift).truncate(I8).splat(4 * lanes) for shift in (16, 24))

    def window(a: Value) -> Value:
        with f.loop(row.taps_y, a=a, most=low) as y:
            with f.loop(row.taps_x, a=y.a, most=y.most) as x:
                x.most, x.a = x.most.max_unsigned(x.a.load(block)), x.a + row.tap
            y.most, y.a = x.most, y.a + row.line
        most: Value = y.most
        return most if ending == "plain" else most.min_unsigned(high)

    _each_window(f, row, lanes, width, window)


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


def _plan_windows(
    plan: Plan,
    family: Family,
    words: tuple[str, ...],
    geometry: Geometry,
    finish: Finish,
    numbers: Callable[[int], dict[str, int | Place]],
) -> None:
    """One row per rectangle of equal windows, image and block of channels; `numbers` by how many inputs are inside."""
    (height, width, channels), (out_height, out_width, _) = geometry.input, geometry.output
    pitch, out_pitch = width * channels, out_width * channels
    for n, y, x in itertools.product(range(geometry.batch), stretches(geometry, 0), stretches(geometry, 1)):
        taps_y, taps_x = y.taps, x.taps
        if taps_x == width:  # whole rows are one long row
            taps_y, taps_x = 1, y.taps * x.taps
        for block in channel_blocks(plan.target, channels):
            plan.row(
                family,
                *words,
                block.lanes,
                finish.word,
                block.width,
                a=source() + ((n * height + y.start) * pitch + x.start * channels + block.first),
                out=result() + ((n * out_height + y.first) * out_pitch + x.first * channels + block.first),
                pixels=x.count,
                lines=y.count,
                a_pixel=geometry.stride[1] * channels,
                a_line=geometry.stride[0] * pitch,
                out_pixel=channels,
                out_line=out_pitch,
                taps_y=taps_y,
                taps_x=taps_x,
                line=pitch,
                tap=channels,
                blocks=block.count,
                columns=block.columns,
                finish=finish.argument,
                work=x.count * y.count * block.count * (4 * taps_y * taps_x + 40),
                **numbers(y.taps * x.taps),
            )
            plan.divisible(family, "lines", a=geometry.stride[0] * pitch, out=out_pitch)


def window_sizes(geometry: Geometry) -> set[int]:
    """How many inputs the windows have inside the image."""
    return {y.taps * x.taps for y in stretches(geometry, 0) for x in stretches(geometry, 1)}


def plan_average_pool(target: Target, geometry: Geometry, tensor: Eight, low: int, high: int) -> Compiled | str:
    """The runtime's integer average over the inputs inside each window, half away from zero; or why not."""
    if geometry.is_empty:
        return Plan(target).done("nothing to compute")
    sizes = window_sizes(geometry)
    if min(sizes) < 1:
        return "a window lies wholly outside the image"
    if max(sizes) * 256 > EXACT_SUM:
        return f"a window of {max(sizes)} inputs has sums beyond float32's integers"

    def numbers(count: int) -> dict[str, int | Place]:
        halves = {"first": float_bits(count // 2), "second": float_bits(count)}
        return {"start": -tensor.offset * count, **halves, "numbers": NOWHERE}

    plan = Plan(target)
    finish = Finish(tensor.offset, low + tensor.offset, high + tensor.offset)
    _plan_windows(plan, SUM, ("average",), geometry, finish, numbers)
    return plan.done("sums by dot products with ones")


def plan_max_pool(target: Target, geometry: Geometry, tensor: Eight, low: int, high: int) -> Compiled | str:
    """The greatest input of each window; or why not."""
    if geometry.is_empty:
        return Plan(target).done("nothing to compute")
    if min(window_sizes(geometry)) < 1:
        return "a window lies wholly outside the image"
    plan = Plan(target)
    finish = Finish(0, low + tensor.offset, high + tensor.offset)
    _plan_windows(plan, LARGEST, (), geometry, finish, lambda count: {})
    return plan.done("maximum of bytes")


def plan_mean(
    target: Target, outer: int, reduced: int, inner: int, input: Eight, output: Eight, scale: float, bias: float
) -> Compiled:
    """XNNPACK's MEAN and SUM of (outer, reduced, inner) over the middle: rint(float32(sum) * scale + bias), unfused.

    `sum` is of quantized values; scale and bias are float32, the bias holding both zero points.
    """
    plan = Plan(target)

    def numbers(block: Block) -> dict[str, int | Place]:
        return {"first": float_bits(scale), "second": float_bits(bias), "numbers": NOWHERE}

    _plan_sums(plan, "affine", (outer, reduced, inner), Finish(output.offset, 0, 255), -input.offset * reduced, numbers)
    return plan.done("sums by dot products with ones")


def plan_mean_fixed(
    target: Target,
    outer: int,
    reduced: int,
    inner: int,
    input: Eight,
    output: Eight,
    rule: rounding.FixedRule,
    start: int,
    bias: int,
) -> Compiled:
    """Means of (outer, reduced, inner) over the middle: rule(start + sum) + bias, sums of quantized values.

    The rule has a number per inner element and 0 for the zero point.
    """
    plan = Plan(target)
    piece = rule.piece(np.zeros(0))

    def numbers(block: Block) -> dict[str, int | Place]:
        """Of the first of the blocks: full blocks have the same."""
        sections = np.concatenate(rule.sections(block.chosen(inner)[0]))
        return {"first": 0, "second": bias, "numbers": plan.constant(sections)}

    finish = Finish(output.offset, 0, 255)
    _plan_sums(plan, piece, (outer, reduced, inner), finish, start - input.offset * reduced, numbers)
    return plan.done("sums by dot products with ones")


def _plan_sums(
    plan: Plan,
    kind: str,
    shape: tuple[int, int, int],
    finish: Finish,
    start: int,
    numbers: Callable[[Block], dict[str, int | Place]],
) -> None:
    outer, reduced, inner = shape
    if 0 in (outer, inner):
        return
    for block in channel_blocks(plan.target, inner):
        plan.row(
            SUM,
            kind,
            block.lanes,
            finish.word,
            block.width,
            a=source() + block.first,
            out=result() + block.first,
            pixels=outer,
            lines=1,
            a_pixel=reduced * inner,
            a_line=0,
            out_pixel=inner,
            out_line=0,
            taps_y=1,
            taps_x=reduced,
            line=0,
            tap=inner,
            blocks=block.count,
            columns=block.columns,
            finish=finish.argument,
            start=start,
            work=outer * block.count * (4 * reduced + 40),
            **numbers(block),
        )
