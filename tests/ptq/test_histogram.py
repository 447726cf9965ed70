"""Histograms: fixed memory, nothing lost by widening, merging or order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qengine.ptq.histogram import HALF, Histogram

BATCHES = st.lists(
    st.lists(st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=1, max_size=30), min_size=1, max_size=6
)


def of(*batches: list[float]) -> Histogram:
    histogram = Histogram()
    for batch in batches:
        values = np.array(batch, np.float32)
        histogram.add(values, float(np.abs(values).max()))
    return histogram


def test_a_bin_holds_its_lower_bound() -> None:
    histogram = of([0.0, 1.0, -1.0, 0.5, 0.0])
    assert histogram.exponent == 1  # 1.0 needs bins up to 2
    assert histogram.width == 2.0 / HALF
    filled = {float(histogram.edges[i]): int(n) for i, n in enumerate(histogram.counts) if n}
    assert filled == {-1.0: 1, 0.5: 1, 1.0: 1}
    assert (histogram.zeros, histogram.total) == (2, 5)


@given(BATCHES)
def test_the_order_of_values_does_not_matter(batches: list[list[float]]) -> None:
    forwards, backwards = of(*batches), of(*reversed(batches))
    assert forwards.exponent == backwards.exponent
    assert (forwards.counts == backwards.counts).all()
    assert forwards.total == sum(map(len, batches))


@given(BATCHES, BATCHES)
def test_merging_is_counting_all(first: list[list[float]], second: list[list[float]]) -> None:
    merged, together = of(*first), of(*first, *second)
    merged.merge(of(*second))
    assert merged.exponent == together.exponent
    assert (merged.counts == together.counts).all()
    assert merged.zeros == together.zeros


@given(BATCHES)
def test_every_value_lies_in_its_bin(batches: list[list[float]]) -> None:
    histogram, values = of(*batches), np.array([value for batch in batches for value in batch])
    want, _ = np.histogram(values[values != 0], histogram.edges if histogram.exponent is not None else 1)
    assert (histogram.counts == want).all() if histogram.exponent is not None else histogram.counts.sum() == 0


def test_bins_that_are_far_too_narrow_are_joined_at_zero() -> None:
    histogram = of([1e-6, -1e-6, 2e-6], [1e6])
    assert histogram.counts[HALF] == 2
    assert histogram.counts[HALF - 1] == 1
    assert histogram.total == 4
