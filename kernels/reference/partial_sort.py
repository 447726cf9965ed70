"""The k largest of some numbers in the order in which the runtime's C++ library finds them.

Among equals that order isn't the one they stand in, and it can be seen: it is that of a heap of k positions whose top
is the smallest, into which every larger number is exchanged, and which is taken apart at the end (libstdc++).
"""

from __future__ import annotations

from ..arrays import AnyArray


def largest(values: AnyArray, k: int) -> list[int]:
    """Positions of the k largest values (n,), the largest first; 1 <= k <= n."""
    heap = _Heap(values, k)
    for start in range(k // 2 - 1, -1, -1):
        heap.settle(start, heap.positions[start], k)
    for position in range(k, len(values)):
        if values[position] > values[heap.positions[0]]:
            heap.settle(0, position, k)
    for end in range(k - 1, 0, -1):
        last, heap.positions[end] = heap.positions[end], heap.positions[0]
        heap.settle(0, last, end)
    return heap.positions


class _Heap:
    """Positions, each above two others that are no smaller in value."""

    def __init__(self, values: AnyArray, size: int) -> None:
        self.values = values.tolist()
        self.positions = list(range(size))

    def settle(self, hole: int, position: int, size: int) -> None:
        """Puts a position into the heap's first `size` places, at `hole` or below: the hole sinks to the bottom along
        the smaller values, then the position rises from there."""
        top, values, positions = hole, self.values, self.positions
        child = 2 * hole + 2
        while child <= size:
            if child == size or values[positions[child]] > values[positions[child - 1]]:
                child -= 1
            positions[hole], hole = positions[child], child
            child = 2 * hole + 2
        while hole > top and values[positions[(hole - 1) // 2]] > values[position]:
            positions[hole], hole = positions[(hole - 1) // 2], (hole - 1) // 2
        positions[hole] = position
