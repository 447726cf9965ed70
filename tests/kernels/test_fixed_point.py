"""Fixed-point primitives against the same arithmetic on Python integers."""

from __future__ import annotations

from fractions import Fraction

import fixed_point_oracle as oracle
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qengine.kernels import fixed_point

INT32 = st.integers(-(2**31), 2**31 - 1)
EDGES = [-(2**31), -(2**31) + 1, -3, -2, -1, 0, 1, 2, 3, 2**30, 2**31 - 2, 2**31 - 1]
int32_arrays = st.lists(INT32 | st.sampled_from(EDGES), min_size=1, max_size=20)
multipliers = st.integers(2**30, 2**31 - 1) | st.sampled_from([0, 2**30, 2**31 - 1])


def test_multipliers_are_read_by_eye():
    # real           multiplier * 2**(shift - 31)
    assert fixed_point.quantize_multiplier(0.5) == (2**30, 0)
    assert fixed_point.quantize_multiplier(1.0) == (2**30, 1)
    assert fixed_point.quantize_multiplier(0.75) == (3 * 2**29, 0)
    assert fixed_point.quantize_multiplier(6.0) == (3 * 2**29, 3)
    assert fixed_point.quantize_multiplier(-0.75) == (-3 * 2**29, 0)
    assert fixed_point.quantize_multiplier(0.0) == (0, 0)


def test_a_fraction_that_rounds_to_one_carries_into_the_shift():
    assert fixed_point.quantize_multiplier(1 - 2.0**-40) == (2**30, 1)


def test_a_multiplier_too_small_for_the_shift_is_zero():
    assert fixed_point.quantize_multiplier(2.0**-32) == (2**30, -31)
    assert fixed_point.quantize_multiplier(np.nextafter(2.0**-32, 0)) == (2**30, -31)
    assert fixed_point.quantize_multiplier(2.0**-33) == (0, 0)


@pytest.mark.parametrize("real", [np.nan, np.inf, -np.inf])
def test_a_multiplier_that_is_not_finite_is_refused(real):
    with pytest.raises(ValueError, match="finite"):
        fixed_point.quantize_multipliers([1.0, real])


@given(st.lists(st.floats(1e-12, 1e9), min_size=1, max_size=8))
def test_multipliers_equal_the_oracle_one_by_one(reals):
    multiplier, shift = fixed_point.quantize_multipliers(reals)
    assert multiplier.dtype == shift.dtype == np.int32
    assert list(zip(multiplier.tolist(), shift.tolist(), strict=True)) == list(map(oracle.quantize_multiplier, reals))


@given(st.floats(2.0**-32, 2.0**30))
def test_a_multiplier_is_off_by_at_most_one_part_in_two_to_the_31(real):
    multiplier, shift = fixed_point.quantize_multiplier(real)
    stands_for = Fraction(multiplier) * Fraction(2) ** (shift - 31)
    assert abs(stands_for - Fraction(real)) <= Fraction(real) / 2**31


@given(st.floats(-1e300, 1e300))
@example(0.49999999999999994)
@example(-0.49999999999999994)
@example(2.5)
@example(-2.5)
@example(4503599627370497.5)
def test_rounding_half_away_is_exact(x):
    assert fixed_point.round_half_away(x) == oracle.half_away(Fraction(x))


@given(st.floats(-(2.0**100), 2.0**100, width=32))
@example(0.49999997)
@example(8388607.5)
def test_rounding_half_away_stays_in_float32(x):
    rounded = fixed_point.round_half_away(np.float32(x))
    assert rounded.dtype == np.float32
    assert rounded == oracle.half_away(Fraction(x))


def test_rounding_keeps_what_is_not_finite():
    np.testing.assert_array_equal(fixed_point.round_half_away([np.inf, -np.inf, np.nan]), [np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_become_int32_as_on_x86(dtype):
    floats = np.array([1.9, -1.9, 0.0, 2.0**31, -(2.0**31), -(2.0**32), np.nan, np.inf, -np.inf], dtype)
    low = -(2**31)
    assert fixed_point.float_to_int32(floats).tolist() == [1, -1, 0, low, low, low, low, low, low]


def test_the_last_doubles_within_int32_are_kept():
    assert fixed_point.float_to_int32(np.float64(2**31 - 1 + 0.5)) == 2**31 - 1
    assert fixed_point.float_to_int32(np.float64(-(2**31) - 0.5)) == -(2**31)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=20))
def test_wrapping_keeps_the_low_32_bits(x):
    assert fixed_point.wrap_int32(x).tolist() == [oracle.wrap(value) for value in x]


@given(int32_arrays)
def test_leading_zeros_are_those_of_the_binary_numeral(x):
    assert fixed_point.count_leading_zeros(x).tolist() == [32 - (value % 2**32).bit_length() for value in x]


@given(int32_arrays, INT32 | st.sampled_from(EDGES))
def test_the_high_product_equals_the_oracle(a, b):
    product = fixed_point.saturating_rounding_doubling_high_mul(a, b)
    assert product.tolist() == [oracle.high_mul(value, b) for value in a]


def test_the_high_product_saturates_once():
    assert fixed_point.saturating_rounding_doubling_high_mul(-(2**31), -(2**31)) == 2**31 - 1
    assert fixed_point.saturating_rounding_doubling_high_mul_int16(-(2**15), -(2**15)) == 2**15 - 1


def test_the_16_bit_high_product_equals_the_oracle():
    a = np.arange(-(2**15), 2**15, 97)
    for b in (-(2**15), -12345, -1, 0, 1, 30000, 2**15 - 1):
        product = fixed_point.saturating_rounding_doubling_high_mul_int16(a, b)
        assert product.tolist() == [oracle.high_mul(int(value), b, 16) for value in a]


def test_division_rounds_ties_away_from_zero():
    assert fixed_point.rounding_divide_by_pot([-6, -5, -3, -2, 2, 3, 5, 6], 2).tolist() == [-2, -1, -1, -1, 1, 1, 1, 2]


@given(int32_arrays, st.integers(0, 31))
def test_division_equals_the_oracle(x, exponent):
    quotient = fixed_point.rounding_divide_by_pot(x, exponent)
    assert quotient.tolist() == [oracle.half_away(Fraction(value, 2**exponent)) for value in x]
    np.testing.assert_array_equal(fixed_point.rounding_divide_by_pot_unchecked(x, exponent), quotient)


def test_division_by_a_power_beyond_the_word_is_that_of_the_processor():
    # The shift counts modulo 32; one is added to whatever isn't negative.
    assert fixed_point.rounding_divide_by_pot_unchecked([-9, -1, 0, 5], 32).tolist() == [-9, -1, 1, 6]
    assert fixed_point.rounding_divide_by_pot_unchecked([-9, -1, 0, 5], 33).tolist() == [-5, -1, 1, 3]


def test_the_two_double_roundings_differ_in_negative_ties_only():
    # 0.25 * x, rounded
    multiplier, shift = fixed_point.quantize_multiplier(0.25)
    x = np.array([-10, -6, -2, 2, 6, 10])
    assert fixed_point.multiply_by_quantized_multiplier(x, multiplier, shift).tolist() == [-3, -2, -1, 1, 2, 3]
    assert fixed_point.multiply_by_quantized_multiplier_half_up(x, multiplier, shift).tolist() == [-2, -1, 0, 1, 2, 3]


@given(int32_arrays, multipliers, st.integers(-31, 30))
def test_multiplying_equals_the_oracle(x, multiplier, shift):
    assert fixed_point.multiply_by_quantized_multiplier(x, multiplier, shift).tolist() == [
        oracle.double_rounding(value, multiplier, shift) for value in x
    ]
    assert fixed_point.multiply_by_quantized_multiplier_half_up(x, multiplier, shift).tolist() == [
        oracle.double_rounding_half_up(value, multiplier, shift) for value in x
    ]


@given(st.lists(st.integers(-(2**47), 2**47 - 1), min_size=1, max_size=20), multipliers, st.integers(-31, 7))
@example([1000], 0x7FFF0000, 0)
@example([1000], 0x7FFEFFFF, 0)
def test_multiplying_int64_equals_the_oracle(x, multiplier, shift):
    assert fixed_point.multiply_by_quantized_multiplier_int64(x, multiplier, shift).tolist() == [
        oracle.wide(value, multiplier, shift) for value in x
    ]


def test_multipliers_per_channel_act_along_the_last_axis():
    multiplier, shift = fixed_point.quantize_multipliers([0.5, 2.0])
    assert fixed_point.multiply_by_quantized_multiplier([[4, 4], [6, 6]], multiplier, shift).tolist() == [
        [2, 8],
        [3, 12],
    ]
