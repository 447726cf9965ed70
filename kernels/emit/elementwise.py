"""ADD, SUB and MUL over bytes, with broadcasting; and the flip between int8 and how it is stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from . import rounding
from .language import F32, I8, I16, I32, I64, Function, Value
from .pieces import Finish, dot_pairs, store, unpack, widen
from .plan import Compiled, Eight, Family, Plan, result, source
from .target import Target


def each_block(f: Function, size: Value, pointers: dict[str, Value], body: Callable[[dict[str, Value]], Value]) -> None:
    """Run `body` on every 4L bytes of `size`, storing what it gives at `out`; the last block is cut short.

    `pointers` move along, `out` among them; inputs are read up to 4L - 1 bytes beyond their end.
    """
    block = 4 * f.target.lanes
    full, rest = size.shift_right_unsigned(int(math.log2(block))), size & (block - 1)
    with f.loop(full, True, **pointers) as each:
        now = {name: getattr(each, name) for name in pointers}
        store(now["out"], body(now))
        for name, pointer in now.items():
            setattr(each, name, pointer + block)
    left = {name: getattr(each, name) for name in pointers}
    with f.when(rest > 0):
        store(left["out"], body(left), rest)


def _rows_of(f: Function, slots: list[Value], scalar: str, operation: Callable[[Value, Value], Value]) -> None:
    """The loop over rows that ADD and MUL share: `scalar` is `scalar` where b is one byte a row."""
    a, b, out, size, rows, a_pitch, b_pitch, out_pitch = slots
    block = I8.x(4 * f.target.lanes)
    with f.loop(rows, a=a, b=b, out=out) as row:
        if scalar == "scalar":
            second = row.b.load(I8).splat(block.lanes)
            each_block(f, size, {"a": row.a, "out": row.out}, lambda at: operation(at["a"].load(block), second))
        else:
            moving = {"a": row.a, "b": row.b, "out": row.out}
            each_block(f, size, moving, lambda at: operation(at["a"].load(block), at["b"].load(block)))
        row.a, row.b, row.out = row.a + a_pitch, row.b + b_pitch, row.out + out_pitch


_ROW_SLOTS = "*a *b *out size rows a_pitch b_pitch out_pitch"


def _write_add(f: Function, ending: str, scalar: str) -> None:
    """XNNPACK's: (start + a * ma + b * mb) >> shift, each multiplier being 128 * high + low in a pair of int16."""
    *slots, start, shift, low, high, finish = f.arguments(ADD.slots)
    lanes = f.target.lanes
    finishing = Finish(f, finish, ending == "plain")
    start, shift, low, high = (x.truncate(I32).splat(lanes) for x in (start, shift, low, high))
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
        return finishing.narrow(quarters)

    _rows_of(f, slots, scalar, add)


ADD = Family("add", f"{_ROW_SLOTS} start shift low high finish", _write_add)


def _write_mul(f: Function, rule: str, ending: str, scalar: str) -> None:
    """The product of both less their zero points, requantized with one scale (float32 bits)."""
    *slots, a_zero, b_zero, scale, finish = f.arguments(MUL.slots)
    lanes = f.target.lanes
    finishing = Finish(f, finish, ending == "plain")
    a_zero, b_zero = (x.truncate(I32).splat(lanes) for x in (a_zero, b_zero))
    numbers = [scale.truncate(I32).bits(F32).splat(lanes)]

    def multiply(a: Value, b: Value) -> Value:
        products = [(x - a_zero) * (y - b_zero) for x, y in zip(widen(a), widen(b), strict=True)]
        return finishing.narrow([rounding.apply(f, rule, product, numbers) for product in products])

    _rows_of(f, slots, scalar, multiply)


MUL = Family("mul", f"{_ROW_SLOTS} a_zero b_zero scale finish", _write_mul)


def _write_flip(f: Function) -> None:
    """XOR with 0x80: int8 to how it is stored, and back."""
    a, out, size = f.arguments(FLIP.slots)
    block = I8.x(4 * f.target.lanes)
    each_block(f, size, {"a": a, "out": out}, lambda at: at["a"].load(block) ^ -128)


FLIP = Family("flip", "*a *out size", _write_flip)


def plan_flip(target: Target, size: int) -> Compiled:
    """int8 bytes to stored bytes, or stored bytes to int8."""
    plan = Plan(target)
    plan.row(FLIP, a=source(), out=result(), size=size, work=size // 64)
    return plan.done("sign flip")


@dataclass(frozen=True, slots=True)
class Run:
    """`rows` rows of `size` bytes: offsets of the first, bytes from row to row; `scalar`: b is one byte a row."""

    a: int
    b: int
    out: int
    size: int
    rows: int
    a_pitch: int
    b_pitch: int
    scalar: bool
    swapped: bool


def broadcast_runs(a: Sequence[int], b: Sequence[int]) -> tuple[tuple[int, ...], list[Run]]:
    """The broadcast shape of two shapes, and runs that cover it. `swapped` says that a and b have changed places.

    ValueError where the shapes don't broadcast.
    """
    shape = np.broadcast_shapes(tuple(a), tuple(b))
    rank = len(shape)
    kinds: list[list[int]] = []  # [size, a moves, b moves] of merged axes
    for axis in range(rank):
        sizes = [s[axis - rank + len(s)] if axis - rank + len(s) >= 0 else 1 for s in (a, b)]
        if shape[axis] == 1:
            continue
        moves = [int(size == shape[axis]) for size in sizes]
        if kinds and kinds[-1][1:] == moves:
            kinds[-1][0] *= shape[axis]
        else:
            kinds.append([shape[axis], *moves])
    size, a_moves, b_moves = kinds.pop() if kinds else (1, 1, 1)
    swapped = not a_moves
    steps: list[tuple[int, int, int, int]] = []  # size, bytes in a, b, out of the axes outside the run
    inner = [size if a_moves else 1, size if b_moves else 1, size]
    for count, a_axis, b_axis in reversed(kinds):
        steps.append((count, inner[0] if a_axis else 0, inner[1] if b_axis else 0, inner[2]))
        inner = [inner[0] * (count if a_axis else 1), inner[1] * (count if b_axis else 1), inner[2] * count]
    rows, a_pitch, b_pitch, _ = steps[0] if steps else (1, 0, 0, 0)
    runs = []
    for a_at, b_at, out_at in _positions(steps[1:]):
        first, second = ((b_at, b_pitch), (a_at, a_pitch)) if swapped else ((a_at, a_pitch), (b_at, b_pitch))
        scalar = not (a_moves and b_moves)
        runs.append(Run(first[0], second[0], out_at, size, rows, first[1], second[1], scalar, swapped))
    return shape, runs


def _positions(steps: Sequence[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int]]:
    if not steps:
        yield 0, 0, 0
        return
    *inner, (count, a, b, out) = steps
    for i in range(count):
        for x, y, z in _positions(inner):
            yield x + i * a, y + i * b, z + i * out


def _plan_binary(
    plan: Plan, family: Family, words: Sequence[str], runs: list[Run], numbers: dict[str, int], swapped: dict[str, int]
) -> None:
    for run in runs:
        inputs = (source(1), source(0)) if run.swapped else (source(0), source(1))
        plan.row(
            family, *words, "scalar" if run.scalar else "vector",
            a=inputs[0] + run.a, b=inputs[1] + run.b, out=result() + run.out, size=run.size, rows=run.rows,
            a_pitch=run.a_pitch, b_pitch=run.b_pitch, out_pitch=run.size,
            **(swapped if run.swapped else numbers), work=run.rows * (run.size // 64 + 1) * 30,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AddNumbers:
    """XNNPACK's fixed point sum: (a * a_multiplier + b * b_multiplier + start) >> shift, on quantized values."""

    a_multiplier: int
    b_multiplier: int
    shift: int

    @staticmethod
    def of(a_scale: float, b_scale: float, out_scale: float, subtract: bool = False) -> AddNumbers:
        """Multipliers with 20 or 21 bits for the larger; half to even. The ratio must be in [2**-10, 2**8)."""
        ratios = [np.float32(a_scale) / np.float32(out_scale), np.float32(b_scale) / np.float32(out_scale)]
        exponent = math.frexp(float(max(ratios)))[1] - 1
        if not -10 <= exponent < 8:
            raise ValueError(f"expected input scale / output scale in [2**-10, 2**8), got {float(max(ratios))}")
        shift = 20 - exponent
        a, b = (int(np.rint(np.ldexp(float(ratio), shift))) for ratio in ratios)
        return AddNumbers(a, -b if subtract else b, shift)


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
    plan = Plan(target)
    finish = (output.stored_zero, low + output.offset, high + output.offset)
    multipliers = numbers.a_multiplier, numbers.b_multiplier
    start = (1 << (numbers.shift - 1)) - multipliers[0] * a.stored_zero - multipliers[1] * b.stored_zero

    def arguments(first: int, second: int) -> dict[str, int]:
        def pair(x: int, y: int) -> int:
            return (x & 0xFFFF) | (y & 0xFFFF) << 16

        return {
            "start": start,
            "shift": numbers.shift,
            "low": pair(first & 127, second & 127),
            "high": pair(first >> 7, second >> 7),
            "finish": Finish.argument(*finish),
        }

    _, runs = broadcast_runs(a_shape, b_shape)
    ending = "plain" if finish == (0, 0, 255) else "clamp"
    _plan_binary(plan, ADD, [ending], runs, arguments(*multipliers), arguments(*multipliers[::-1]))
    return plan.done("sum in pairs of int16")


def plan_mul(
    target: Target,
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    a: Eight,
    b: Eight,
    output: Eight,
    scale: float,
    low: int,
    high: int,
) -> Compiled:
    """a * b with XNNPACK's rounding; `scale` is the float32 a_scale * b_scale / out_scale; any broadcast."""
    plan = Plan(target)
    finish = (output.stored_zero, low + output.offset, high + output.offset)
    rule = rounding.FloatRule(np.array([scale], np.float32))
    zeros = a.stored_zero, b.stored_zero

    def arguments(first: int, second: int) -> dict[str, int]:
        bits = int(rule.scale.view(np.uint32)[0])
        return {"a_zero": first, "b_zero": second, "scale": bits, "finish": Finish.argument(*finish)}

    _, runs = broadcast_runs(a_shape, b_shape)
    ending = "plain" if finish == (0, 0, 255) else "clamp"
    words = [rule.variant(np.array([255.0 * 255.0])), ending]
    _plan_binary(plan, MUL, words, runs, arguments(*zeros), arguments(*zeros[::-1]))
    return plan.done("product in int32")


__all__ = ["ADD", "FLIP", "I64", "MUL", "AddNumbers", "plan_add", "plan_flip", "plan_mul"]
