"""Which elements of a broadcast operator the runtime computes in vectors."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from qengine.kernels.reference.lanes import InnerLoop, in_vector_loop, inner_loop


@pytest.mark.parametrize(
    ("a", "b", "length", "scalar"),
    [
        ((2, 3, 5), (2, 3, 5), 30, False),
        ((2, 3, 5), (5,), 5, False),
        ((2, 3, 5), (3, 5), 15, False),
        ((2, 3, 5), (2, 1, 5), 5, False),
        ((2, 3, 5), (1,), 30, True),
        ((), (4, 5), 20, True),
        ((2, 3, 1), (2, 3, 5), 5, True),
        ((2, 1, 1), (2, 3, 5), 15, True),
        ((2, 3, 1), (2, 1, 5), 5, True),
        ((1, 3, 1, 5, 1), (2, 1, 4, 1, 6), 0, False),
    ],
)
def test_the_innermost_loop(a: Sequence[int], b: Sequence[int], length: int, scalar: bool) -> None:
    assert inner_loop(a, b) == InnerLoop(length, scalar)
    assert inner_loop(b, a) == InnerLoop(length, scalar)


def test_whole_blocks_of_every_run_are_vectors() -> None:
    assert in_vector_loop((2, 7), 7, 3).tolist() == [[True] * 6 + [False]] * 2
    assert in_vector_loop((2, 7), 14, 4).tolist() == [[True] * 7, [True] * 5 + [False] * 2]
    assert not in_vector_loop((2, 7), 0, 4).any()
    assert in_vector_loop((0, 7), 7, 4).shape == (0, 7)
