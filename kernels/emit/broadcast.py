"""How two shapes broadcast: runs of elements, in rows; and short rows of one operand written out side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .fill import COPY
from .plan import Place, Plan, source

LONG = 256
"""Bytes that a row should have so that whole vectors do most of it."""


@dataclass(frozen=True, slots=True)
class Run:
    """`rows` rows of `size` bytes: offsets of the first, bytes from row to row.

    scalar   b is one byte a row
    swapped  a is the second operand, b the first
    """

    a: int
    b: int
    out: int
    size: int
    rows: int
    a_pitch: int
    b_pitch: int
    out_pitch: int
    scalar: bool
    swapped: bool

    def part(self, start: int, end: int) -> Run:
        """Of each row the bytes from `start` to `end`."""
        b = self.b if self.scalar else self.b + start
        return replace(self, a=self.a + start, b=b, out=self.out + start, size=end - start)


def broadcast_runs(a: Sequence[int], b: Sequence[int]) -> list[Run]:
    """Runs that cover the broadcast of two shapes.

    ValueError where the shapes don't broadcast.
    """
    shape = np.broadcast_shapes(tuple(a), tuple(b))
    rank = len(shape)
    if 0 in shape:
        return []
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
        turned = not scalar and first[1] == 0 and second[1] == size  # what repeats is the second
        first, second = (second, first) if turned else (first, second)
        runs.append(Run(first[0], second[0], out_at, size, rows, first[1], second[1], size, scalar, swapped != turned))
    return runs


def _positions(steps: Sequence[tuple[int, int, int, int]]) -> Iterator[tuple[int, int, int]]:
    if not steps:
        yield 0, 0, 0
        return
    *inner, (count, a, b, out) = steps
    for i in range(count):
        for x, y, z in _positions(inner):
            yield x + i * a, y + i * b, z + i * out


def spread(plan: Plan, runs: Sequence[Run], itemsize: int = 1) -> list[tuple[Run, Place, Place]]:
    """Runs of elements of this size with where a and b begin.

    A short row that is repeated with every row of the other operand is written several times into scratch memory, so
    that fewer and longer rows do the same.
    """
    written: dict[tuple[bool, int, int], tuple[Place, int]] = {}
    found: list[tuple[Run, Place, Place]] = []
    for run in runs:
        a, b = (source(1), source(0)) if run.swapped else (source(0), source(1))
        a, b = a + itemsize * run.a, b + itemsize * run.b
        length = run.size * itemsize
        times = min(run.rows, -(-LONG // length))
        follows = run.a_pitch == run.out_pitch == run.size and run.b_pitch == 0
        if run.scalar or not follows or times < 2 or run.rows < 2 * times:
            found.append((run, a, b))
            continue
        key = run.swapped, run.b, run.size
        if key not in written:
            written[key] = plan.reserve(times * length), times
            plan.row(
                COPY, source=b, target=written[key][0], size=length, source_pitch=0, target_pitch=length, rows=times,
                work=times * 4,
            )  # fmt: skip
        wide, times = written[key]
        whole, rest = divmod(run.rows, times)
        size = run.size * times
        longer = replace(run, size=size, rows=whole, a_pitch=size, out_pitch=size)
        found.append((longer, a, wide))
        if rest:
            done = whole * size
            last = replace(run, out=run.out + done, size=run.size * rest, rows=1)
            found.append((last, a + itemsize * done, wide))
    if written:
        plan.then()
    return found
