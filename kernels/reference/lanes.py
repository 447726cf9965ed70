"""Which elements of a binary operator an optimized kernel computes in its vector loop, and which in the scalar tail.

The two round differently in places, so the position of an element in the loop can decide its last bit.
Source: TFLite's process_broadcast_shapes.h and BinaryBroadcastFiveFold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..arrays import BoolArray


class InnerLoop(NamedTuple):
    """The innermost loop over the output in C order: how many elements a run, and whether one operand is a scalar.

    length 0: no vector loop (shapes that five nested loops can't express).
    """

    length: int
    scalar: bool


def inner_loop(a: Sequence[int], b: Sequence[int]) -> InnerLoop:
    """The innermost loop for operands of these shapes, which must broadcast together.

    Dimensions are grouped from the last: those that agree form the run; where the last one doesn't, the operand that
    has 1 there is a scalar, and the run goes over the dimensions in which it has 1.
    """
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b)
    differing = [i for i in range(rank) if a[i] != b[i]]
    if not differing:
        return InnerLoop(_product(a), scalar=False)
    last = differing[-1]
    if a[last] != 1:
        a, b = b, a

    groups = [_same, _of_first, _same, _of_second, _same]
    ends = [rank]
    for belongs in groups:
        i = ends[-1]
        while i > 0 and belongs(a[i - 1], b[i - 1]):
            i -= 1
        ends.append(i)
    if ends[-1] > 0:
        return InnerLoop(0, scalar=False)
    run = _product(b[ends[1] :])
    if run > 1:
        return InnerLoop(run, scalar=False)
    return InnerLoop(_product(b[ends[2] : ends[1]]), scalar=True)


def in_vector_loop(shape: Sequence[int], run: int, block: int) -> BoolArray:
    """Which elements of `shape` lie in the first block * floor(run / block) of each run of `run` elements."""
    if run == 0:
        return np.zeros(shape, np.bool_)
    position = np.arange(_product(shape)).reshape(shape) % run
    return np.asarray(position < run // block * block)


def _same(a: int, b: int) -> bool:
    return a == b


def _of_first(a: int, b: int) -> bool:
    return a == 1


def _of_second(a: int, b: int) -> bool:
    return b == 1


def _product(lengths: Sequence[int]) -> int:
    result = 1
    for length in lengths:
        result *= length
    return result
