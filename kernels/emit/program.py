"""Programs: rows in one flat table of int64, walked in a single call.

The walker calls each row's kernel. Several threads walk stretches of the same table.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import native
from .plan import BoundRow
from .shares import Share, shares
from .target import Target
from .walker import HEADER, WALK

if TYPE_CHECKING:
    from .crew import Crew


class Program:
    """Rows ready to run in this process. Whoever makes one keeps alive the memory its rows point at."""

    def __init__(self, stages: Iterable[Sequence[BoundRow]], variant: Target, crew: Crew | None = None) -> None:
        """Rows of a stage may run in any order; stages follow one another. NoNativeCode where kernels can't run here.

        crew: threads to share the rows with, where that is worth it.
        """
        parts = shares([stage for stage in stages if stage], 1 if crew is None else crew.size)
        listed = [row for part in parts for chunk in part for row in chunk]
        addresses = native.addresses({row.kernel for row in listed} | {WALK.name}, variant)
        self.table = np.array(
            [
                word
                for row in listed
                for word in (addresses[row.kernel], HEADER + 8 * len(row.arguments), *row.arguments)
            ],
            np.int64,
        )
        self._arguments = np.array([self.table.ctypes.data, len(listed)], np.int64)
        self._pointer = ctypes.c_void_p(self._arguments.ctypes.data)
        self._walk = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(addresses[WALK.name])
        self._empty = not listed
        self._crew = crew if any(len(part) > 1 for part in parts) else None
        if self._crew is not None:
            self._give_order(self._crew, parts)

    @property
    def rows(self) -> int:
        """How many rows there are to walk."""
        return int(self._arguments[1])

    @property
    def threads(self) -> int:
        """How many threads run it."""
        return 1 if self._crew is None else self._crew.size

    def _give_order(self, crew: Crew, parts: Sequence[Share]) -> None:
        """Lists the stages, and the chunks of each, for the crew."""
        at = int(self.table.ctypes.data)
        chunks: list[tuple[int, int]] = []
        for chunk in (chunk for part in parts for chunk in part):
            chunks.append((at, len(chunk)))
            at += sum(HEADER + 8 * len(row.arguments) for row in chunk)
        listed = np.array(chunks, np.int64)
        begins = np.cumsum([0, *(len(part) for part in parts[:-1])])
        stages = np.array(
            [(listed.ctypes.data + 16 * begin, len(part)) for begin, part in zip(begins, parts, strict=True)], np.int64
        )
        order = np.array(crew.order(int(stages.ctypes.data), len(stages)), np.int64)
        self._order = listed, stages, order
        self._order_pointer = ctypes.c_void_p(order.ctypes.data)

    def run(self) -> None:
        """Run every row; other Python threads go on meanwhile."""
        if self._crew is not None and self._crew.run(self._order_pointer):
            return
        if not self._empty:
            self._walk(self._pointer)
