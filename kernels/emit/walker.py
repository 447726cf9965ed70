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
    """Walks the table until the byte at `flag` is 0, `most` (an int64 there, at least 1) times at most."""
    own = f.arguments(ROUNDS.slots)
    with f.loop(own.most.load(I64, 0, 8)) as each:
        walk(f, own.table, own.rows)
        each.stop_when(own.flag.load(I8).equals(0))


ROUNDS = Family("rounds", "*table #rows *flag *most", _write_rounds)
