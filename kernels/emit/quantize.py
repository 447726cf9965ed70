"""QUANTIZE of floats to bytes and DEQUANTIZE of bytes to floats, with one scale and zero point a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from .language import F32, F64, I8, I32, Function, Value
from .pieces import BLOCK, Narrowing, store
from .plan import Compiled, Eight, Family, Finish, Plan, double_bits, float_bits, result, source
from .rounding import round_half_even
from .target import Target

BEYOND = 2.0**20
"""Stands for a sum that wrapped: far outside 8 bits, whichever the zero point."""


class ToBytes(Enum):
    """How a float becomes an integer, to which the zero point is added.

    TOP     x * (1 / scale), at most what the type holds, which NaN becomes, too; half to even
    EVEN    x * (1 / scale), half to even; NaN and what int32 doesn't hold are the least int32; sums wrap in 32 bits
    AWAY    x / scale, half away from zero; the rest as EVEN
    DOUBLE  AWAY in float64
    """

    TOP = "top"
    EVEN = "even"
    AWAY = "away"
    DOUBLE = "double"


def _write_quantize(f: Function, rule: str, ending: str) -> None:
    """Real numbers below `low` or from `high` on, and NaN, are `beyond` (rule top: `high`). All four are float64."""
    row, lanes = f.arguments(QUANTIZE.slots), f.target.lanes
    narrowing = Narrowing(f, row.finish, ending)
    numbers = [getattr(row, name).bits(F64) for name in ("scale", "low", "high", "beyond")]
    if rule != "double":
        numbers = [number.convert("fptrunc", F32) for number in numbers]

    def integers(a: Value, lanes: int) -> Value:
        x, (scale, low, high, beyond) = a.load(F32.x(lanes)), (number.splat(lanes) for number in numbers)
        if rule == "double":
            x = x.convert("fpext", F64)
        real = x * scale if rule in ("top", "even") else x.divide(scale)
        if rule == "top":
            return round_half_even((real < high).select(real, high))
        real = (real < high).select((real >= low).select(real, beyond), beyond)
        return round_half_even(real) if rule == "even" else _round_half_away(real)

    with f.loop(row.size.shift_right_unsigned(lanes.bit_length() + 1), True, a=row.a, out=row.out) as block:
        vectors = [integers(block.a + 4 * lanes * j, lanes) for j in range(4)]
        # Narrowing leaves number e of vector j at 16 * (e // 4) + 4 * j + e % 4: fours of bytes go back in order.
        fours = narrowing.narrow(vectors).bits(I32.x(lanes))
        quarter = lanes // 4
        ordered = fours.shuffle([4 * (i % quarter) + i // quarter for i in range(lanes)])
        block.out.store(ordered)
        block.a, block.out = block.a + 16 * lanes, block.out + 4 * lanes
    left = row.size & (4 * lanes - 1)
    with f.loop((left + 3).shift_right_unsigned(2), True, a=block.a, out=block.out, left=left) as four:
        store(four.out, narrowing.narrow([integers(four.a, 4)]), four.left.min(4))
        four.a, four.out, four.left = four.a + 16, four.out + 4, four.left - 4


def _round_half_away(real: Value) -> Value:
    """To int32; beyond 2**21 either way it may be any number as far out."""
    real = real.max(-(2.0**21)).min(2.0**21)
    whole = real.convert("fptosi", I32)
    rest = real - whole.convert("sitofp", real.type.scalar)
    half = real.function.constant(0.5, real.type)
    return whole + (rest >= half).unsigned(I32) - ((half * -1.0) >= rest).unsigned(I32)


QUANTIZE = Family("quantize", "*a *out size scale low high beyond finish", _write_quantize)


def plan_quantize(target: Target, scale: float, output: Eight, parts: Sequence[tuple[int, ToBytes]]) -> Compiled:
    """float32 numbers to bytes of this scale (float32), the first n by one rule, the next by another: (n, rule)."""
    plan, finish, done = Plan(target), Finish.of(output, *output.range), 0
    zero_point = output.zero_point
    for size, rule in parts:
        factor = np.float32(1) / np.float32(scale) if rule in (ToBytes.TOP, ToBytes.EVEN) else np.float32(scale)
        low, high = _within_int32(zero_point, np.float64 if rule is ToBytes.DOUBLE else np.float32)
        if rule is ToBytes.TOP:
            high = output.range[1] - zero_point
        if size:
            plan.row(
                QUANTIZE,
                rule.value,
                finish.word,
                a=source() + 4 * done,
                out=result() + done,
                size=size,
                scale=double_bits(float(factor)),
                low=double_bits(low),
                high=double_bits(high),
                beyond=double_bits(BEYOND if zero_point < 0 else -BEYOND),
                finish=finish.argument,
                work=size,
            )
            plan.divisible(QUANTIZE, "size", BLOCK, a=4, out=1)
        done += size
    return plan.done("floats to bytes")


def _within_int32(zero_point: int, type: type[np.floating[Any]]) -> tuple[float, float]:
    """Bounds [low, high) of what is, rounded half away from zero, an int32 still when the zero point is added."""
    low, high = -(2.0**31) - min(zero_point, 0) - 0.5, 2.0**31 - max(zero_point, 0) - 0.5
    above, upper = type(low), type(high)
    above = np.nextafter(above, type(0)) if float(above) <= low else above
    upper = np.nextafter(upper, type(np.inf)) if float(upper) < high else upper
    return float(above), float(upper)


def _write_dequantize(f: Function, rule: str) -> None:
    """`centered`: (a - zero) * scale. `offset`: (a - zero) * scale + offset, the product and the sum each rounded."""
    row, lanes = f.arguments(DEQUANTIZE.slots), f.target.lanes
    zero, scale, offset = row.zero.truncate(I32), *(x.truncate(I32).bits(F32) for x in (row.scale, row.offset))

    def real(bytes_: Value) -> Value:
        lanes = bytes_.type.lanes
        zeros, scales, offsets = (x if lanes == 1 else x.splat(lanes) for x in (zero, scale, offset))
        product = (bytes_.unsigned(I32) - zeros).convert("sitofp", F32) * scales
        result: Value = product + offsets if rule == "offset" else product
        return result

    with f.loop(row.size.shift_right_unsigned(lanes.bit_length() - 1), True, a=row.a, out=row.out) as block:
        block.out.store(real(block.a.load(I8.x(lanes))))
        block.a, block.out = block.a + lanes, block.out + 4 * lanes
    with f.loop(row.size & (lanes - 1), True, a=block.a, out=block.out) as each:
        each.out.store(real(each.a.load(I8)))
        each.a, each.out = each.a + 1, each.out + 4


DEQUANTIZE = Family("dequantize", "*a *out size zero scale offset", _write_dequantize)


class ToFloats(Enum):
    """How an integer becomes a float.

    CENTERED  (q - zero point) * scale
    OFFSET    q * scale + (-zero point * scale): three roundings
    """

    CENTERED = "centered"
    OFFSET = "offset"


def plan_dequantize(target: Target, input: Eight, scale: float, parts: Sequence[tuple[int, ToFloats]]) -> Compiled:
    """Bytes of this scale (float32) to float32 numbers, the first n by one rule, the next by another: (n, rule)."""
    plan, done = Plan(target), 0
    for size, rule in parts:
        if size:
            plan.row(
                DEQUANTIZE,
                rule.value,
                a=source() + done,
                out=result() + 4 * done,
                size=size,
                zero=input.stored_zero if rule is ToFloats.CENTERED else input.offset,
                scale=float_bits(scale),
                offset=float_bits(-input.zero_point * float(np.float32(scale))),
                work=size,
            )
            plan.divisible(DEQUANTIZE, "size", BLOCK, a=1, out=4)
        done += size
    return plan.done("bytes to floats")
