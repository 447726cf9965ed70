from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qengine.kernels.reference.random_bits import (
    Philox,
    counting,
    multinomial,
    philox,
    standard_normal,
    threefry,
    uniform,
)

ONES = 0xFFFFFFFF


def words(*values: int) -> np.ndarray:
    return np.array([values], np.uint32)


def test_the_known_answers_of_the_generators() -> None:
    """Those that the generators' authors publish (Random123, kat_vectors)."""
    assert philox(words(0, 0, 0, 0), (0, 0)).tolist() == [[0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]]
    assert philox(words(ONES, ONES, ONES, ONES), (ONES, ONES)).tolist() == [
        [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    ]
    assert threefry(words(0, 0), (0, 0)).tolist() == [[0x6B200159, 0x99BA4EFE]]
    assert threefry(words(ONES, ONES), (ONES, ONES)).tolist() == [[0x1CB996FC, 0xBB002BE7]]


@given(st.integers(0, 2**128 - 1), st.integers(1, 5))
def test_counters_count(first: int, count: int) -> None:
    for number, row in enumerate(counting(first, count, 4)):
        assert sum(int(word) << (32 * i) for i, word in enumerate(row)) == (first + number) % 2**128


def test_streams_go_on() -> None:
    whole, parts = Philox(7, 9), Philox(7, 9)
    together = whole.draw(5)
    assert np.array_equal(together, np.concatenate([parts.draw(2), parts.copy().draw(3)]))
    assert np.array_equal(parts.draw(3), together[2:])


def test_uniform_and_normal_numbers_are_spread_as_they_should_be() -> None:
    flat = uniform(Philox(1, 2), 40001)
    assert flat.shape == (40001,)
    assert 0 <= flat.min() < flat.max() < 1
    assert abs(flat.mean() - 0.5) < 0.01
    bell = standard_normal(Philox(3, 4), 40001)
    assert abs(bell.mean()) < 0.02
    assert abs(bell.std() - 1) < 0.02


def test_classes_come_as_often_as_their_logits_say() -> None:
    logits = np.array([[0, np.log(3), np.inf, np.nan], [-1000, 0, -1000, 0]], np.float32)
    drawn = multinomial(Philox(5, 6), logits, 4000)
    shares = [[float((row == value).mean()) for value in range(4)] for row in drawn]
    assert np.allclose(shares, [[0.25, 0.75, 0, 0], [0, 0.5, 0, 0.5]], atol=0.03)
