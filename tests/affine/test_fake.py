"""Fake quantization against TensorFlow's numbers (fake_quant_golden.json) and against really quantizing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qengine import affine

GOLDEN = json.loads(Path(__file__).with_name("fake_quant_golden.json").read_text())
GOLDEN_CASES = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case['bits']}-bits{'-narrow' * case['narrow_range']}-from-{case['low'][0]}-{number}")
        for number, case in enumerate(GOLDEN)
    ],
)


def array(case, name):
    shape = () if name in ("low", "high", "dlow", "dhigh") and case["axis"] is None else None
    if name in ("x", "y", "gradient", "dx"):
        shape = case["shape"]
    numbers = np.array(case[name], np.float32)
    return numbers if shape is None else numbers.reshape(shape)


def options(case):
    return {name: case[name] for name in ("bits", "narrow_range", "axis")}


@GOLDEN_CASES
def test_numbers_are_those_of_tensorflow(case):
    y = affine.fake_quant(array(case, "x"), array(case, "low"), array(case, "high"), **options(case))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, array(case, "y"))


@GOLDEN_CASES
def test_gradients_are_those_of_tensorflow(case):
    arguments = [array(case, name) for name in ("gradient", "x", "low", "high")]
    dx, dlow, dhigh = affine.fake_quant_gradient(*arguments, **options(case))
    assert dx.dtype == dlow.dtype == dhigh.dtype == np.float32
    np.testing.assert_array_equal(dx, array(case, "dx"))
    # Sums of 17 numbers near 1: TensorFlow adds in float32, in its own order.
    np.testing.assert_allclose(dlow, array(case, "dlow"), rtol=0, atol=2e-6)
    np.testing.assert_allclose(dhigh, array(case, "dhigh"), rtol=0, atol=2e-6)


def test_two_bits_are_read_by_eye():
    grid = affine.nudge(-1.0, 2.0, bits=2)
    assert (grid.low, grid.high, grid.scale) == (-1, 2, 1)
    x = [-3.0, -1.0, -0.5, -0.49, 0.5, 1.49, 1.5, 9.0]
    assert affine.fake_quant(x, -1.0, 2.0, bits=2).tolist() == [-1, -1, 0, 0, 1, 1, 2, 2]
    dx, dlow, dhigh = affine.fake_quant_gradient([1, 2, 4, 8, 16, 32, 64, 128], x, -1.0, 2.0, bits=2)
    assert dx.tolist() == [0, 2, 4, 8, 16, 32, 64, 0]
    assert (dlow, dhigh) == (1, 128)


def test_a_range_is_nudged_until_zero_is_on_the_grid():
    grid = affine.nudge(-1.0, 1.0)  # zero would lie at 127.5 of 255 steps; float32 puts it just below
    assert np.rint([grid.low / grid.scale, grid.high / grid.scale]).tolist() == [-127, 128]
    assert affine.fake_quant(0.0, -1.0, 1.0) == 0


def test_narrow_range_makes_a_symmetric_grid():
    grid = affine.nudge(-1.27, 1.27, narrow_range=True)
    assert grid.high == -grid.low == np.float32(1.27)


limits = st.floats(1 / 64, 100, width=32)
numbers = st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=30)


@given(numbers, limits, limits, st.integers(2, 16), st.booleans())
def test_a_number_moves_by_at_most_half_a_step_to_the_grid(x, below, above, bits, narrow_range):
    grid = affine.nudge(-below, above, bits, narrow_range)
    x = np.array(x, np.float32)
    y = affine.fake_quant(x, -below, above, bits, narrow_range)
    steps = y.astype(np.float64) / grid.scale
    assert np.abs(steps - np.rint(steps)).max() < 0.01
    # Half a step, and float32's error of a number of 2**16 steps (2**-8 of a step) in each of four operations.
    assert (np.abs(y - np.clip(x, grid.low, grid.high)) <= grid.scale * (0.5 + 4 * 2.0**-8)).all()


@given(numbers, limits, limits, st.integers(2, 12), st.booleans(), st.booleans())
def test_it_is_what_quantizing_and_dequantizing_gives(x, below, above, bits, signed, narrow_range):
    scale, zero_point = affine.parameters(-below, above, bits, signed, narrow_range=narrow_range)
    x = np.array(x, np.float32)
    grid = affine.nudge(-below, above, bits, narrow_range)
    # Ties go up here and away from zero there, and the nudged ends may differ by rounding: stay clear of both.
    fraction = x.astype(np.float64) / grid.scale % 1
    assume(((fraction < 0.49) | (fraction > 0.51)).all())
    start = affine.integer_limits(bits, signed, narrow_range)[0]
    assume(zero_point == round(float(start - grid.low / grid.scale)))
    q = affine.quantize(x, scale, zero_point, np.int16, bits=bits if signed else None)
    q = np.clip(q, *affine.integer_limits(bits, signed, narrow_range))
    real = affine.dequantize(q, scale, zero_point)
    assert np.abs(affine.fake_quant(x, -below, above, bits, narrow_range) - real).max() < grid.scale / 100


@given(st.integers(0, 2), st.integers(2, 16), st.booleans())
def test_channels_along_any_axis_are_independent(axis, bits, narrow_range):
    rng = np.random.default_rng(bits)
    x = rng.normal(size=(2, 3, 4)).astype(np.float32)
    gradient = rng.normal(size=x.shape).astype(np.float32)
    channels = x.shape[axis]
    low, high = -rng.uniform(0.1, 1, channels), rng.uniform(0.1, 1, channels)
    last = [np.moveaxis(part, axis, -1) for part in (x, gradient)]
    whole = affine.fake_quant(x, low, high, bits, narrow_range, axis)
    gradients = affine.fake_quant_gradient(gradient, x, low, high, bits, narrow_range, axis)
    np.testing.assert_array_equal(
        np.moveaxis(whole, axis, -1), affine.fake_quant(last[0], low, high, bits, narrow_range, -1)
    )
    for channel in range(channels):
        part = [side[..., channel] for side in last]
        dx, dlow, dhigh = affine.fake_quant_gradient(part[1], part[0], low[channel], high[channel], bits, narrow_range)
        np.testing.assert_array_equal(np.moveaxis(gradients[0], axis, -1)[..., channel], dx)
        assert (gradients[1][channel], gradients[2][channel]) == (dlow, dhigh)


@given(numbers, limits, limits, st.integers(2, 16))
def test_gradients_share_out_what_comes_in(x, below, above, bits):
    gradient = np.arange(1, len(x) + 1, dtype=np.float32)
    dx, dlow, dhigh = affine.fake_quant_gradient(gradient, x, -below, above, bits)
    assert dx.sum() + dlow + dhigh == gradient.sum()


def test_the_range_of_nothing_gives_zero_and_lets_gradients_through():
    assert affine.fake_quant([1.0, -2.0], 0.0, 0.0).tolist() == [0, 0]
    dx, dlow, dhigh = affine.fake_quant_gradient([3.0, 4.0], [1.0, -2.0], 0.0, 0.0)
    assert dx.tolist() == [3, 4]
    assert (dlow, dhigh) == (0, 0)


def test_nan_stays_and_infinity_is_clamped():
    y = affine.fake_quant([np.nan, np.inf, -np.inf], -1.0, 2.0, bits=2)
    np.testing.assert_array_equal(y, np.array([np.nan, 2, -1], np.float32))


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, -1.0), (0.5, 0.5), (np.nan, 1.0), (0.0, np.inf), (-3e38, 3e38), (0, 1e-40)]
)
def test_a_range_without_a_grid_is_refused(low, high):
    with pytest.raises(ValueError, match="expected low < high"):
        affine.fake_quant([0.0], low, high)


def test_shapes_that_do_not_fit_are_refused():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match="expected one range where no axis is given, got 3"):
        affine.fake_quant(x, [-1.0] * 3, [1.0] * 3)
    with pytest.raises(ValueError, match="expected 2 ranges along axis 0, got 3"):
        affine.fake_quant(x, [-1.0] * 3, [1.0] * 3, axis=0)
    with pytest.raises(ValueError, match="expected an axis of 2 dimensions, got 2"):
        affine.fake_quant(x, [-1.0] * 3, [1.0] * 3, axis=2)
    with pytest.raises(ValueError, match=r"expected a gradient of the shape \(2, 3\) of x, got \(3, 2\)"):
        affine.fake_quant_gradient(np.zeros((3, 2)), x, -1.0, 1.0)
    with pytest.raises(ValueError, match="expected 2 to 16 bits, got 17"):
        affine.fake_quant(x, -1.0, 1.0, bits=17)
