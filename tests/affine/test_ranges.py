"""Scale and zero point from a range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qengine import affine

ends = st.floats(-1e6, 1e6)
bits = st.integers(2, 16)


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        ((-1.0, 1.55), {}, (0.01, -28)),
        ((-1.0, 1.55), dict(signed=False), (0.01, 100)),
        ((0.0, 2.55), {}, (0.01, -128)),
        ((-2.55, 0.0), {}, (0.01, 127)),
        ((1.0, 2.55), {}, (0.01, -128)),  # extended to contain 0
        ((-1.0, 1.27), dict(symmetric=True), (0.01, 0)),
        ((-1.27, 1.0), dict(symmetric=True, narrow_range=True), (0.01, 0)),
        ((-1.27, 1.27), dict(symmetric=True, signed=False), (0.01, 128)),
        ((-1.27, 1.27), dict(narrow_range=True), (0.01, 0)),
        ((-0.8, 0.7), dict(bits=4), (0.1, 0)),
        ((-327.67, 327.67), dict(bits=16, symmetric=True), (0.01, 0)),
    ],
)
def test_ranges_are_read_by_eye(arguments, options, expected):
    scale, zero_point = affine.parameters(*arguments, **options)
    assert (scale, zero_point) == (float(np.float32(expected[0])), expected[1])
    assert type(scale) is float
    assert type(zero_point) is int


@given(ends, ends, bits, st.booleans(), st.booleans(), st.booleans())
def test_the_range_is_covered_to_half_a_step_and_zero_exactly(a, b, bits, signed, symmetric, narrow_range):
    low, high = min(a, b), max(a, b)
    if max(-low, high) < 1e-30:
        low, high = -1.0, 1.0
    scale, zero_point = affine.parameters(low, high, bits, signed, symmetric, narrow_range)
    qmin, qmax = affine.integer_limits(bits, signed, narrow_range)
    assert qmin <= zero_point <= qmax
    # float32's rounding of the scale is 2**-24 of the range: at 16 bits 2**-8 of a step
    slack = scale * (0.5 + 2.0**-7)
    assert scale * (qmin - zero_point) <= min(low, 0) + slack
    assert scale * (qmax - zero_point) >= max(high, 0) - slack
    if symmetric:
        assert zero_point == (0 if signed else 2 ** (bits - 1))


@given(ends, ends, bits, st.booleans())
def test_signed_and_unsigned_differ_by_half_the_numbers(a, b, bits, narrow_range):
    low, high = min(a, b, -1e-3), max(a, b)
    signed = affine.parameters(low, high, bits, True, narrow_range=narrow_range)
    unsigned = affine.parameters(low, high, bits, False, narrow_range=narrow_range)
    assert signed[0] == unsigned[0]
    assert abs(unsigned[1] - signed[1] - 2 ** (bits - 1)) <= 1  # a tie may fall to the other side


def test_arrays_give_one_scale_a_channel():
    low, high = np.array([-1.0, 0.0, 0.0]), np.array([1.55, 2.55, 0.0])
    scale, zero_point = affine.parameters(low, high)
    assert scale.dtype == np.float32
    assert zero_point.dtype == np.int32
    assert scale.tolist() == [np.float32(0.01), np.float32(0.01), 1]
    assert zero_point.tolist() == [-28, -128, 0]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("narrow_range", [True, False])
def test_a_range_of_nothing_but_zero_holds_zero(signed, symmetric, narrow_range):
    scale, zero_point = affine.parameters(0.0, 0.0, 8, signed, symmetric, narrow_range)
    assert scale == 1
    low, high = affine.integer_limits(8, signed, narrow_range)
    assert low <= zero_point <= high


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (np.nan, 1.0), (0.0, np.inf), (-np.inf, 0.0)])
def test_a_range_that_is_none_is_refused(low, high):
    with pytest.raises(ValueError, match="expected finite low <= high"):
        affine.parameters(low, high)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1e-40), (0.0, 1e300), (-1.7e308, 1.7e308)])
def test_a_scale_beyond_float32_is_refused(low, high):
    with pytest.raises(ValueError, match="expected a range whose scale is a normal float32"):
        affine.parameters(low, high)


@pytest.mark.parametrize("bits", [1, 0, -3, 17])
def test_other_widths_are_refused(bits):
    with pytest.raises(ValueError, match=f"expected 2 to 16 bits, got {bits}"):
        affine.parameters(-1.0, 1.0, bits)
