"""The walker: a kernel like any other, which calls the kernels of rows.

A row is `[kernel address, row bytes, arguments...]`; its kernel gets the address of its arguments.
"""

from __future__ import annotations

from .language import I8, I64, POINTER, Function, Value
from .plan import Family

HEADER = 16


def walk(f: Function, table: Value, rows: Value) -> None:
    """Calls the kernels of so many rows (at least one), each with the address of its arguments."""
    with f.loop(rows, row=table) as each:
        f.call_kernel(each.row.load(POINTER, 0, 8), each.row + HEADER)
        each.row = each.row + each.row.load(I64, 8, 8)


def _write_walk(f: Function) -> None:
    own = f.arguments(WALK.slots)
    walk(f, own.table, own.rows)


WALK = Family("walk", "*table #rows", _write_walk)


def _write_rounds(f: Function) -> None:
    """Walks the table while the byte at `flag` isn't 0, `most` times at most; where it still isn't then, a fault."""
    own = f.arguments(ROUNDS.slots)
    with f.when(own.flag.load(I8) > 0), f.loop(own.most, True) as each:
        walk(f, own.table, own.rows)
        each.stop_when(own.flag.load(I8).equals(0))
    with f.when(own.flag.load(I8) > 0):
        own.fault.store(own.most, 8)
        own.fault.store(f.constant(1, I64))


ROUNDS = Family("rounds", "*table #rows *flag most *fault", _write_rounds)
