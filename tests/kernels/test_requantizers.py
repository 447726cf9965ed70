"""Requantizers against the same rules on Python integers and fractions."""

from __future__ import annotations

from fractions import Fraction

import fixed_point_oracle as oracle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from qengine.kernels.requantizers import ChannelSplit, DoubleRounding, Float32, Float64, HalfUp, Requantizer, Wide

FROM_FLOAT64 = [DoubleRounding, HalfUp, ChannelSplit, Wide, Float64]
TIES = np.array([[-10, -6, -2, 0, 2, 6, 10]], np.int32)  # a quarter of each is a tie, but for 0
accumulators = arrays.arrays(
    np.int32, st.tuples(st.integers(1, 3), st.just(5)), elements=st.integers(-(2**31), 2**31 - 1)
)
scales = arrays.arrays(np.float64, 5, elements=st.floats(1e-9, 4.0))


@pytest.mark.parametrize(
    ("rule", "rounded"),
    [
        (DoubleRounding, [-3, -2, -1, 0, 1, 2, 3]),  # away from zero
        (HalfUp, [-2, -1, 0, 0, 1, 2, 3]),
        (Wide, [-2, -1, 0, 0, 1, 2, 3]),
        (Float64, [-3, -2, -1, 0, 1, 2, 3]),
    ],
)
def test_ties_are_read_by_eye(rule: type[Requantizer], rounded: list[int]):
    assert rule.from_real(np.array(0.25)).rescale(TIES).tolist() == [rounded]


def test_float32_rounds_ties_to_even():
    assert Float32.from_real(np.float32(0.25)).rescale(TIES).tolist() == [[-2, -2, 0, 0, 0, 2, 2]]


def test_the_split_rounds_up_in_whole_blocks_and_away_in_the_tail():
    acc = np.full((1, 11), -2, np.int32)
    assert ChannelSplit.from_real(np.array(0.25)).rescale(acc).tolist() == [[0] * 8 + [-1] * 3]
    assert ChannelSplit.from_real(np.array(0.25), block=4).rescale(acc[:, :7]).tolist() == [[0] * 4 + [-1] * 3]
    assert ChannelSplit.from_real(np.array(0.25), block=16).rescale(acc).tolist() == [[-1] * 11]


@given(accumulators, scales)
def test_double_rounding_equals_the_oracle_per_channel(acc, real):
    assert DoubleRounding.from_real(real).rescale(acc).tolist() == [
        [oracle.double_rounding(x, *oracle.quantize_multiplier(d)) for x, d in zip(row, real.tolist(), strict=True)]
        for row in acc.tolist()
    ]


@given(accumulators, scales)
def test_half_up_equals_the_oracle_per_channel(acc, real):
    assert HalfUp.from_real(real).rescale(acc).tolist() == [
        [
            oracle.double_rounding_half_up(x, *oracle.quantize_multiplier(d))
            for x, d in zip(row, real.tolist(), strict=True)
        ]
        for row in acc.tolist()
    ]


@given(accumulators, scales, st.integers(1, 6))
def test_the_split_is_its_two_rules_side_by_side(acc, real, block):
    channels = 5 // block * block
    split = ChannelSplit.from_real(real, block=block).rescale(acc)
    np.testing.assert_array_equal(split[:, :channels], HalfUp.from_real(real).rescale(acc)[:, :channels])
    np.testing.assert_array_equal(split[:, channels:], DoubleRounding.from_real(real).rescale(acc)[:, channels:])


@given(arrays.arrays(np.int64, (2, 5), elements=st.integers(-(2**47), 2**47 - 1)), scales)
def test_wide_equals_the_oracle_per_channel(acc, real):
    assert Wide.from_real(real).rescale(acc).tolist() == [
        [oracle.wide(x, *oracle.quantize_multiplier(d)) for x, d in zip(row, real.tolist(), strict=True)]
        for row in acc.tolist()
    ]


@given(accumulators, st.floats(1e-9, 0.25))
def test_float64_is_the_exact_product_rounded_to_double_and_then_away(acc, real):
    assert Float64.from_real(np.array(real)).rescale(acc).tolist() == [
        [oracle.half_away(Fraction(x * real)) for x in row] for row in acc.tolist()
    ]


@given(accumulators, st.floats(2.0**-30, 0.25, width=32))
def test_float32_is_two_roundings_and_one_to_even(acc, real):
    assert Float32.from_real(np.float32(real)).rescale(acc).tolist() == [
        [round(Fraction(float(np.float32(np.float32(x) * np.float32(real))))) for x in row] for row in acc.tolist()
    ]


@pytest.mark.parametrize("rule", FROM_FLOAT64)
@given(acc=accumulators, zero_point=st.integers(-128, 127))
def test_the_output_is_the_clamped_sum_with_the_zero_point(rule, acc, zero_point):
    requantizer = rule.from_real(np.array(2.0**-22))
    q = requantizer(acc, zero_point, -100, 90, np.int8)
    assert q.dtype == np.int8
    np.testing.assert_array_equal(q, np.clip(requantizer.rescale(acc) + zero_point, -100, 90))


def test_float32_clamps_what_is_beyond_int32():
    acc = np.array([2**30, -(2**30)], np.int32)
    assert Float32.from_real(np.float32(100.0))(acc, 3, -128, 127, np.int8).tolist() == [127, -128]


def test_the_sum_with_the_zero_point_wraps_as_in_the_runtime():
    acc = np.array([2**31 - 1], np.int32)
    almost_one = DoubleRounding(np.int32(2**31 - 1), np.int32(0))
    assert almost_one.rescale(acc).tolist() == [2**31 - 2]
    assert almost_one(acc, 1, -128, 127, np.int8).tolist() == [127]
    assert almost_one(acc, 2, -128, 127, np.int8).tolist() == [-128]


def test_float32_refuses_a_scale_of_another_type():
    with pytest.raises(TypeError, match="expected a float32 scale, got float64"):
        Float32.from_real(np.array(0.1))


def test_equal_rules_are_equal_values():
    real = np.array([0.5, 0.1])
    assert DoubleRounding.from_real(real) == DoubleRounding.from_real(real)
    assert hash(DoubleRounding.from_real(real)) == hash(DoubleRounding.from_real(real))
    assert DoubleRounding.from_real(real) != DoubleRounding.from_real(real[:1])
    assert DoubleRounding.from_real(real) != HalfUp.from_real(real)
    assert ChannelSplit.from_real(real, block=8) != ChannelSplit.from_real(real, block=16)


@pytest.mark.parametrize("rule", FROM_FLOAT64)
def test_no_accumulators_give_no_output(rule):
    assert rule.from_real(np.array(0.5))(np.zeros((0, 3), np.int32), 0, -128, 127, np.int8).shape == (0, 3)
