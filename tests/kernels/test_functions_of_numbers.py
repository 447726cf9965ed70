"""Functions of numbers that NumPy hasn't: erfc, casts that saturate, powers by squaring, tables of 16-bit sigmoids."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.reference.cast import cast, cast_narrow
from qengine.kernels.reference.division import floor_mod
from qengine.kernels.reference.erf import erfc
from qengine.kernels.reference.extremes import maximum, minimum
from qengine.kernels.reference.power import power
from qengine.kernels.reference.sigmoid_int16 import InputScale, logistic_int16, tanh_int16


@settings(max_examples=300, deadline=None)
@given(st.floats(-40, 40))
def test_erfc_is_that_of_the_standard_library(x: float) -> None:
    assert float(erfc(np.array([x]))[0]) == pytest.approx(math.erfc(x), rel=1e-11, abs=1e-300)


def test_erfc_of_what_is_no_number() -> None:
    with np.errstate(all="ignore"):
        got = erfc(np.array([math.inf, -math.inf, math.nan]))
    assert got[:2].tolist() == pytest.approx([0, 2], abs=1e-300)
    assert math.isnan(got[2])


@settings(max_examples=100, deadline=None)
@given(st.floats(width=32, allow_nan=False), st.sampled_from(["int8", "uint8", "int16", "uint16", "int32"]))
def test_casts_saturate(x: float, dtype: str) -> None:
    limits = np.iinfo(dtype)
    wanted = limits.max if x > limits.max else limits.min if x < limits.min else int(x)
    assert cast(np.array([x], np.float32), dtype).tolist() == [wanted]


def test_casts_to_four_bits() -> None:
    assert cast_narrow(np.array([-9.7, -7.9, 3.9, 12], np.float32), -8, 7, np.int8).tolist() == [-8, -7, 3, 7]


@settings(max_examples=100, deadline=None)
@given(st.integers(-20, 20), st.integers(0, 40))
def test_whole_powers_beyond_int32_wrap_where_one_exponent_serves_all_and_else_are_the_smallest(
    base: int, exponent: int
) -> None:
    exact, least = base**exponent, -(2**31)
    fits = least <= exact < 2**31
    alone, all_bases = np.array([base], np.int32), np.array([base, base], np.int32)
    assert power(alone, np.array([exponent], np.int32)).tolist() == [exact if fits else least]
    wrapped = (exact - least) % 2**32 + least if exponent else 1
    assert power(all_bases, np.array([exponent], np.int32)).tolist() == [wrapped] * 2


@given(st.floats(-100, 100, width=32), st.floats(2**-3, 100, width=32))
def test_real_remainders_have_the_sign_of_the_divisor(a: float, b: float) -> None:
    for divisor in (b, -b):
        remainder = float(floor_mod(np.array([a], np.float32), np.array([divisor], np.float32))[0])
        assert remainder == 0 or (remainder < 0) == (divisor < 0)
        assert abs(remainder) <= abs(divisor)


def test_nan_is_the_extreme_of_nothing_in_c() -> None:
    """What stands second wins where a comparison fails."""
    nan, one = np.array([math.nan], np.float32), np.array([1], np.float32)
    assert maximum(nan, one).tolist() == [1]
    assert math.isnan(maximum(one, nan)[0])
    assert minimum(nan, one).tolist() == [1]


@pytest.mark.parametrize("scale", [2.0**-12, 2.0**-13, 3e-4, 1e-3])
def test_tables_of_sigmoids_are_near_the_real_ones(scale: float) -> None:
    q = np.arange(-32768, 32768)
    steps = InputScale.of(scale)
    assert np.abs(logistic_int16(q, steps) - 32768 / (1 + np.exp(-q * scale))).max() < 20
    assert np.abs(tanh_int16(q, steps) - 32768 * np.tanh(q * scale)).max() < 40
