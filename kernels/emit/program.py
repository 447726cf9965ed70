"""Programs: rows in one flat table of int64, walked in a single call.

A row is `[kernel address, row bytes, arguments...]`. The walker is a kernel like any other: it calls each row's kernel
with the address of the row's arguments.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

import numpy as np

from . import native
from .language import I64, POINTER, Function
from .plan import BoundRow, Family
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

    def __init__(self, rows: Iterable[BoundRow], variant: Target) -> None:
        """NoNativeCode where kernels can't run here."""
        listed = list(rows)
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

    def run(self) -> None:
        """Run every row, in order; other Python threads go on meanwhile."""
        if not self._empty:
            self._walk(self._pointer)
