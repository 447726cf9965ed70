"""Emitted convolutions and dense layers equal the reference on the same numbers, bit for bit, within their memory."""

from __future__ import annotations

import numpy as np
import pytest
from emitted_cases import CHANNELS, geometries, layers, random_bytes, requantizer
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit import gemm, target
from qengine.kernels.emit.convolution import plan_convolution
from qengine.kernels.emit.dense import plan_dense
from qengine.kernels.emit.depthwise import plan_depthwise
from qengine.kernels.emit.layer import Geometry, Layer, split_outliers
from qengine.kernels.emit.plan import Eight
from qengine.kernels.emit.rounding import FloatRule
from qengine.kernels.emit.transposed import plan_transposed
from qengine.kernels.reference import conv


def expected(layer, sums):
    """The layer's output for exact sums (..., channels) of products."""
    total = sums.astype(np.int64) + (0 if layer.bias is None else layer.bias)
    round_ = requantizer(layer.rule)
    return round_(total.astype(np.int32), layer.output.zero_point, layer.low, layer.high, layer.weights.dtype)


def centered(x, zero_point):
    return x.astype(np.float64) - zero_point


def sliding(geometry):
    return conv.Geometry(geometry.stride, geometry.dilation, geometry.output[:2], geometry.before)


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth, outputs = draw(CHANNELS), groups * draw(CHANNELS)
    geometry = draw(geometries(groups * depth, outputs))
    shape = (outputs, *geometry.window, depth)
    layer, rng = draw(layers(shape, outputs, np.prod(shape[1:])))
    return geometry, layer, random_bytes(rng, (geometry.batch, *geometry.input), layer.input.signed)


@settings(max_examples=60)
@given(case=convolutions())
def test_convolution_equals_the_reference(variant, case):
    geometry, layer, x = case
    sums = conv.conv_2d(
        centered(x, layer.input.zero_point), centered(layer.weights, layer.weight_zero_point), sliding(geometry)
    )
    compiled = plan_convolution(variant, geometry, layer)
    assert np.array_equal(run(compiled, [x], sums.shape, x.dtype), expected(layer, sums))


@st.composite
def depthwise_convolutions(draw):
    channels = draw(CHANNELS)
    outputs = channels * draw(st.sampled_from([1, 1, 1, 2, 3]))
    geometry = draw(geometries(channels, outputs, st.sampled_from([1, 2, 3, 3, 3, 4, 5, 7])))
    if draw(st.booleans()):  # the windows of real networks
        size, stride = draw(st.sampled_from([3, 5])), draw(st.integers(1, 2))
        height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
        out = (-(-height // stride), -(-width // stride), channels)
        before = tuple(max((o - 1) * stride + size - n, 0) // 2 for o, n in zip(out[:2], (height, width), strict=True))
        geometry = Geometry(1, (height, width, channels), out, (size, size), (stride, stride), (1, 1), before)
        outputs = channels
    layer, rng = draw(layers((1, *geometry.window, outputs), outputs, np.prod(geometry.window)))
    return geometry, layer, random_bytes(rng, (geometry.batch, *geometry.input), layer.input.signed)


@settings(max_examples=60)
@given(case=depthwise_convolutions())
def test_depthwise_convolution_equals_the_reference(variant, case):
    geometry, layer, x = case
    sums = conv.depthwise_conv_2d(
        centered(x, layer.input.zero_point), centered(layer.weights, layer.weight_zero_point), sliding(geometry)
    )
    compiled = plan_depthwise(variant, geometry, layer)
    assert np.array_equal(run(compiled, [x], sums.shape, x.dtype), expected(layer, sums))


@st.composite
def transposed_convolutions(draw):
    """Outputs as large as the full result or cut off by up to a stride, filters smaller than the stride among them."""
    sides = []
    for _ in range(2):
        size, window, stride = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
        before = draw(st.integers(0, window - 1))
        full = (size - 1) * stride + window
        sides.append((size, window, stride, before, draw(st.integers(max(1, full - before - stride), full + 1))))
    (h, tall, down, top, out_h), (w, wide, across, left, out_w) = sides
    channels, outputs = draw(CHANNELS), draw(CHANNELS)
    layer, rng = draw(layers((outputs, tall, wide, channels), outputs, tall * wide * channels))
    geometry = Geometry(
        draw(st.integers(1, 2)), (h, w, channels), (out_h, out_w, outputs), (tall, wide), (down, across),
        before=(top, left),
    )  # fmt: skip
    return geometry, layer, random_bytes(rng, (geometry.batch, h, w, channels), layer.input.signed)


@settings(max_examples=80)
@given(case=transposed_convolutions())
def test_transposed_convolution_equals_the_reference(variant, case):
    geometry, layer, x = case
    sums = conv.transpose_conv_2d(
        centered(x, layer.input.zero_point), centered(layer.weights, layer.weight_zero_point),
        geometry.stride, geometry.before, geometry.output[:2],
    )  # fmt: skip
    compiled = plan_transposed(variant, geometry, layer)
    assert np.array_equal(run(compiled, [x], sums.shape, x.dtype), expected(layer, sums))


@st.composite
def dense_layers(draw):
    rows, k = draw(st.sampled_from([1, 1, 2, 7])), draw(st.integers(1, 200))
    columns = draw(st.one_of(CHANNELS, st.integers(100, 300)))
    layer, rng = draw(layers((columns, k), columns, k))
    return layer, random_bytes(rng, (rows, k), layer.input.signed)


@settings(max_examples=40)
@given(case=dense_layers())
def test_dense_equals_the_reference(variant, case):
    layer, x = case
    sums = centered(x, layer.input.zero_point) @ centered(layer.weights, layer.weight_zero_point).T
    assert np.array_equal(run(plan_dense(variant, len(x), layer), [x], sums.shape, x.dtype), expected(layer, sums))


@pytest.mark.parametrize("columns", [1, 16, 64, 300])
def test_outliers_of_one_panel_leave_the_others_alone(variant, columns):
    """Rows of panels with and without a list of outliers alternate."""
    rng = np.random.default_rng(columns)
    weights = np.full((columns, 40), 200, np.uint8)
    weights[::70] = rng.integers(0, 256, weights[::70].shape)
    eight = Eight(False, 3)
    layer = Layer(weights, 200, None, eight, eight, 0, 255, FloatRule(np.full(columns, 0.01, np.float32)))
    x = random_bytes(rng, (1, 40), False)
    sums = centered(x, 3) @ centered(weights, 200).T
    assert np.array_equal(run(plan_dense(variant, 1, layer), [x], sums.shape, np.uint8), expected(layer, sums))


def test_ties_round_to_even(variant):
    """One weight of 1, scale 1/2: odd inputs are ties."""
    eight = Eight(True, 0)
    layer = Layer(np.ones((1, 1), np.int8), 0, None, eight, eight, -128, 127, FloatRule(np.array([0.5], np.float32)))
    x = np.arange(-5, 6, dtype=np.int8).reshape(-1, 1)
    got = run(plan_dense(variant, len(x), layer), [x], x.shape, np.int8)
    assert got.ravel().tolist() == [-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2]


def test_accumulators_wrap_as_in_the_runtime(variant):
    eight = Eight(True, 0)
    bias = np.array([2**31 - 1], np.int32)
    layer = Layer(np.ones((1, 1), np.int8), 0, bias, eight, eight, -128, 127, FloatRule(np.array([1e-8], np.float32)))
    x = np.array([[1]], np.int8)
    assert run(plan_dense(variant, 1, layer), [x], (1, 1), np.int8).item() == -21


def test_an_empty_output_needs_no_rows():
    eight = Eight(True, 0)
    layer = Layer(np.ones((2, 1, 1, 3), np.int8), 0, None, eight, eight, -128, 127, FloatRule(np.ones(2, np.float32)))
    for geometry in (Geometry(0, (4, 4, 3), (4, 4, 2), (1, 1)), Geometry(1, (0, 4, 3), (0, 4, 2), (1, 1))):
        assert plan_convolution(target.NEUTRAL, geometry, layer).stages == ()


@pytest.mark.parametrize("weight", [-255, -129, -128, 0, 127, 128, 254, 255])
def test_any_weight_less_any_zero_point_is_a_sum_of_int8(weight):
    parts = split_outliers(np.array([weight], np.int32))
    assert sum(part.astype(int) for part in parts).item() == weight
    assert len(parts) == 1 + (not -128 <= weight <= 127) + (weight == 255)


@given(rows=st.integers(1, 3000), most=st.integers(1, 16))
def test_tiles_cover_rows_exactly_with_two_heights(rows, most):
    tiles = gemm.cover(rows, most)
    assert sum(height * count for height, count in tiles) == rows
    assert all(1 <= height <= most for height, _ in tiles)
    assert len(tiles) <= 2


@given(columns=st.integers(1, 400), name=st.sampled_from(sorted(target.TARGETS)))
def test_panels_cover_columns_wasting_less_than_a_vector_of_them(columns, name):
    lanes = target.TARGETS[name].lanes
    end = 0
    for first, vectors in gemm.panel_widths(target.TARGETS[name], columns):
        assert first == end < columns
        assert vectors in gemm.TILES[name]
        end += vectors * lanes
    assert columns <= end < columns + lanes
