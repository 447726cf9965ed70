"""ADD, SUB and MUL over int16, with broadcasting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...reference.add import CommonScale, Sign
from .. import rounding
from ..add_fixed import Brought, Vectors, brought, brought_cut, rounding_away
from ..broadcast import Run, broadcast_runs, spread
from ..fixed_point import divide_by_pot
from ..language import I16, I32, Function, Value
from ..numbers import each_number
from ..pieces import BLOCK
from ..plan import NOWHERE, Compiled, Family, Place, Plan, result
from ..target import Target
from .layer import Halfwords


def _write_pair(f: Function, operation: str, rule: str, order: str, kind: str) -> None:
    """`operation` mul: a * b, by `rule`; add, sub: both shifted, then by `rule`, and what they give rounded away; pot:
    both divided by powers of two and added, or, with minus, subtracted. `order` ab or ba; `kind` scalar: one b a row.
    """
    row, lanes = f.arguments(WIDE_PAIR.slots), f.target.lanes
    halfwords = Halfwords(f, row.low, row.top, "clamp")
    shifts = {
        name: [getattr(row, f"{name}_{way}").truncate(I32).splat(lanes) for way in ("left", "right")] for name in "ab"
    }
    size = 4 * lanes * rounding.SECTIONS.get(rule, 0)
    count = {"mul": 1, "add": 2, "sub": 2}.get(operation, 0)
    numbers = [rounding.load_sections(f, rule, row.numbers + size * i, 0, 1, lanes) for i in range(count)]
    last = rounding.load_sections(f, "away", row.numbers + 2 * size, 0, 1, lanes) if count == 2 else []

    def combined(a: Value, b: Value) -> Value:
        x = {name: value.signed(I32) for name, value in zip("ab", (a, b), strict=True)}
        if operation == "mul":
            return halfwords.narrow([rounding.apply(f, rule, x["a"] * x["b"], numbers[0])])
        if count:
            for own, (name, value) in zip(numbers, x.items(), strict=True):
                left, right = shifts[name]
                x[name] = rounding.apply(f, rule, (value << left) >> right, own)
        else:
            x = {name: divide_by_pot(value, shifts[name][1]) for name, value in x.items()}
        one, other = (x["a"], x["b"]) if order == "ab" else (x["b"], x["a"])
        total = one - other if operation in ("sub", "minus") else one + other
        return halfwords.narrow([rounding.apply(f, "away", total, last) if count else total])

    vector = I16.x(lanes)
    with f.loop(row.rows, a=row.a, b=row.b, out=row.out) as line:
        moving = {"a": (line.a, 2), "out": (line.out, 2)}
        if kind == "scalar":
            second = line.b.load(I16).splat(lanes)
            each_number(f, row.size, lanes, moving, lambda a: combined(a.load(vector), second))
        else:
            moving["b"] = line.b, 2
            each_number(f, row.size, lanes, moving, lambda a, b: combined(a.load(vector), b.load(vector)))
        line.a, line.b, line.out = line.a + row.a_pitch, line.b + row.b_pitch, line.out + row.out_pitch


WIDE_PAIR = Family(
    "widepair",
    "*a *b *out #size #rows a_pitch b_pitch out_pitch a_left a_right b_left b_right *numbers low top",
    _write_pair,
)


def _plan_runs(
    plan: Plan, words: tuple[str, str], runs: Sequence[Run], bounds: tuple[int, int],
    numbers: Mapping[bool, Mapping[str, int | Place]],
) -> None:  # fmt: skip
    """numbers: by whether a and b have changed places."""
    for run, a, b in spread(plan, runs, 2):
        plan.row(
            WIDE_PAIR,
            *words,
            "ba" if run.swapped else "ab",
            "scalar" if run.scalar else "vector",
            a=a,
            b=b,
            out=result() + 2 * run.out,
            size=run.size,
            rows=run.rows,
            a_pitch=2 * run.a_pitch,
            b_pitch=2 * run.b_pitch,
            out_pitch=2 * run.out_pitch,
            low=bounds[0],
            top=bounds[1],
            work=run.rows * (run.size // 16 + 1) * 30,
            **numbers[run.swapped],
        )
        if run.rows > 1:
            plan.divisible(WIDE_PAIR, "rows", a=2 * run.a_pitch, b=2 * run.b_pitch, out=2 * run.out_pitch)
        else:
            plan.divisible(WIDE_PAIR, "size", BLOCK, a=2, b=0 if run.scalar else 2, out=2)


def plan_mul(
    target: Target, a_shape: Sequence[int], b_shape: Sequence[int], rule: rounding.Rule, low: int, high: int
) -> Compiled:
    """a * b of zero point 0, requantized by a rule of one channel."""
    plan, piece = Plan(target), rule.piece(np.array([2.0**30]))
    sections = np.concatenate(rule.sections(np.zeros(target.lanes, np.intp)))
    numbers = _shifts(0, 0, plan.constant(sections))
    runs = broadcast_runs(a_shape, b_shape)
    _plan_runs(plan, ("mul", piece), runs, (low, high), {False: numbers, True: numbers})
    return plan.done("product in int32")


def plan_pot(
    target: Target, a_shape: Sequence[int], b_shape: Sequence[int], shifts: tuple[int, int], sign: Sign,
    low: int, high: int,
) -> Compiled:  # fmt: skip
    """a / 2**shifts[0] + b / 2**shifts[1], or less it, each division rounding half away from zero."""
    plan = Plan(target)
    numbers = {False: _shifts(*shifts, NOWHERE), True: _shifts(*shifts[::-1], NOWHERE)}
    words = ("pot" if sign == 1 else "minus", "none")
    _plan_runs(plan, words, broadcast_runs(a_shape, b_shape), (low, high), numbers)
    return plan.done("sum of shifted numbers")


def _shifts(a: int, b: int, numbers: Place) -> dict[str, int | Place]:
    return {"numbers": numbers, "a_left": 0, "a_right": a, "b_left": 0, "b_right": b}


def plan_sum(
    target: Target, a_shape: Sequence[int], b_shape: Sequence[int], scale: CommonScale, sign: Sign,
    low: int, high: int, vectors: Vectors | None = None,
) -> Compiled | str:  # fmt: skip
    """a + b, or a - b, on a common scale; as `..add_fixed.plan_add_fixed`."""
    if not 0 <= -scale.output.shift <= 31 or scale.a.shift > 0 or scale.b.shift > 0:
        return "no native kernel scales a sum up"
    plan, runs = Plan(target), broadcast_runs(a_shape, b_shape)

    def rows(runs: Sequence[Run], rule: str, first: Brought, second: Brought) -> None:
        def numbers(one: Brought, other: Brought) -> dict[str, int | Place]:
            sections = [*one.sections, *other.sections, *rounding_away(scale.output)]
            return {
                "a_left": one.left,
                "a_right": one.right,
                "b_left": other.left,
                "b_right": other.right,
                "numbers": plan.constant(np.repeat(np.array(sections, np.int32), target.lanes)),
            }

        chosen = {False: numbers(first, second), True: numbers(second, first)}
        _plan_runs(plan, ("add" if sign == 1 else "sub", rule), runs, (low, high), chosen)

    exact = [brought(0, scale.left_shift, multiplier) for multiplier in (scale.a, scale.b)]
    if vectors is None:
        rows(runs, "away", *exact)
        return plan.done("sum in fixed point")
    if any(run.size != vectors.run for run in runs):
        return "no native kernel loops as the runtime does over these shapes"
    cut = [brought_cut(0, scale.left_shift, multiplier, vectors) for multiplier in (scale.a, scale.b)]
    whole = [(run, run.size // vectors.block * vectors.block) for run in runs]
    rows([run.part(0, end) for run, end in whole if end], "cut", *cut)
    rows([run.part(end, run.size) for run, end in whole if end < run.size], "away", *exact)
    return plan.done("sum in fixed point, blocks and what is left of them")
