"""Emitted ADD, SUB, MUL and flips equal the arithmetic of the runtime, for any broadcast."""

from __future__ import annotations

import numpy as np
import pytest
from emitted_cases import eight, random_bytes, requantizer, rules
from guarded import run
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.add_fixed import Vectors, plan_add_fixed
from qengine.kernels.emit.broadcast import broadcast_runs
from qengine.kernels.emit.elementwise import AddNumbers, plan_add, plan_mul
from qengine.kernels.emit.flip import plan_flip
from qengine.kernels.emit.plan import Eight
from qengine.kernels.reference.add import (
    CommonScale,
    FloatScales,
    Scales,
    ZeroPoints,
    add_float_scales,
    add_optimized,
    add_scalar,
)
from qengine.kernels.reference.comparison import squared_difference, squared_difference_scale
from qengine.kernels.reference.lanes import inner_loop


@st.composite
def broadcasts(draw):
    """Two shapes that broadcast, runs of ones and of equal axes mixed."""
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 5, 16, 70, 90]), min_size=0, max_size=4))
    while np.prod(shape) > 20000:
        shape.pop()
    shapes = []
    for _ in range(2):
        ones = [draw(st.booleans()) for _ in shape]
        own = [1 if one and draw(st.booleans()) else n for one, n in zip(ones, shape, strict=True)]
        shapes.append(tuple(own[draw(st.integers(0, len(own))) if draw(st.booleans()) else 0 :]))
    return shapes


@st.composite
def pairs(draw):
    signed = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a, b = (random_bytes(rng, shape, signed) for shape in draw(broadcasts()))
    types = [eight(draw, signed) for _ in range(3)]
    low, high = types[2].range
    if draw(st.booleans()):
        low, high = types[2].zero_point, max(types[2].zero_point, high - 9)
    scales = np.exp(rng.uniform(-3, 3, 3)).astype(np.float32)
    if draw(st.integers(0, 5)) == 0:  # an input that hardly counts
        scales[draw(st.integers(0, 1))] *= np.float32(2.0 ** draw(st.integers(-50, -10)))
    return a, b, types, low, high, scales


@settings(max_examples=80)
@given(case=pairs(), subtract=st.booleans())
def test_sums_equal_the_fixed_point_rule(variant, case, subtract):
    a, b, types, low, high, scales = case
    rule = FloatScales.of(Scales(*scales), ZeroPoints(*(type.zero_point for type in types)), -1 if subtract else 1)
    want = np.clip(add_float_scales(a, b, rule), low, high).astype(a.dtype)
    numbers = AddNumbers(rule.a, rule.b, rule.shift)
    compiled = plan_add(variant, a.shape, b.shape, *types, numbers, low, high)
    assert np.array_equal(run(compiled, [a, b], want.shape, a.dtype), want)


@settings(max_examples=100)
@given(case=pairs(), sign=st.sampled_from([1, -1]))
def test_sums_equal_the_rule_of_a_common_scale(variant, case, sign):
    a, b, types, low, high, scales = case
    scale = CommonScale.of(Scales(*scales), ZeroPoints(*(type.zero_point for type in types)), 20)
    compiled = plan_add_fixed(variant, a.shape, b.shape, *types, scale, sign, low, high)
    want = np.clip(add_scalar(a, b, scale, sign), low, high).astype(a.dtype)
    assert np.array_equal(run(compiled, [a, b], want.shape, a.dtype), want)


@settings(max_examples=60)
@given(case=pairs())
def test_squares_of_differences_equal_the_rule_of_a_common_scale(variant, case):
    a, b, types, low, high, scales = case
    points = ZeroPoints(*(type.zero_point for type in types))
    scale = squared_difference_scale(Scales(*scales), points)
    assume(scale.output.shift <= 0)
    compiled = plan_add_fixed(variant, a.shape, b.shape, *types, scale, -1, low, high, square=True)
    want = np.clip(squared_difference(a, b, scale), low, high).astype(a.dtype)
    assert np.array_equal(run(compiled, [a, b], want.shape, a.dtype), want)


@settings(max_examples=100)
@given(case=pairs())
def test_sums_in_blocks_equal_the_vector_rule(variant, case):
    a, b, types, low, high, scales = case
    scale = CommonScale.of(Scales(*scales), ZeroPoints(*(type.zero_point for type in types)), 20)
    loop = inner_loop(a.shape, b.shape)
    wide = types[2].signed and not loop.scalar
    vectors = Vectors(loop.length, 16 if wide else 8, wide) if loop.length else None
    compiled = plan_add_fixed(variant, a.shape, b.shape, *types, scale, 1, low, high, vectors)
    assume(compiled != "sums beyond int16, which the runtime's vectors cut")
    want = np.clip(add_optimized(a, b, scale), low, high).astype(a.dtype)
    assert np.array_equal(run(compiled, [a, b], want.shape, a.dtype), want)


@settings(max_examples=60)
@given(case=pairs(), data=st.data())
def test_products_are_rounded_by_any_rule(variant, case, data):
    a, b, types, low, high, scales = case
    rule = data.draw(rules(np.array([scales[0] * scales[1] / scales[2]], np.float64), types[2].zero_point))
    product = (a.astype(np.int32) - types[0].zero_point) * (b.astype(np.int32) - types[1].zero_point)
    want = requantizer(rule)(product, types[2].zero_point, low, high, a.dtype)
    compiled = plan_mul(variant, a.shape, b.shape, *types, rule, low, high)
    assert np.array_equal(run(compiled, [a, b], want.shape, a.dtype), want)


def test_every_pair_of_bytes_is_added_without_overflow(variant):
    """The largest multipliers, 2**21, with zero points that push all to one side."""
    a, b = (x.astype(np.uint8) for x in np.meshgrid(np.arange(256), np.arange(256)))
    for zero_point in (0, 255):
        types = [Eight(False, zero_point), Eight(False, zero_point), Eight(False, 255 - zero_point)]
        numbers = AddNumbers(2**21, 2**21, 13)
        total = (a.astype(np.int64) + b - 2 * zero_point) * 2**21 + 2**12
        want = np.clip((total >> 13) + 255 - zero_point, 0, 255).astype(np.uint8)
        assert np.array_equal(
            run(plan_add(variant, a.shape, b.shape, *types, numbers, 0, 255), [a, b], a.shape, a.dtype), want
        )


@pytest.mark.parametrize("size", [1, 15, 16, 63, 64, 65, 1000])
def test_a_flip_is_its_own_inverse(variant, size):
    x = random_bytes(np.random.default_rng(size), (size,), True)
    stored = run(plan_flip(variant, size), [x.view(np.uint8)], (size,), np.uint8)
    assert np.array_equal(stored, x.view(np.uint8) ^ 0x80)


def test_a_row_that_repeats_is_not_unrolled():
    assert len(broadcast_runs((64, 32, 8), (8,))) == 1
    assert len(broadcast_runs((64, 32, 8), (64, 32, 8))) == 1
    assert len(broadcast_runs((1,), (64, 32, 8))) == 1


def test_shapes_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError, match="broadcast"):
        broadcast_runs((2, 3), (2, 4))
