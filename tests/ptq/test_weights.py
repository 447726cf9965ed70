"""Weights and biases as integers, by the converter's rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qengine.model import TensorType
from qengine.ptq.lattice import may_have_steps, step_of
from qengine.ptq.observers import Observer
from qengine.ptq.weights import BIAS_LIMIT, quantize_bias, quantize_weights, rescaled, widened_scales

INT8, INT4, INT16 = TensorType.INT8, TensorType.INT4, TensorType.INT16
RNG = np.random.default_rng(0)


def test_each_channel_reaches_127() -> None:
    weights = np.array([[1.0, -0.5, 0.003], [-8.0, 4.0, 2.0]], np.float32)
    made = quantize_weights(weights, INT8, 0, Observer())
    assert made.values.tolist() == [[127, -64, 0], [-127, 64, 32]]
    assert made.scales.tolist() == [np.float32(1 / 127), np.float32(8 / 127)]
    assert made.axis == 0


def test_one_scale_serves_the_whole_tensor_where_no_axis_is_given() -> None:
    made = quantize_weights(np.array([[1.0], [-8.0]], np.float32), INT8, None, Observer())
    assert made.values.tolist() == [[16], [-127]]
    assert made.scales.shape == (1,)


def test_depthwise_channels_lie_last() -> None:
    weights = RNG.normal(size=(1, 3, 3, 5)).astype(np.float32)
    made = quantize_weights(weights, INT8, 3, Observer())
    assert made.scales == pytest.approx(np.abs(weights).max(axis=(0, 1, 2)) / 127)
    assert np.abs(made.values).max(axis=(0, 1, 2)).tolist() == [127] * 5
    assert np.abs(made.real() - weights).max() <= made.scales.max() / 2 * 1.0001


def test_four_bits_reach_7() -> None:
    made = quantize_weights(np.array([[0.7, -0.1, 0.31]], np.float32), INT4, 0, Observer())
    assert made.values.tolist() == [[7, -1, 3]]


def test_ten_bits_in_sixteen() -> None:
    made = quantize_weights(np.array([[0.511, -0.02]], np.float32), INT16, None, Observer(), bits=10)
    assert made.values.tolist() == [[511, -20]]
    assert made.values.dtype == np.int16


def test_a_channel_of_zeros_gets_the_converters_smallest_scale() -> None:
    made = quantize_weights(np.array([[0.0, 0.0], [1.0, 1.0]], np.float32), INT8, 0, Observer())
    assert made.values.tolist() == [[0, 0], [127, 127]]
    assert made.scales[0] == np.float32(5e-7 / 127)


def test_blocks_have_scales_that_float16_and_bfloat16_hold() -> None:
    weights = RNG.normal(size=(3, 64)).astype(np.float32)
    made = quantize_weights(weights, INT4, 0, Observer(), block_size=32)
    assert made.scales.shape == (3, 2)
    assert (made.scales.view(np.uint32) & 0xFFFF == 0).all()
    assert (made.scales.astype(np.float16).astype(np.float32) == made.scales).all()
    assert np.abs(made.real() - weights).max() <= 0.6 * made.scales.max()


def test_blocks_must_divide_a_row() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        quantize_weights(np.zeros((3, 40), np.float32), INT4, 0, Observer(), block_size=32)


@given(st.integers(20, 126), st.floats(2.0**-13, 8, width=32), st.integers(0, 2**32 - 1))
def test_numbers_that_were_quantized_before_come_back_as_they_were(most: int, step: float, seed: int) -> None:
    before = np.random.default_rng(seed).integers(-most, most + 1, (1, 40)).astype(np.int8)
    real = before.astype(np.float32) * np.float32(step)
    again = quantize_weights(real, INT8, 0, Observer())
    assert again.real() == pytest.approx(real, rel=1e-5, abs=1e-6 * step)


def test_ordinary_weights_have_no_step_of_their_own() -> None:
    assert step_of(RNG.normal(size=50), 127) is None
    assert step_of(np.zeros(5), 127) is None
    assert step_of(np.array([0.127, 0.001, 0.004, 0.005]), 127) is None  # 127 steps: the ordinary scale is this one
    assert step_of(np.array([0.5, -1.5, 2.5]), 127) is None  # so few that it may be chance
    assert step_of(np.array([0.5, -1.5, 2.5, 8.0]), 127) == pytest.approx(0.5)


def test_a_bias_is_counted_in_its_scale() -> None:
    scales = np.array([0.5, 0.25], np.float32)
    assert quantize_bias(np.array([1.25, -1.0], np.float32), scales, TensorType.INT32).tolist() == [3, -4]


def test_a_bias_beyond_its_type_is_clamped() -> None:
    q = quantize_bias(np.array([1e30], np.float32), np.array([1.0], np.float32), TensorType.INT32)
    assert q.tolist() == [2**31 - 1]


def test_tiny_weights_are_widened_until_the_bias_fits() -> None:
    scales = np.array([1e-3, 1e-12])
    wider = widened_scales(np.array([1.0, 1.0], np.float32), 0.1, scales)
    assert wider[0] == 1e-3
    assert 1.0 / (0.1 * wider[1]) == pytest.approx(BIAS_LIMIT)
    made = rescaled(np.array([[0.127], [1e-10]], np.float32), wider, INT8, 0)
    assert made.values.tolist() == [[127], [0]]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 7, 127]), st.integers(1, 30))
def test_no_row_with_a_step_of_its_own_is_passed_over(seed: int, most: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.uniform(0.001, 1, (6, 1))
    rows = np.concatenate([rng.integers(-9, 10, (6, count)) * steps, rng.integers(-60, 61, (6, count)) * 2 * steps])
    rows = np.concatenate([rows, rng.normal(size=(2, count)), np.zeros((1, count))]).astype(np.float32)
    for row, may in zip(rows, may_have_steps(rows, most), strict=True):
        assert may or step_of(row, most) is None
