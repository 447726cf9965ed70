"""Accumulators of convolutions against their definitions."""

from __future__ import annotations

import conv_oracle as oracle
import numpy as np
import pytest
from convolutions import convolutions, depthwise_convolutions, transposed_convolutions
from fixed_point_oracle import wrap
from hypothesis import given

from qengine.kernels.reference import conv
from qengine.kernels.reference.accumulate import (
    conv_2d_accumulate,
    depthwise_conv_2d_accumulate,
    transpose_conv_2d_accumulate,
)
from qengine.kernels.reference.conv import Geometry

ACCUMULATORS = pytest.mark.parametrize("accumulator", [np.int32, np.int64])
POINT = Geometry(stride=(1, 1), dilation=(1, 1), output=(1, 1), padding=(0, 0))


def assert_wraps_to(acc, exact):
    assert acc.tolist() == np.vectorize(lambda v: wrap(v, acc.dtype.itemsize * 8), otypes=[object])(exact).tolist()


def test_a_convolution_is_read_by_eye():
    x = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.int8).reshape(1, 3, 3, 1)
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.int8).reshape(1, 3, 3, 1)
    bias = np.array([100], np.int32)
    assert conv_2d_accumulate(x, 0, cross, 0, bias, POINT).ravel().tolist() == [125]
    same = Geometry(stride=(1, 1), dilation=(1, 1), output=(3, 3), padding=(1, 1))
    acc = conv_2d_accumulate(x, 0, cross, 0, bias, same)
    assert acc[0, :, :, 0].tolist() == [[107, 111, 111], [117, 125, 123], [119, 129, 123]]


def test_padding_counts_as_the_zero_point():
    x = np.full((1, 2, 2, 1), 7, np.int8)
    weights = np.ones((1, 3, 3, 1), np.int8)
    same = Geometry(stride=(1, 1), dilation=(1, 1), output=(2, 2), padding=(1, 1))
    assert not conv_2d_accumulate(x, 7, weights, 0, None, same).any()
    assert not depthwise_conv_2d_accumulate(x, 7, weights, 0, None, same).any()


def test_the_output_of_a_depth_multiplier_is_grouped_by_input_channel():
    x = np.array([10, 20], np.int8).reshape(1, 1, 1, 2)
    weights = np.array([1, 2, 3, 4], np.int8).reshape(1, 1, 1, 4)
    assert depthwise_conv_2d_accumulate(x, 0, weights, 0, None, POINT).ravel().tolist() == [10, 20, 60, 80]


def test_a_transposed_convolution_is_read_by_eye():
    x = np.array([[1, 2]], np.int8).reshape(1, 1, 2, 1)
    weights = np.array([1, 10, 100], np.int8).reshape(1, 1, 3, 1)
    whole = transpose_conv_2d_accumulate(x, 0, weights, 0, None, stride=(1, 2), padding=(0, 0), output=(1, 5))
    assert whole.ravel().tolist() == [1, 10, 102, 20, 200]
    cut = transpose_conv_2d_accumulate(x, 0, weights, 0, None, stride=(1, 2), padding=(0, 1), output=(1, 4))
    assert cut.ravel().tolist() == [10, 102, 20, 200]


@ACCUMULATORS
@given(case=convolutions())
def test_a_convolution_equals_its_definition(accumulator, case):
    acc = conv_2d_accumulate(*case, accumulator)
    assert acc.dtype == accumulator
    assert_wraps_to(acc, oracle.conv(*case))


@ACCUMULATORS
@given(case=depthwise_convolutions())
def test_a_depthwise_convolution_equals_its_definition(accumulator, case):
    acc = depthwise_conv_2d_accumulate(*case, accumulator)
    assert acc.dtype == accumulator
    assert_wraps_to(acc, oracle.depthwise(*case))


@ACCUMULATORS
@given(case=transposed_convolutions())
def test_a_transposed_convolution_equals_its_definition(accumulator, case):
    *operands, geometry = case
    acc = transpose_conv_2d_accumulate(*operands, **geometry, accumulator=accumulator)
    assert acc.dtype == accumulator
    assert_wraps_to(acc, oracle.transpose_conv(*operands, **geometry))


def test_strips_of_rows_join_seamlessly(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (2, 11, 7, 4)).astype(np.int8)
    weights = rng.integers(-128, 128, (6, 3, 3, 2)).astype(np.int8)
    geometry = Geometry(stride=(2, 1), dilation=(1, 2), output=(6, 7), padding=(1, 2))
    whole = conv_2d_accumulate(x, 3, weights, 0, None, geometry)
    monkeypatch.setattr(conv, "_PATCH_BYTES", 1000)
    np.testing.assert_array_equal(conv_2d_accumulate(x, 3, weights, 0, None, geometry), whole)


def test_int32_sums_wrap_and_int64_sums_do_not():
    x = np.full((1, 1, 1, 40000), 255, np.uint8)
    weights = np.full((1, 1, 1, 40000), 255, np.uint8)
    exact = 40000 * 255 * 255
    assert conv_2d_accumulate(x, 0, weights, 0, None, POINT).item() == wrap(exact)
    assert conv_2d_accumulate(x, 0, weights, 0, None, POINT, np.int64).item() == exact


@pytest.mark.parametrize(("batch", "output"), [(0, (3, 3)), (1, (0, 3)), (1, (3, 0))])
def test_no_pixels_give_no_sums(batch, output):
    geometry = Geometry(stride=(1, 1), dilation=(1, 1), output=output, padding=(0, 0))
    x = np.zeros((batch, *(length + 1 for length in output), 2), np.int8)
    acc = conv_2d_accumulate(x, 1, np.ones((3, 2, 2, 2), np.int8), 0, None, geometry)
    assert acc.shape == (batch, *output, 3)
    acc = depthwise_conv_2d_accumulate(x, 1, np.ones((1, 2, 2, 4), np.int8), 0, None, geometry)
    assert acc.shape == (batch, *output, 4)


@pytest.mark.parametrize(
    ("cases", "of_floats", "of_integers"),
    [
        (convolutions(), conv.conv_2d, conv_2d_accumulate),
        (depthwise_convolutions(), conv.depthwise_conv_2d, depthwise_conv_2d_accumulate),
    ],
)
def test_sums_of_floats_keep_their_type(cases, of_floats, of_integers):
    @given(case=cases)
    def check(case):
        # Whole numbers below 2**24: every order of summation is exact.
        x, weights = (part.clip(-100, 100).astype(np.int8) for part in (case.x, case.weights))
        sums = of_floats(x.astype(np.float32), weights.astype(np.float32), case.geometry)
        assert sums.dtype == np.float32
        np.testing.assert_array_equal(sums, of_integers(x, 0, weights, 0, None, case.geometry))

    check()
