from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.reference.windows import Slide, counts, taps, window_sums


@settings(max_examples=200, deadline=None)
@given(
    length=st.integers(0, 9),
    size=st.integers(1, 5),
    stride=st.integers(1, 4),
    output=st.integers(0, 6),
    before=st.integers(0, 7),
    dilation=st.integers(1, 3),
)
def test_taps_are_the_positions_that_fall_on_an_input(
    length: int, size: int, stride: int, output: int, before: int, dilation: int
) -> None:
    expected = {
        (number, position, position * stride + number * dilation - before)
        for number in range(size)
        for position in range(output)
        if 0 <= position * stride + number * dilation - before < length
    }
    found = set()
    for tap in taps(length, Slide(size, stride, output, before, dilation)):
        positions = range(output)[tap.outputs]
        inputs = range(length)[tap.inputs]
        found |= {(tap.number, position, i) for position, i in zip(positions, inputs, strict=True)}
    assert found == expected


def test_a_huge_window_costs_no_more_than_the_input() -> None:
    assert len(list(taps(5, Slide(2**31, 1, 5, before=2**30)))) == 5 + 4


def test_sums_and_counts_of_a_window_at_the_border() -> None:
    x = np.arange(1, 5, dtype=np.int32).reshape(1, 2, 2, 1)
    slides = Slide(2, 1, 2), Slide(2, 1, 2)
    assert window_sums(x, slides)[0, ..., 0].tolist() == [[10, 6], [7, 4]]
    assert counts((2, 2), slides).tolist() == [[4, 2], [2, 1]]
