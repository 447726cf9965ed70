"""Exact integer matrix products, and the proof of their exactness at its limits."""

from __future__ import annotations

import numpy as np
import pytest
from convolutions import products
from fixed_point_oracle import wrap
from hypothesis import given

from qengine.kernels.reference import matmul
from qengine.kernels.reference.accumulate import matmul_accumulate


def test_a_product_is_read_by_eye():
    x = np.array([[1, 2], [3, 4]], np.int8)
    weights = np.array([[1, 0], [0, 1], [1, 1]], np.int8)
    bias = np.array([0, 0, 10], np.int32)
    assert matmul_accumulate(x, 1, weights, 0, bias).tolist() == [[0, 1, 11], [2, 3, 15]]


@pytest.mark.parametrize("accumulator", [np.int32, np.int64])
@given(case=products())
def test_a_product_equals_python_integers(accumulator, case):
    x, zero_point, weights, weight_zero_point, bias, _ = case
    acc = matmul_accumulate(x, zero_point, weights, weight_zero_point, bias, accumulator=accumulator)
    assert acc.dtype == accumulator
    exact = [
        [
            int(b)
            + sum((int(p) - zero_point) * (int(w) - weight_zero_point) for p, w in zip(row, filters, strict=True))
            for filters, b in zip(weights, bias, strict=True)
        ]
        for row in x
    ]
    assert acc.tolist() == [[wrap(value, acc.dtype.itemsize * 8) for value in row] for row in exact]


def test_leading_axes_are_kept():
    x = np.ones((2, 3, 4), np.int8)
    assert matmul_accumulate(x, 0, np.ones((5, 4), np.int8)).shape == (2, 3, 5)


def test_the_float_type_is_the_narrowest_that_holds_every_sum():
    assert matmul.exact_float(2**24 - 1) is np.float32
    assert matmul.exact_float(2**24) is np.float64
    assert matmul.exact_float(2**53 - 1) is np.float64
    assert matmul.exact_float(2**53) is None


@pytest.mark.parametrize("ones", [514, 515, 516, 517])
def test_sums_next_to_the_limit_of_float32_are_exact(ones):
    # 255 * 127 * 518 = 2**24 - 1786: the type changes in this neighbourhood
    x = np.full((1, 521), -128, np.int8)
    weights = np.full((1, 521), 127, np.int8)
    weights[0, ones:] = 1
    x[0, 3] = -127
    assert matmul_accumulate(x, 127, weights).item() == -255 * (127 * ones + 521 - ones) + 127


def test_sums_beyond_float64_are_exact():
    x = np.full((1, 2**9), 2**62, np.int64)
    weights = np.full((1, 2**9), 1, np.int64)
    weights[0, 0] = 3
    x[0, 1] = 5
    assert matmul_accumulate(x, 0, weights, accumulator=np.int64).item() == wrap((2**9 + 1) * 2**62 + 5, 64)


def test_operands_of_different_depth_are_refused():
    with pytest.raises(ValueError, match="expected as many columns in x as in weights, got 3 and 4"):
        matmul_accumulate(np.zeros((1, 3), np.int8), 0, np.zeros((2, 4), np.int8))
