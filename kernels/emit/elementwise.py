"""ADD, SUB and MUL over bytes, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import rounding
from .broadcast import Run, broadcast_runs, spread
from .language import I8, I16, I32, Function, Value
from .pieces import BLOCK, Narrowing, dot_pairs, each_block, unpack, widen
from .plan import Compiled, Eight, Family, Finish, Place, Plan, result
from .target import Target


def each_row(f: Function, row: Any, scalar: str, operation: Callable[[Value, Value], Value]) -> None:
    """The loop over rows that ADD and MUL share: `scalar` is `scalar` where b is one byte a row."""
    block = I8.x(4 * f.target.lanes)
    with f.loop(row.rows, a=row.a, b=row.b, out=row.out) as line:
        if scalar == "scalar":
            second = line.b.load(I8).splat(block.lanes)
            each_block(f, row.size, {"a": line.a, "out": line.out}, lambda at: operation(at["a"].load(block), second))
        else:
            moving = {"a": line.a, "b": line.b, "out": line.out}
            each_block(f, row.size, moving, lambda at: operation(at["a"].load(block), at["b"].load(block)))
        line.a, line.b, line.out = line.a + row.a_pitch, line.b + row.b_pitch, line.out + row.out_pitch


ROW_SLOTS = "*a *b *out size #rows a_pitch b_pitch out_pitch"


def _write_add(f: Function, ending: str, scalar: str) -> None:
    """XNNPACK's: (start + a * ma + b * mb) >> shift, each multiplier being 128 * high + low in a pair of int16."""
    row, lanes = f.arguments(ADD.slots), f.target.lanes
    narrowing = Narrowing(f, row.finish, ending)
    start, shift, low, high = (x.truncate(I32).splat(lanes) for x in (row.start, row.shift, row.low, row.high))
    words, sums = I16.x(2 * lanes), I32.x(lanes)

    def add(a: Value, b: Value) -> Value:
        zero = f.constant(0, a.type)
        quarters = []
        for upper in (False, True):
            pairs = unpack(a, b, upper)
            for again in (False, True):
                ab = unpack(pairs, zero, again)
                sum_ = dot_pairs(start, ab.bits(sums), low)
                sum_ = dot_pairs(sum_, (ab.bits(words) << 7).bits(sums), high)
                quarters.append(sum_ >> shift)
        return narrowing.narrow(quarters)

    each_row(f, row, scalar, add)


ADD = Family("add", f"{ROW_SLOTS} start shift low high finish", _write_add)


def _write_mul(f: Function, rule: str, ending: str, scalar: str) -> None:
    """The product of both less their zero points, requantized by the rule whose sections lie at `numbers`."""
    row, lanes = f.arguments(MUL.slots), f.target.lanes
    narrowing = Narrowing(f, row.finish, ending)
    a_zero, b_zero = (x.truncate(I32).splat(lanes) for x in (row.a_zero, row.b_zero))
    numbers = rounding.load_sections(f, rule, row.numbers, 0, 1, lanes)

    def multiply(a: Value, b: Value) -> Value:
        products = [(x - a_zero) * (y - b_zero) for x, y in zip(widen(a), widen(b), strict=True)]
        return narrowing.narrow([rounding.apply(f, rule, product, numbers) for product in products])

    each_row(f, row, scalar, multiply)


MUL = Family("mul", f"{ROW_SLOTS} a_zero b_zero *numbers finish", _write_mul)


def plan_binary(
    plan: Plan,
    family: Family,
    words: Sequence[str],
    runs: Sequence[Run],
    numbers: Mapping[str, int | Place],
    swapped: Mapping[str, int | Place],
) -> None:
    """Rows for runs; `swapped` are the numbers where a and b have changed places."""
    for run, a, b in spread(plan, runs):
        plan.row(
            family,
            *words,
            "scalar" if run.scalar else "vector",
            a=a,
            b=b,
            out=result() + run.out,
            size=run.size,
            rows=run.rows,
            a_pitch=run.a_pitch,
            b_pitch=run.b_pitch,
            out_pitch=run.out_pitch,
            work=run.rows * (run.size // 64 + 1) * 30,
            **(swapped if run.swapped else numbers),
        )
        if run.rows > 1:
            plan.divisible(family, "rows", a=run.a_pitch, b=run.b_pitch, out=run.out_pitch)
        else:
            plan.divisible(family, "size", BLOCK, a=1, b=0 if run.scalar else 1, out=1)


@dataclass(frozen=True, slots=True)
class AddNumbers:
    """XNNPACK's fixed point sum: a * a_multiplier + b * b_multiplier, rounded half up to units of 2**shift.

    On quantized values less their zero points; multipliers of at most 21 bits, the second negative for a difference.
    """

    a_multiplier: int
    b_multiplier: int
    shift: int


def _pair(a: int, b: int) -> int:
    """Two int16 as one int32."""
    return (a & 0xFFFF) | (b & 0xFFFF) << 16


def plan_add(
    target: Target,
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    a: Eight,
    b: Eight,
    output: Eight,
    numbers: AddNumbers,
    low: int,
    high: int,
) -> Compiled:
    """a + b, or a - b where the second multiplier is negative, in XNNPACK's fixed point; any broadcast."""
    plan, finish = Plan(target), Finish.of(output, low, high)
    first, second = numbers.a_multiplier, numbers.b_multiplier
    start = (1 << (numbers.shift - 1)) - first * a.stored_zero - second * b.stored_zero

    def arguments(first: int, second: int) -> dict[str, int]:
        return {
            "start": start,
            "shift": numbers.shift,
            "low": _pair(first & 127, second & 127),
            "high": _pair(first >> 7, second >> 7),
            "finish": finish.argument,
        }

    runs = broadcast_runs(a_shape, b_shape)
    plan_binary(plan, ADD, [finish.word], runs, arguments(first, second), arguments(second, first))
    return plan.done("sum in pairs of int16")


def plan_mul(
    target: Target,
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    a: Eight,
    b: Eight,
    output: Eight,
    rule: rounding.Rule,
    low: int,
    high: int,
) -> Compiled:
    """a * b, requantized by a rule of one channel; any broadcast."""
    plan, finish = Plan(target), Finish.of(output, low, high)
    piece = rule.piece(np.array([255.0 * 255.0]))
    numbers = plan.constant(np.concatenate(rule.sections(np.zeros(target.lanes, np.intp))))

    def arguments(first: Eight, second: Eight) -> dict[str, int | Place]:
        return {
            "a_zero": first.stored_zero,
            "b_zero": second.stored_zero,
            "numbers": numbers,
            "finish": finish.argument,
        }

    runs = broadcast_runs(a_shape, b_shape)
    plan_binary(plan, MUL, [piece, finish.word], runs, arguments(a, b), arguments(b, a))
    return plan.done("product in int32")
