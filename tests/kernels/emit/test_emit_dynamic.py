"""Layers that quantize their floats on the fly equal the reference, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from emitted_cases import CHANNELS, geometries
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.dynamic.depthwise import plan_depthwise
from qengine.kernels.emit.dynamic.layer import QUANTIZING, SCALING, Layer
from qengine.kernels.emit.dynamic.products import plan_convolution, plan_dense
from qengine.kernels.emit.float32.pieces import ANY, Clamp
from qengine.kernels.emit.layer import Geometry
from qengine.kernels.emit.plan import Compiled
from qengine.kernels.reference import conv
from qengine.kernels.reference import dynamic_range as reference

QUANTIZE = {
    "xnnpack": reference.quantize_xnnpack,
    "asymmetric": reference.quantize_asymmetric,
    "symmetric": reference.quantize_symmetric,
}
SCALE = {
    "fused": reference.scaled_fused,
    "together": reference.scaled_together,
    "weights": reference.scaled_weights_first,
}


def activations(draw, rng, *shape):
    """Usual numbers, numbers of one sign, rows of zeros, and numbers that fall between two steps."""
    x = rng.standard_normal(shape).astype(np.float32) * np.float32(draw(st.sampled_from([1e-3, 1.0, 300.0])))
    kind = draw(st.sampled_from(["any", "positive", "negative", "ties", "empty"]))
    if kind == "ties":
        ties = rng.integers(-255, 256, shape).astype(np.float32) / 2
        ties.reshape(len(ties), -1)[:, 0] = 127.0
        return ties
    if kind == "empty":
        x[0] = 0
    return {"positive": np.abs(x), "negative": -np.abs(x)}.get(kind, x)


@st.composite
def layers(draw, shape, axis=0):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    outputs = shape[axis]
    layer = Layer(
        rng.integers(-128, 128, shape).astype(np.int8),
        rng.uniform(1e-3, 1e-1, outputs).astype(np.float32),
        rng.standard_normal(outputs).astype(np.float32),
        draw(st.sampled_from([ANY, Clamp(0.0), Clamp(0.0, 6.0)])),
        draw(st.sampled_from(QUANTIZING)),
        draw(st.sampled_from(SCALING)),
    )
    return layer, rng


def expected(layer, x, rows, shape, sums):
    """sums: exact, of q - zero point in the shape of x and the layer's weights."""
    centered, scale, _ = QUANTIZE[layer.quantizing](x.reshape(rows, -1))
    exact = sums(centered.reshape(x.shape), layer.weights.astype(np.float64))
    real = SCALE[layer.scaling](exact.reshape(rows, -1, shape[-1]), scale, layer.scale, layer.bias)
    return conv.clamped(real.reshape(shape), layer.clamp.low, layer.clamp.high)


@st.composite
def dense_layers(draw):
    rows, k = draw(st.sampled_from([1, 1, 2, 7, 23])), draw(st.integers(1, 300))
    columns = draw(st.one_of(CHANNELS, st.integers(100, 200)))
    layer, rng = draw(layers((columns, k)))
    return layer, activations(draw, rng, rows, k)


@settings(max_examples=50)
@given(case=dense_layers())
def test_dense_equals_the_reference(variant, case):
    layer, x = case
    shape = (len(x), len(layer.weights))
    want = expected(layer, x, len(x), shape, lambda q, w: q @ w.T)
    assert np.array_equal(run(plan_dense(variant, len(x), layer), [x], shape, np.float32), want)


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    depth, outputs = draw(CHANNELS), groups * draw(CHANNELS)
    geometry = draw(geometries(groups * depth, outputs))
    layer, rng = draw(layers((outputs, *geometry.window, depth)))
    return geometry, layer, activations(draw, rng, geometry.batch, *geometry.input)


def sliding(geometry):
    return conv.Geometry(geometry.stride, geometry.dilation, geometry.output[:2], geometry.before)


@settings(max_examples=50)
@given(case=convolutions())
def test_convolution_equals_the_reference(variant, case):
    geometry, layer, x = case
    shape = (geometry.batch, *geometry.output)
    pixels = geometry.batch * geometry.output[0] * geometry.output[1]
    by_pixel = geometry.window == geometry.stride == (1, 1) and geometry.input[2] == layer.weights.shape[3]
    rows = pixels if by_pixel else geometry.batch
    want = expected(layer, x, rows, shape, lambda q, w: conv.conv_2d(q, w, sliding(geometry)))
    got = run(plan_convolution(variant, geometry, layer, rows), [x], shape, np.float32)
    assert np.array_equal(got, want)


@st.composite
def depthwise_convolutions(draw):
    channels = draw(CHANNELS)
    outputs = channels * draw(st.sampled_from([1, 1, 1, 2, 3]))
    geometry = draw(geometries(channels, outputs, st.sampled_from([1, 2, 3, 3, 3, 5, 6])))
    layer, rng = draw(layers((1, *geometry.window, outputs), axis=3))
    return geometry, layer, activations(draw, rng, geometry.batch, *geometry.input)


@settings(max_examples=40)
@given(case=depthwise_convolutions())
def test_depthwise_convolution_equals_the_reference(variant, case):
    geometry, layer, x = case
    shape = (geometry.batch, *geometry.output)
    want = expected(layer, x, len(x), shape, lambda q, w: conv.depthwise_conv_2d(q, w, sliding(geometry)))
    assert np.array_equal(run(plan_depthwise(variant, geometry, layer), [x], shape, np.float32), want)


def test_a_depthwise_filter_too_large_for_exact_floats_is_left_to_the_reference(variant):
    geometry = Geometry(1, (30, 30, 1), (1, 1, 1), (30, 30))
    one = np.ones(1, np.float32)
    layer = Layer(np.full((1, 30, 30, 1), 127, np.int8), one, one, ANY, "asymmetric", "together")
    assert plan_depthwise(variant, geometry, layer) == "sums that float32 doesn't hold"


@pytest.mark.parametrize("batch", [1, 3])
def test_rows_may_be_divided_among_threads(variant, batch):
    rng = np.random.default_rng(batch)
    x = rng.standard_normal((batch, 9, 8, 40)).astype(np.float32)
    one = np.ones(40, np.float32)
    layer = Layer(rng.integers(-128, 128, (40, 3, 3, 40)).astype(np.int8), one, one, ANY, "asymmetric", "together")
    geometry = Geometry(batch, (9, 8, 40), (9, 8, 40), (3, 3), before=(1, 1))
    pixels = Geometry(batch, (9, 8, 40), (9, 8, 40), (1, 1))
    for compiled in (
        plan_convolution(variant, geometry, layer, batch),
        plan_convolution(variant, pixels, replace(layer, weights=layer.weights[:, :1, :1]), 72 * batch),
        plan_depthwise(variant, geometry, replace(layer, weights=layer.weights[:1])),
    ):
        want = run(compiled, [x], x.shape, np.float32)
        assert any(row.divisible for stage in compiled.stages for row in stage)
        for share in (0.2, 0.5, 0.8):
            assert np.array_equal(run(Divided(compiled, share), [x], x.shape, np.float32), want)


class Divided(Compiled):
    """An operation whose every row that can be cut is cut, after about `share` of it."""

    def __init__(self, whole, share):
        super().__init__(whole.target, whole.stages, whole.constants, whole.scratch, whole.why)
        object.__setattr__(self, "share", share)

    def bind(self, *addresses):
        stages = super().bind(*addresses)
        parts = [[part for row in stage for part in reversed(row.cut(self.share * row.work))] for stage in stages]
        return [[part for part in stage if part is not None] for stage in parts]


def test_sums_that_int32_does_not_hold_are_left_to_the_reference(variant):
    weights = np.full((1, 70000), 127, np.int8)
    one = np.ones(1, np.float32)
    assert plan_dense(variant, 1, Layer(weights, one, one, ANY, "xnnpack", "fused")) == "sums may leave int32"


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_strange_numbers_do_no_harm(variant, number):
    """What comes out is nobody's business; that memory stays whole is."""
    x = np.full((2, 40), number, np.float32)
    for quantizing in QUANTIZING:
        layer = Layer(
            np.ones((5, 40), np.int8), np.ones(5, np.float32), np.ones(5, np.float32), ANY, quantizing, "fused"
        )
        run(plan_dense(variant, 2, layer), [x], (2, 5), np.float32)
