"""Emitted sums, products, pools and means over int16 equal the reference."""

from __future__ import annotations

import numpy as np
from emitted_cases import CHANNELS, geometries, requantizer, rules
from guarded import run
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.add_fixed import Vectors
from qengine.kernels.emit.wide.elementwise import plan_mul, plan_pot, plan_sum
from qengine.kernels.emit.wide.pool import plan_mean, plan_pool
from qengine.kernels.emit.wide.softmax import plan_softmax
from qengine.kernels.fixed_point import quantize_multiplier
from qengine.kernels.reference import pooling
from qengine.kernels.reference.add import (
    CommonScale,
    Scales,
    ZeroPoints,
    add_optimized,
    add_power_of_two,
    add_scalar,
)
from qengine.kernels.reference.reduction import mean_rule, rescaled
from qengine.kernels.reference.softmax import softmax_int16, tables_int16
from qengine.kernels.reference.windows import Slide
from qengine.ops._native import rule_of

SHAPES = st.sampled_from(
    [((70,), (70,)), ((3, 40), (40,)), ((90, 4), (4,)), ((2, 1, 7), (3, 1)), ((4, 33), (1,)), ((7,), (65, 7)), ((), ())]
)
BOUNDS = st.sampled_from([(-32768, 32767), (0, 32767), (-5, 900)])


def numbers(rng, shape):
    ends = rng.choice(np.array([-32768, 32767], np.int16), shape)
    return np.where(rng.random(shape) < 0.1, ends, rng.integers(-32768, 32768, shape)).astype(np.int16)


def clamped(values, bounds):
    return np.clip(values, *bounds).astype(np.int16)


@settings(max_examples=100, deadline=None)
@given(
    shapes=SHAPES, seed=st.integers(0, 2**32 - 1), bounds=BOUNDS, sign=st.sampled_from([1, -1]), blocks=st.booleans()
)
def test_sums(variant, shapes, seed, bounds, sign, blocks):
    rng = np.random.default_rng(seed)
    a, b = (numbers(rng, shape) for shape in shapes)
    scales = Scales(*np.exp(rng.uniform(-3, 3, 3)).astype(np.float32))
    scale = CommonScale.of(scales, ZeroPoints(0, 0, 0), 15)
    assume(scale.output.shift <= 0)
    blocks = blocks and a.shape == b.shape
    rule = add_optimized(a, b, scale) if blocks and sign == 1 else add_scalar(a, b, scale, sign)
    vectors = Vectors(max(a.size, 1), 16, True) if blocks and sign == 1 else None
    want = clamped(rule, bounds)
    compiled = plan_sum(variant, a.shape, b.shape, scale, sign, *bounds, vectors)
    assert np.array_equal(run(compiled, [a, b], want.shape, np.int16), want)


@settings(max_examples=60, deadline=None)
@given(
    shapes=SHAPES,
    seed=st.integers(0, 2**32 - 1),
    bounds=BOUNDS,
    sign=st.sampled_from([1, -1]),
    shift=st.integers(0, 9),
    first=st.booleans(),
)
def test_sums_of_shifted_numbers(variant, shapes, seed, bounds, sign, shift, first):
    rng = np.random.default_rng(seed)
    a, b = (numbers(rng, shape) for shape in shapes)
    shifts = (shift, 0) if first else (0, shift)
    want = clamped(add_power_of_two(a, b, *shifts, sign), bounds)
    compiled = plan_pot(variant, a.shape, b.shape, shifts, sign, *bounds)
    assert np.array_equal(run(compiled, [a, b], want.shape, np.int16), want)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shapes=SHAPES, seed=st.integers(0, 2**32 - 1), bounds=BOUNDS)
def test_products(variant, data, shapes, seed, bounds):
    rng = np.random.default_rng(seed)
    a, b = (numbers(rng, shape) for shape in shapes)
    rule = data.draw(rules(np.array([np.exp(rng.uniform(-14, -6))]), 0))
    want = requantizer(rule)(a.astype(np.int32) * b, 0, *bounds, np.int16)
    compiled = plan_mul(variant, a.shape, b.shape, rule, *bounds)
    assert np.array_equal(run(compiled, [a, b], want.shape, np.int16), want)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), channels=CHANNELS, seed=st.integers(0, 2**32 - 1), bounds=BOUNDS)
def test_pools(variant, data, channels, seed, bounds):
    geometry = data.draw(geometries(channels, channels, dilations=st.just(1)))
    slides = [Slide(geometry.window[i], geometry.stride[i], geometry.output[i], geometry.before[i]) for i in (0, 1)]
    x = numbers(np.random.default_rng(seed), (geometry.batch, *geometry.input))
    average = clamped(pooling.average_pool_integer(x, slides), bounds)
    largest = clamped(pooling.max_pool(x, slides, np.maximum, -32768), bounds)
    for kind, want in (("average", average), ("largest", largest)):
        compiled = plan_pool(variant, kind, geometry, *bounds)
        assert np.array_equal(run(compiled, [x], want.shape, np.int16), want)


@settings(max_examples=40, deadline=None)
@given(
    outer=st.integers(1, 3), size=st.integers(1, 300), seed=st.integers(0, 2**32 - 1), scale=st.floats(-17, -9),
    narrow=st.booleans(),
)  # fmt: skip
def test_softmax(variant, outer, size, seed, scale, narrow):
    rng = np.random.default_rng(seed)
    x = numbers(rng, (outer, size))
    x = x // 100 if narrow else x
    multiplier, shift = quantize_multiplier(2.0**scale * 6553.5)
    want = softmax_int16(x, multiplier, shift).astype(np.int16)
    compiled = plan_softmax(variant, outer, size, multiplier, shift, tables_int16())
    assert np.array_equal(run(compiled, [x], want.shape, np.int16), want)


@settings(max_examples=40, deadline=None)
@given(outer=st.integers(1, 3), reduced=st.integers(1, 90), inner=CHANNELS, seed=st.integers(0, 2**32 - 1))
def test_means(variant, outer, reduced, inner, seed):
    rng = np.random.default_rng(seed)
    x, scale = numbers(rng, (outer, reduced, inner)), float(np.exp(rng.uniform(-2, 2)))
    rule = mean_rule(scale, reduced)
    want = rescaled(x, (1,), (0, 0), rule, (-32768, 32767)).reshape(outer, inner)
    compiled = plan_mean(variant, outer, reduced, inner, rule_of(rule, 1, 0))
    assert np.array_equal(run(compiled, [x], want.shape, np.int16), want)
