"""ADD, SUB and SQUARED_DIFFERENCE over bytes in fixed point, as built-in kernels do.

Both inputs are brought to one scale; their sum, or the square of their difference, to the output's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..reference.add import CommonScale, Multiplier, Sign
from . import rounding
from .broadcast import Run, broadcast_runs
from .elementwise import ROW_SLOTS, each_row, plan_binary
from .language import I32, Function, Value
from .pieces import Narrowing, widen
from .plan import Compiled, Eight, Family, Finish, Place, Plan
from .target import Target


def _write_add_fixed(f: Function, rule: str, order: str, ending: str, scalar: str) -> None:
    """Both inputs less their zero points, shifted left and rescaled by `rule`; then `order`: add, sub, back (b - a) or
    square ((a - b)**2).

    Sections of three rules lie at `numbers`: a's, b's, and the output's, which always rounds away.
    """
    row, lanes = f.arguments(ADD_FIXED.slots), f.target.lanes
    narrowing = Narrowing(f, row.finish, ending)

    def operand(name: str) -> Callable[[Value], Value]:
        words = (getattr(row, f"{name}_{word}").truncate(I32).splat(lanes) for word in ("zero", "left", "right"))
        zero, left, right = words
        return lambda x: ((x - zero) << left) >> right

    first_of, second_of = operand("a"), operand("b")
    size = 4 * lanes * rounding.SECTIONS[rule]
    first, second = (rounding.load_sections(f, rule, row.numbers + at, 0, 1, lanes) for at in (0, size))
    last = rounding.load_sections(f, "away", row.numbers + 2 * size, 0, 1, lanes)

    def add(a: Value, b: Value) -> Value:
        rounded = []
        for x, y in zip(widen(a), widen(b), strict=True):
            one = rounding.apply(f, rule, first_of(x), first)
            other = rounding.apply(f, rule, second_of(y), second)
            sum_ = one + other if order == "add" else other - one if order == "back" else one - other
            sum_ = sum_ * sum_ if order == "square" else sum_
            rounded.append(rounding.apply(f, "away", sum_, last))
        return narrowing.narrow(rounded)

    each_row(f, row, scalar, add)


ADD_FIXED = Family(
    "addfixed", f"{ROW_SLOTS} a_zero a_left a_right b_zero b_left b_right *numbers finish", _write_add_fixed
)


@dataclass(frozen=True, slots=True)
class Vectors:
    """A vector loop that rounds in its own way, beside the scalar one for what is left of each run of elements.

    run: elements of a run. block: those taken at a time. shift_first: whether an input's own shift joins that to the
    left, else what it shifts out is lost.
    """

    run: int
    block: int
    shift_first: bool


def plan_add_fixed(
    target: Target,
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    a: Eight,
    b: Eight,
    output: Eight,
    scale: CommonScale,
    sign: Sign,
    low: int,
    high: int,
    vectors: Vectors | None = None,
    square: bool = False,
) -> Compiled | str:
    """a + b, or a - b with sign -1, or (a - b)**2 where `square` is said; any broadcast. Or why not."""
    if not 0 <= -scale.output.shift <= 31 or scale.a.shift > 0 or scale.b.shift > 0:
        return "no native kernel scales a sum up"
    real = [number.value * 2.0 ** (number.shift - 31) for number in (scale.a, scale.b, scale.output)]
    if vectors is not None and 255.0 * (real[0] + real[1]) * 2**20 * real[2] >= 2**15 - 256:
        return "sums beyond int16, which the runtime's vectors cut"
    plan, finish = Plan(target), Finish.of(output, low, high)

    def rows(runs: Sequence[Run], rule: str, first: Brought, second: Brought) -> None:
        last = rounding_away(scale.output)

        def numbers(one: Brought, other: Brought) -> dict[str, int | Place]:
            sections = [*one.sections, *other.sections, *last]
            packed = np.repeat(np.array(sections, np.int32), target.lanes)
            return {
                "a_zero": one.zero,
                "b_zero": other.zero,
                "a_left": one.left,
                "b_left": other.left,
                "a_right": one.right,
                "b_right": other.right,
                "numbers": plan.constant(packed),
                "finish": finish.argument,
            }

        for swapped in (False, True):
            some = [run for run in runs if run.swapped == swapped]
            if some:
                order = "square" if square else "add" if sign == 1 else "back" if swapped else "sub"
                chosen = numbers(second, first) if swapped else numbers(first, second)
                plan_binary(plan, ADD_FIXED, [rule, order, finish.word], some, chosen, chosen)

    runs = broadcast_runs(a_shape, b_shape)
    exact = [brought(x.stored_zero, scale.left_shift, m) for x, m in ((a, scale.a), (b, scale.b))]
    if vectors is None:
        rows(runs, "away", *exact)
        return plan.done("sum in fixed point")
    cut = [brought_cut(x.stored_zero, scale.left_shift, m, vectors) for x, m in ((a, scale.a), (b, scale.b))]
    if any(run.size != vectors.run for run in runs):
        return "no native kernel loops as the runtime does over these shapes"
    whole = [(run, run.size // vectors.block * vectors.block) for run in runs]
    rows([run.part(0, end) for run, end in whole if end], "cut", *cut)
    rows([run.part(end, run.size) for run, end in whole if end < run.size], "away", *exact)
    return plan.done("sum in fixed point, blocks and what is left of them")


@dataclass(frozen=True, slots=True)
class Brought:
    """How an input is brought to the common scale: less `zero`, shifted left, then right (rounding down), then by a
    rule's sections.
    """

    zero: int
    left: int
    sections: tuple[int, ...]
    right: int = 0


def rounding_away(multiplier: Multiplier) -> tuple[int, ...]:
    return (multiplier.value, -multiplier.shift, -1 if multiplier.shift < 0 else 0)


def brought(zero: int, left_shift: int, multiplier: Multiplier) -> Brought:
    """As the scalar loops bring it: rounding twice."""
    return Brought(zero, left_shift, rounding_away(multiplier))


def brought_cut(zero: int, left_shift: int, multiplier: Multiplier, vectors: Vectors) -> Brought:
    """As the vector loops bring it."""
    shift = multiplier.shift
    if vectors.shift_first:
        left = left_shift + shift
        return Brought(zero, max(left, 0), (multiplier.value, 0), min(max(-left, 0), 31))
    return Brought(zero, left_shift, (multiplier.value, min(-shift, 31)))
