"""Look-ups: any function of one number of 8 or 16 bits, as a table of all its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .language import I8, I64, Function, Type, Value
from .pieces import BLOCK, each_block, lookup16
from .plan import Compiled, Family, Plan, result, source
from .target import Target

AT_ONCE = 8


def _write_lookup(f: Function, index_bits: int, value_bits: int) -> None:
    """out[i] = table[a[i]], indices read as unsigned numbers, values of any type of 8, 16, 32 or 64 bits."""
    row = f.arguments(LOOKUP.slots)
    if (index_bits, value_bits) == (8, 8) and f.target.is_x86 and f.target.lanes >= 8:
        find = _in_registers(f, row.table)
        block = I8.x(4 * f.target.lanes)
        each_block(f, row.size, {"a": row.a, "out": row.out}, lambda at: find(at["a"].load(block)))
        return
    index, value = Type(f"i{index_bits}"), Type(f"i{value_bits}")

    def one(a: Value, out: Value, at: int) -> None:
        place = a.load(index, index_bits // 8 * at).unsigned(I64) << (value_bits // 16).bit_length()
        out.store((row.table + place).load(value), value_bits // 8 * at)

    with f.loop(row.size.shift_right_unsigned(AT_ONCE.bit_length() - 1), True, a=row.a, out=row.out) as many:
        for at in range(AT_ONCE):
            one(many.a, many.out, at)
        many.a, many.out = many.a + index_bits // 8 * AT_ONCE, many.out + value_bits // 8 * AT_ONCE
    with f.loop(row.size & (AT_ONCE - 1), True, a=many.a, out=many.out) as each:
        one(each.a, each.out, 0)
        each.a, each.out = each.a + index_bits // 8, each.out + value_bits // 8


def _in_registers(f: Function, table: Value) -> Callable[[Value], Value]:
    """256 bytes as sixteen tables of 16, each half of them packed by `_differences`.

    lookup16 gives 0 for an index of 128 or more. So of the first eight tables index - 16 * i finds something in the
    tables i up to index // 16: packed as differences, they add up (XOR) to that last table's entry.
    """
    block = I8.x(4 * f.target.lanes)
    tables = [table.load(I8.x(16), 16 * i).shuffle([j % 16 for j in range(block.lanes)]) for i in range(16)]

    def half(tables: Sequence[Value], index: Value) -> Value:
        found = lookup16(tables[0], index)
        for i, sixteen in enumerate(tables[1:], 1):
            found = found ^ lookup16(sixteen, index - 16 * i)
        return found

    return lambda x: (x < 0).select(half(tables[8:], x ^ -128), half(tables[:8], x))


def _differences(table: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Sixteen entries after sixteen, less (XOR) the sixteen before in the same half."""
    halves = table.reshape(2, 8, 16).copy()
    halves[:, 1:] ^= table.reshape(2, 8, 16)[:, :-1]
    return halves.reshape(-1)


LOOKUP = Family("lookup", "*a *out #size *table", _write_lookup)


def plan_lookup(target: Target, parts: Sequence[tuple[int, npt.NDArray[Any]]], input: int = 0) -> Compiled:
    """Input `input`, whose first n numbers go through one table, the next through another: `parts` are (n, table).

    A table has 256 or 65536 entries, by the stored bits of a number; entries are the stored bits of results.
    """
    plan, done = Plan(target), 0
    for size, table in parts:
        index_bits, bits = len(table).bit_length() - 1, 8 * table.itemsize
        packed = table
        if (index_bits, bits) == (8, 8) and target.is_x86 and target.lanes >= 8:
            packed = _differences(table.view(np.uint8))
        if size:
            plan.row(
                LOOKUP,
                index_bits,
                bits,
                a=source(input) + done * (index_bits // 8),
                out=result() + done * table.itemsize,
                size=size,
                table=plan.constant(packed),
                work=size,
            )
            plan.divisible(LOOKUP, "size", BLOCK, a=index_bits // 8, out=table.itemsize)
        done += size
    return plan.done("table of all values")
