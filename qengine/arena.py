"""One block of memory for many tensors: those that don't live at the same time share bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ALIGNMENT = 64


class Life(NamedTuple):
    """A tensor's size in bytes, and the first and last step in which it is needed."""

    size: int
    first: int
    last: int


def place(lives: Sequence[Life]) -> tuple[list[int], int]:
    """An offset for each life, and the size of the block. Offsets are multiples of ALIGNMENT.

    Largest first, each into the tightest gap among those placed already that live at the same time.
    """
    offsets = [0] * len(lives)
    placed: list[int] = []
    total = 0
    for index in sorted(range(len(lives)), key=lambda i: (-lives[i].size, lives[i].first)):
        life = lives[index]
        size = -(-max(life.size, 1) // ALIGNMENT) * ALIGNMENT
        best, best_gap, cursor = -1, 0, 0
        for other in placed:
            if lives[other].last < life.first or life.last < lives[other].first:
                continue
            gap = offsets[other] - cursor
            if gap >= size and (best < 0 or gap < best_gap):
                best, best_gap = cursor, gap
            cursor = max(cursor, offsets[other] + -(-max(lives[other].size, 1) // ALIGNMENT) * ALIGNMENT)
        offsets[index] = cursor if best < 0 else best
        total = max(total, offsets[index] + size)
        placed.append(index)
        placed.sort(key=lambda i: offsets[i])
    return offsets, total
