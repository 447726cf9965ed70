"""GATHER: slices of a tensor at positions that come while running, each checked."""

from __future__ import annotations

from dataclasses import dataclass

from .language import I64, Function, Type
from .move import copier, unit_of
from .plan import FAULT, Compiled, Family, Plan, result, source
from .target import Target


def _write_gather(f: Function, index_bits: int, unit: int) -> None:
    """For every batch, and in it for every outer element, slices of `size` bytes at the batch's positions.

    The first position outside is told, and the slice at 0 taken for its.
    """
    row, index = f.arguments(GATHER.slots), Type(f"i{index_bits}")
    copy = copier(f, unit, row.size)
    with f.loop(row.batches, a=row.a, at=row.positions, out=row.out) as batch:
        with f.loop(row.outer, a=batch.a, out=batch.out) as line:
            with f.loop(row.count, at=batch.at, out=line.out) as each:
                read = each.at.load(index)
                number = read if index == I64 else read.signed(I64)
                inside = number.below_unsigned(row.length)
                copy(each.out, line.a + inside.select(number, 0) * row.size)
                with f.when(inside.equals(0) & row.fault.load(I64).equals(0)):
                    row.fault.store(number, 8)
                    row.fault.store(f.constant(1, I64))
                each.at, each.out = each.at + index_bits // 8, each.out + row.size
            line.a, line.out = line.a + row.size * row.length, each.out
        batch.a, batch.at, batch.out = line.a, each.at, line.out


GATHER = Family("gather", "*a *positions *out *fault #batches #outer #count #length size", _write_gather)


@dataclass(frozen=True, slots=True)
class Slices:
    """x (batches, outer, length, size in bytes), positions (batches, count) -> (batches, outer, count, size)."""

    batches: int
    outer: int
    length: int
    count: int
    size: int


def plan_gather(target: Target, slices: Slices, index_bits: int, inputs: tuple[int, int], where: str) -> Compiled | str:
    """inputs: numbers of x and of the positions, which messages call `where`."""
    if not slices.length:
        return "nothing to choose from"
    plan = Plan(target)
    if slices.batches * slices.outer * slices.count * slices.size:
        plan.row(
            GATHER,
            index_bits,
            unit_of(slices.size),
            a=source(inputs[0]),
            positions=source(inputs[1]),
            out=result(),
            fault=FAULT,
            batches=slices.batches,
            outer=slices.outer,
            count=slices.count,
            length=slices.length,
            size=slices.size,
            work=slices.batches * slices.outer * slices.count * (4 + slices.size // 64),
        )
    fault = f"expected positions from 0 to {slices.length - 1}, got {{number}} - at `{{place}}.{where}`"
    return plan.done("copied slice by slice", fault)
