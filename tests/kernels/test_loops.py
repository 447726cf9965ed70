"""Compiled loops give what the reference kernels give."""

from __future__ import annotations

import numpy as np
import pytest
from convolutions import Case, convolutions, depthwise_convolutions, products
from hypothesis import given

from qengine.kernels.reference import accumulate as reference
from qengine.kernels.reference.conv import Geometry

pytest.importorskip("numba", reason="numba isn't installed")

from qengine.kernels.loops import accumulate as loops


def accumulator_of(case: Case) -> type[np.int32] | type[np.int64]:
    """As operators choose it: 64 bits for activations of 16. One type each, for each is compiled by itself."""
    return np.int64 if case.x.dtype == np.int16 else np.int32


@given(convolutions())
def test_a_convolution_is_the_reference_s(case):
    accumulator = accumulator_of(case)
    acc = loops.conv_2d_accumulate(*case, accumulator)
    assert acc.dtype == accumulator
    np.testing.assert_array_equal(acc, reference.conv_2d_accumulate(*case, accumulator))


@given(depthwise_convolutions())
def test_a_depthwise_convolution_is_the_reference_s(case):
    accumulator = accumulator_of(case)
    acc = loops.depthwise_conv_2d_accumulate(*case, accumulator)
    assert acc.dtype == accumulator
    np.testing.assert_array_equal(acc, reference.depthwise_conv_2d_accumulate(*case, accumulator))


@given(products())
def test_a_fully_connected_layer_is_the_reference_s(case):
    accumulator = accumulator_of(case)
    acc = loops.matmul_accumulate(*case[:5], accumulator=accumulator)
    assert acc.dtype == accumulator
    np.testing.assert_array_equal(acc, reference.matmul_accumulate(*case[:5], accumulator=accumulator))


def test_sums_wrap_as_the_reference_s():
    x = np.full((1, 1, 1, 40000), 255, np.uint8)
    weights = np.full((1, 1, 1, 40000), 255, np.uint8)
    point = Geometry(stride=(1, 1), dilation=(1, 1), output=(1, 1), padding=(0, 0))
    wrapped = 40000 * 255 * 255 - 2**32
    assert loops.conv_2d_accumulate(x, 0, weights, 0, None, point).item() == wrapped
    assert loops.matmul_accumulate(x[0, 0], 0, weights[0, 0]).item() == wrapped


def test_leading_axes_are_kept_and_empty_ones_too():
    assert loops.matmul_accumulate(np.ones((2, 3, 4), np.int8), 0, np.ones((5, 4), np.int8)).shape == (2, 3, 5)
    assert loops.matmul_accumulate(np.ones((0, 4), np.int8), 0, np.ones((5, 4), np.int8)).shape == (0, 5)
    assert loops.matmul_accumulate(np.ones((2, 4), np.int8), 0, np.ones((0, 4), np.int8)).shape == (2, 0)


def test_operands_of_different_depth_are_refused():
    with pytest.raises(ValueError, match="expected as many columns in x as in weights, got 3 and 4"):
        loops.matmul_accumulate(np.zeros((1, 3), np.int8), 0, np.zeros((2, 4), np.int8))
