"""Fixed-point functions: close to the real ones within stated bounds, and bit for bit a scalar evaluation."""

from __future__ import annotations

from fractions import Fraction

import fixed_point_oracle as oracle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qengine.kernels import gemmlowp

ALL_INT16 = np.arange(-(2**15), 2**15)


def exp_of_one_number(a: int, integer_bits: int, bits: int) -> int:
    """exp(a / 2**fraction) step by step on Python integers."""

    def constant(real_times_2_to_31: int) -> int:
        return oracle.half_away(Fraction(real_times_2_to_31, 2 ** (32 - bits)))

    def times(x: int, y: int) -> int:
        return oracle.high_mul(x, y, bits)

    if a == 0:
        return 2 ** (bits - 1) - 1
    fraction = bits - 1 - integer_bits
    if integer_bits > 5 and a < -32 * 2**fraction:
        return 0
    quarters, rest = divmod(-a, 2 ** (fraction - 2))  # a = -quarters / 4 - rest
    if rest == 0:
        quarters, rest = quarters - 1, 2 ** (fraction - 2)
    x = -rest * 2**integer_bits + 2 ** (bits - 4)
    x2 = times(x, x)
    x3, x4 = times(x2, x), times(x2, x2)
    sixth = times(oracle.half_away(Fraction(x4, 4)) + x3, constant(715827883))
    e = constant(1895147668)
    y = oracle.clamp(
        e + times(e, x + oracle.half_away(Fraction(sixth + x2, 2))), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    )
    factors = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242][: integer_bits + 2]
    for bit, factor in enumerate(factors):
        if quarters >> bit & 1:
            y = times(y, constant(factor))
    return y


@given(st.integers(-(2**31), 0))
def test_exp_of_32_bits_equals_the_scalar_evaluation(a):
    assert gemmlowp.exp_on_negative_values(a) == exp_of_one_number(a, 5, 32)


@pytest.mark.parametrize("integer_bits", [1, 3, 4, 5, 6, 7])
def test_exp_of_16_bits_equals_the_scalar_evaluation(integer_bits):
    a = np.arange(-(2**15), 1, 7)
    expected = [exp_of_one_number(value, integer_bits, 16) for value in a.tolist()]
    assert gemmlowp.exp_on_negative_values(a, integer_bits, 16).tolist() == expected


def test_exp_of_zero_is_the_number_nearest_to_one():
    assert gemmlowp.exp_on_negative_values(0) == 2**31 - 1
    assert gemmlowp.exp_on_negative_values(0, 3, 16) == 2**15 - 1


def test_exp_is_right_to_22_bits():
    a = np.linspace(-(2**31), 0, 5001).astype(np.int64)
    real = np.exp(a / 2**26)
    assert np.abs(gemmlowp.exp_on_negative_values(a) / 2**31 - real).max() < 2.0**-22  # the series ends at x**4 / 24


def test_exp_is_zero_below_minus_32():
    assert gemmlowp.exp_on_negative_values(-(33 << 9), integer_bits=6, bits=16) == 0


def test_one_over_one_plus_x_is_right_to_29_bits():
    a = np.linspace(0, 2**31 - 1, 5001).astype(np.int64)
    real = 1 / (1 + a / 2**31)
    assert np.abs(gemmlowp.one_over_one_plus_x(a) / 2**31 - real).max() < 2.0**-27


@pytest.mark.parametrize("integer_bits", [0, 3, 4, 6])
def test_logistic_is_near_the_real_one(integer_bits):
    real = 1 / (1 + np.exp(-ALL_INT16 / 2.0 ** (15 - integer_bits)))
    q = gemmlowp.logistic(ALL_INT16, integer_bits)
    assert np.abs(q - real * 2**15).max() <= 8  # LSB of Q0.15: three 16-bit products of an exponential, doubled
    assert q[2**15] == 2**14


@pytest.mark.parametrize("integer_bits", [0, 3, 4, 6])
def test_tanh_is_near_the_real_one_and_odd(integer_bits):
    real = np.tanh(ALL_INT16 / 2.0 ** (15 - integer_bits))
    q = gemmlowp.tanh(ALL_INT16, integer_bits)
    assert np.abs(q - real * 2**15).max() <= 16  # LSB of Q0.15: as logistic, doubled again
    np.testing.assert_array_equal(q[1:], -q[:0:-1])


@given(st.integers(1, 2**31 - 1))
def test_a_reciprocal_is_right_to_27_bits(x):
    mantissa, exponent = gemmlowp.get_reciprocal(x, 31)
    assert abs(int(mantissa) / 2**31 / 2.0 ** int(exponent) * x - 1) < 2.0**-26


@given(st.integers(1, 2**31 - 1))
def test_an_inverse_square_root_is_right_to_19_bits(x):
    multiplier, shift = gemmlowp.inv_sqrt_quantized_multiplier(x)
    assert shift <= 0
    assert (
        abs(int(multiplier) * 2.0 ** (int(shift) - 31) * x**0.5 - 1) < 2.0**-19
    )  # an odd power of 2 takes 28 bits, halved


def test_inverse_square_roots_of_zero_and_one_are_the_number_nearest_to_one():
    multiplier, shift = gemmlowp.inv_sqrt_quantized_multiplier([0, 1])
    assert multiplier.tolist() == [2**31 - 1] * 2
    assert shift.tolist() == [0, 0]


@given(st.integers(2**19, 2**31 - 1))
def test_a_logarithm_is_right_to_23_bits(x):
    # Q12.19 -> Q5.26
    assert abs(int(gemmlowp.log_on_values_above_one(x)) / 2**26 - np.log(x / 2**19)) < 2.0**-22


def test_half_sums_round_away_from_zero():
    assert gemmlowp.rounding_half_sum([3, -3, 2, -2], [0, 0, 0, 0]).tolist() == [2, -2, 1, -1]
