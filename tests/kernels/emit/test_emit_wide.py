"""Emitted layers over int16 equal the reference, by each of the rules for sums of 32 and of 64 bits."""

from __future__ import annotations

import numpy as np
from emitted_cases import CHANNELS, geometries, requantizer
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.layer import Geometry
from qengine.kernels.emit.rounding import FixedRule, RealRule
from qengine.kernels.emit.wide.depthwise import plan_depthwise
from qengine.kernels.emit.wide.layer import Layer, WideRealRule, WideRule
from qengine.kernels.emit.wide.products import plan_convolution, plan_dense, plan_transposed
from qengine.kernels.fixed_point import quantize_multipliers
from qengine.kernels.reference import conv
from qengine.kernels.requantizers import Float64, Wide


@st.composite
def layers(draw, weight_shape, outputs, terms):
    """A layer and its input's generator; sums beyond int32 are common with the 64-bit rules."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = rng.integers(-128, 128, weight_shape).astype(np.int8)
    kind = draw(st.sampled_from(["wide", "wide", "wide", "longreal", "fixed", "real"]))
    if kind in ("wide", "longreal") and draw(st.booleans()):
        weights = np.where(rng.random(weight_shape) < 0.5, np.int8(-128), weights)
    bias = None
    if draw(st.booleans()):
        narrow = kind in ("fixed", "real")
        bias = rng.integers(-(10**6), 10**6, outputs).astype(np.int32 if narrow else np.int64)
        bias *= 1 if narrow else 10**5
    scale = rng.uniform(0.2, 3, outputs) / (70 * np.sqrt(terms))
    multiplier, shift = quantize_multipliers(scale)
    rule = {
        "wide": WideRule(multiplier, shift),
        "longreal": WideRealRule(scale),
        "real": RealRule(scale, 0),
        "fixed": FixedRule(multiplier, shift, np.full(outputs, draw(st.booleans())), 0),
    }[kind]
    low = draw(st.sampled_from([-32768, 0, -7]))
    axis = weights.shape.index(outputs) if weights.shape[0] == outputs else 3
    return Layer(weights, bias, low, draw(st.sampled_from([32767, 12000])), rule, axis), rng


def numbers(rng, shape):
    """All of int16, or only its ends."""
    if rng.random() < 0.3:
        return np.full(shape, -32768, np.int16)
    return rng.integers(-32768, 32768, shape).astype(np.int16)


def expected(layer, sums):
    total = sums.astype(np.int64) + (0 if layer.bias is None else layer.bias)
    if isinstance(layer.rule, WideRule):
        rule = Wide(layer.rule.multiplier, layer.rule.shift)
    elif isinstance(layer.rule, WideRealRule):
        rule = Float64(layer.rule.scale)
    else:
        rule, total = requantizer(layer.rule), total.astype(np.int32)
    return rule(total, 0, layer.low, layer.high, np.int16)


def sliding(geometry):
    return conv.Geometry(geometry.stride, geometry.dilation, geometry.output[:2], geometry.before)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), groups=st.sampled_from([1, 1, 1, 3]), depth=CHANNELS, own=CHANNELS)
def test_convolution(variant, data, groups, depth, own):
    geometry = data.draw(geometries(groups * depth, groups * own))
    shape = (groups * own, *geometry.window, depth)
    layer, rng = data.draw(layers(shape, groups * own, np.prod(shape[1:])))
    x = numbers(rng, (geometry.batch, *geometry.input))
    want = expected(layer, conv.conv_2d(x.astype(np.float64), layer.weights.astype(np.float64), sliding(geometry)))
    assert np.array_equal(run(plan_convolution(variant, geometry, layer), [x], want.shape, np.int16), want)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), channels=CHANNELS, times=st.sampled_from([1, 1, 2, 3]))
def test_depthwise_convolution(variant, data, channels, times):
    outputs = channels * times
    geometry = data.draw(geometries(channels, outputs, st.sampled_from([1, 2, 3, 3, 4, 5])))
    layer, rng = data.draw(layers((1, *geometry.window, outputs), outputs, np.prod(geometry.window)))
    x = numbers(rng, (geometry.batch, *geometry.input))
    sums = conv.depthwise_conv_2d(x.astype(np.float64), layer.weights.astype(np.float64), sliding(geometry))
    want = expected(layer, sums)
    assert np.array_equal(run(plan_depthwise(variant, geometry, layer), [x], want.shape, np.int16), want)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), rows=st.sampled_from([1, 1, 2, 7]), k=st.integers(1, 600), columns=CHANNELS)
def test_dense(variant, data, rows, k, columns):
    layer, rng = data.draw(layers((columns, k), columns, k))
    x = numbers(rng, (rows, k))
    want = expected(layer, x.astype(np.float64) @ layer.weights.T.astype(np.float64))
    assert np.array_equal(run(plan_dense(variant, rows, layer), [x], want.shape, np.int16), want)


sides = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), sides=st.tuples(sides, sides), channels=CHANNELS, outputs=CHANNELS)
def test_transposed_convolution(variant, data, sides, channels, outputs):
    (height, tall, down, top), (width, wide, across, left) = sides
    before = min(top, tall - 1), min(left, wide - 1)
    output = (max(1, (height - 1) * down + tall - 2 * before[0]), max(1, (width - 1) * across + wide - before[1]))
    geometry = Geometry(2, (height, width, channels), (*output, outputs), (tall, wide), (down, across), before=before)
    layer, rng = data.draw(layers((outputs, tall, wide, channels), outputs, tall * wide * channels))
    x = numbers(rng, (2, height, width, channels))
    sums = conv.transpose_conv_2d(
        x.astype(np.float64), layer.weights.astype(np.float64), geometry.stride, before, output
    )
    want = expected(layer, sums)
    assert np.array_equal(run(plan_transposed(variant, geometry, layer), [x], want.shape, np.int16), want)
