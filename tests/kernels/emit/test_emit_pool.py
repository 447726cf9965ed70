"""Emitted pools, means and softmax equal the arithmetic of the runtime."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from emitted_cases import CHANNELS, eight, geometries, random_bytes, requantizer
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.layer import Geometry
from qengine.kernels.emit.plan import Eight
from qengine.kernels.emit.pool import plan_average_pool, plan_max_pool, plan_mean, plan_mean_fixed, stretches
from qengine.kernels.emit.rounding import FixedRule
from qengine.kernels.emit.softmax import plan_softmax, plan_softmax_fixed
from qengine.kernels.fixed_point import quantize_multiplier
from qengine.kernels.reference.softmax import FixedInput, softmax_fixed_point


def windows(x, geometry):
    """For each output pixel, its place and the inputs under it."""
    for i, j in itertools.product(range(geometry.output[0]), range(geometry.output[1])):
        y, xx = (at * s - b for at, s, b in zip((i, j), geometry.stride, geometry.before, strict=True))
        inside = x[:, max(y, 0) : y + geometry.window[0], max(xx, 0) : xx + geometry.window[1]]
        yield (i, j), inside.reshape(len(x), -1, x.shape[-1])


@st.composite
def pools(draw):
    channels = draw(CHANNELS)
    geometry = draw(geometries(channels, channels, st.integers(1, 5), st.just(1)))
    signed = draw(st.booleans())
    x = random_bytes(np.random.default_rng(draw(st.integers(0, 2**32 - 1))), (geometry.batch, *geometry.input), signed)
    low, high = Eight(signed, 0).range
    if draw(st.booleans()):
        low, high = low + draw(st.integers(0, 100)), high - draw(st.integers(0, 100))
    return geometry, x, Eight(signed, 0), low, high


@settings(max_examples=60)
@given(case=pools())
def test_average_pool_rounds_half_away_from_zero(variant, case):
    geometry, x, tensor, low, high = case
    want = np.zeros((geometry.batch, *geometry.output), x.dtype)
    for (i, j), inside in windows(x, geometry):
        total, count = inside.sum(1, dtype=np.int64), inside.shape[1]
        want[:, i, j] = np.clip(np.sign(total) * ((np.abs(total) + count // 2) // count), low, high)
    got = run(plan_average_pool(variant, geometry, tensor, low, high), [x], want.shape, x.dtype)
    assert np.array_equal(got, want)


@settings(max_examples=40)
@given(case=pools())
def test_max_pool_is_the_greatest(variant, case):
    geometry, x, tensor, low, high = case
    want = np.zeros((geometry.batch, *geometry.output), x.dtype)
    for (i, j), inside in windows(x, geometry):
        want[:, i, j] = np.clip(inside.max(1), low, high)
    got = run(plan_max_pool(variant, geometry, tensor, low, high), [x], want.shape, x.dtype)
    assert np.array_equal(got, want)


def test_a_window_beside_the_image_is_named():
    geometry = Geometry(1, (1, 1, 1), (3, 1, 1), (1, 1), before=(1, 0))
    assert plan_max_pool(None, geometry, Eight(True, 0), -128, 127) == "a window lies wholly outside the image"
    assert plan_average_pool(None, geometry, Eight(True, 0), -128, 127) == "a window lies wholly outside the image"


def test_sums_beyond_float_integers_are_named():
    geometry = Geometry(1, (300, 300, 1), (1, 1, 1), (300, 300))
    assert "90000 inputs" in plan_average_pool(None, geometry, Eight(True, 0), -128, 127)


@pytest.mark.parametrize("fill", [-128, 127])
def test_the_largest_average_is_exact(variant, fill):
    """65536 inputs: sums up to 2**23, halves beyond."""
    geometry = Geometry(1, (256, 256, 1), (1, 1, 1), (256, 256))
    x = np.full((1, 256, 256, 1), fill, np.int8)
    compiled = plan_average_pool(variant, geometry, Eight(True, 0), -128, 127)
    assert run(compiled, [x], (1, 1, 1, 1), np.int8).item() == fill


def test_stretches_cut_an_axis_where_windows_change():
    geometry = Geometry(1, (7, 7, 1), (4, 4, 1), (3, 3), (2, 2), before=(1, 1))
    cut = [(s.first, s.count, s.start, s.taps) for s in stretches(geometry, 0)]
    assert cut == [(0, 1, 0, 2), (1, 2, 1, 3), (3, 1, 5, 2)]


@settings(max_examples=40)
@given(
    outer=st.integers(1, 3),
    reduced=st.integers(1, 70),
    inner=CHANNELS,
    signed=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 2**32 - 1),
)
def test_mean_multiplies_then_adds_without_fusing(variant, outer, reduced, inner, signed, seed):
    rng = np.random.default_rng(seed)
    x = random_bytes(rng, (outer, reduced, inner), signed[0])
    scale, bias = np.float32(rng.uniform(0.3, 3) / reduced), np.float32(rng.uniform(-40, 40))
    dtype = np.int8 if signed[1] else np.uint8
    sums = x.sum(1, dtype=np.int64).astype(np.float32)
    want = np.clip(np.rint(np.float32(sums * scale) + bias), *Eight(signed[1], 0).range).astype(dtype)
    compiled = plan_mean(variant, outer, reduced, inner, Eight(signed[0], 0), Eight(signed[1], 0), scale, bias)
    assert np.array_equal(run(compiled, [x], want.shape, dtype), want)


@settings(max_examples=40)
@given(
    outer=st.integers(1, 3),
    reduced=st.integers(1, 70),
    inner=CHANNELS,
    signed=st.booleans(),
    block=st.sampled_from([None, 16]),
    data=st.data(),
    seed=st.integers(0, 2**32 - 1),
)
def test_means_in_fixed_point_have_a_rule_for_each_channel(variant, outer, reduced, inner, signed, block, data, seed):
    rng = np.random.default_rng(seed)
    x, output = random_bytes(rng, (outer, reduced, inner), signed), eight(data.draw, signed)
    multiplier, shift = quantize_multiplier(rng.uniform(0.1, 3) / reduced)
    away = np.arange(inner) >= (0 if block is None else inner // block * block)
    rule = FixedRule(np.full(inner, multiplier, np.int32), np.full(inner, shift, np.int32), away, 0)
    start, bias = int(rng.integers(-9000, 9000)), int(rng.integers(-300, 300))
    sums = start + x.sum(1, dtype=np.int64)
    want = requantizer(rule)(sums, bias, *output.range, x.dtype)
    compiled = plan_mean_fixed(variant, outer, reduced, inner, output, output, rule, start, bias)
    assert np.array_equal(run(compiled, [x], want.shape, x.dtype), want)


@settings(max_examples=40)
@given(
    rows=st.integers(1, 4), size=st.integers(1, 200), signed=st.booleans(), step=st.floats(1e-4, 0.5),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_softmax_adds_table_entries_in_order(variant, rows, size, signed, step, seed):
    x = random_bytes(np.random.default_rng(seed), (rows, size), signed)
    table = np.exp(-step * (255 - np.arange(256))).astype(np.float32)
    entries = table[255 - x.max(1, keepdims=True).astype(int) + x]
    total = np.zeros(rows, np.float32)
    for column in entries.T:
        total += column
    quotient = entries * (np.float32(1) / (total * np.float32(1 / 256)))[:, None]
    if signed:
        want = np.clip(np.floor(quotient.astype(np.float64) + 0.5) - 128, -128, 127).astype(np.int8)
    else:
        want = np.clip(np.trunc(quotient + np.float32(0.5)), 0, 255).astype(np.uint8)
    output = Eight(signed, -128 if signed else 0)
    got = run(plan_softmax(variant, rows, size, output, table, 1 / 256), [x], want.shape, x.dtype)
    assert np.array_equal(got, want)


@settings(max_examples=40)
@given(
    rows=st.integers(1, 4), size=st.integers(1, 511), signed=st.booleans(), bits=st.sampled_from([8, 16]),
    scale=st.floats(1e-4, 0.5), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_softmax_in_fixed_point_equals_the_reference(variant, rows, size, signed, bits, scale, seed):
    x = random_bytes(np.random.default_rng(seed), (rows, size), signed)
    numbers, distances = FixedInput.of(scale, 1.0), np.arange(-255, 1)
    powers = numbers.powers(distances, numbers.rescale(distances)).astype(np.int32)
    low = 0 if bits == 8 and not signed else -(2 ** (bits - 1))
    dtype = np.uint8 if low == 0 else np.int8 if bits == 8 else np.int16
    want = np.clip(softmax_fixed_point(x, numbers, bits) + low, *(np.iinfo(dtype).min, np.iinfo(dtype).max))
    compiled = plan_softmax_fixed(variant, rows, size, bits, powers)
    assert np.array_equal(run(compiled, [x], want.shape, dtype), want.astype(dtype))


def test_rows_whose_powers_may_add_up_too_far_are_named():
    assert "512 or more" in plan_softmax_fixed(None, 1, 512, 8, np.zeros(256, np.int32))
