"""Programs: rows in one flat table of int64, walked in a single call.

A row is `[kernel address, row bytes, arguments...]`. The walker is a kernel like any other: it calls each row's kernel
with the address of the row's arguments. With several threads each walks stretches of the same table.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence

import numpy as np

from . import native
from .crew import Crew
from .language import I64, POINTER, Function
from .plan import BoundRow, Family
from .shares import Segment, segments
from .target import Target

_HEADER = 16


def _write_walk(f: Function) -> None:
    own = f.arguments(WALK.slots)
    with f.loop(own.rows, row=own.table) as walk:
        f.call_kernel(walk.row.load(POINTER, 0, 8), walk.row + _HEADER)
        walk.row = walk.row + walk.row.load(I64, 8, 8)


WALK = Family("walk", "*table #rows", _write_walk)


class Program:
    """Rows ready to run in this process. Whoever makes one keeps alive the memory its rows point at."""

    def __init__(self, stages: Iterable[Sequence[BoundRow]], variant: Target, crew: Crew | None = None) -> None:
        """Rows of a stage may run in any order; stages follow one another. NoNativeCode where kernels can't run here.

        crew: threads to share the rows with, where that is worth it.
        """
        parts = segments([stage for stage in stages if stage], 1 if crew is None else crew.size)
        listed = [row for segment in parts for part in segment for row in part]
        addresses = native.addresses({row.kernel for row in listed} | {WALK.name}, variant)
        self.table = np.array(
            [
                word
                for row in listed
                for word in (addresses[row.kernel], _HEADER + 8 * len(row.arguments), *row.arguments)
            ],
            np.int64,
        )
        self._arguments = np.array([self.table.ctypes.data, len(listed)], np.int64)
        self._pointer = ctypes.c_void_p(self._arguments.ctypes.data)
        self._walk = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(addresses[WALK.name])
        self._empty = not listed
        self._crew = crew if len(parts) > 1 or (parts and any(parts[0][1:])) else None
        if self._crew is not None:
            self._give_orders(self._crew, parts)

    @property
    def threads(self) -> int:
        """How many threads run it."""
        return 1 if self._crew is None else self._crew.size

    def _give_orders(self, crew: Crew, parts: Sequence[Segment]) -> None:
        """Memory that says which rows each thread walks between barriers."""
        at = int(self.table.ctypes.data)
        stretches = np.zeros((crew.size, len(parts), 2), np.int64)
        for number, segment in enumerate(parts):
            for thread, rows in enumerate(segment):
                stretches[thread, number] = at, len(rows)
                at += sum(_HEADER + 8 * len(row.arguments) for row in rows)
        orders = [(int(own.ctypes.data), len(parts)) for own in stretches]
        self._orders = stretches, np.array(orders, np.int64)
        self._order_arguments = np.array(crew.orders(int(self._orders[1].ctypes.data)), np.int64)
        self._order_pointer = ctypes.c_void_p(self._order_arguments.ctypes.data)

    def run(self) -> None:
        """Run every row; other Python threads go on meanwhile."""
        if self._crew is not None and self._crew.run(self._order_pointer):
            return
        if not self._empty:
            self._walk(self._pointer)
