"""Each rounding rule, on any accumulator: dense layers of zero weights, whose biases are what is rounded."""

from __future__ import annotations

import numpy as np
import pytest
from emitted_cases import eight, requantizer
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.dense import plan_dense
from qengine.kernels.emit.layer import Layer
from qengine.kernels.emit.plan import Eight
from qengine.kernels.emit.rounding import FixedRule, FloatRule, RealRule

EDGES = np.array([0, 1, -1, 2**31 - 1, -(2**31), 2**30, -(2**30), 2**24 + 1, -(2**24) - 1])


def accumulators(rng, channels):
    """int32 numbers of every magnitude, edges, ties of small shifts."""
    bits = rng.integers(1, 33, channels)
    values = rng.integers(-(2**31), 2**31, channels) >> (32 - bits)
    return np.where(rng.random(channels) < 0.2, rng.choice(EDGES, channels), values).astype(np.int32)


@st.composite
def rules(draw):
    channels = draw(st.integers(1, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    signed = draw(st.booleans())
    output = eight(draw, signed)
    kind = draw(st.sampled_from(["float", "fixed", "real"]))
    if kind == "float":
        rule = FloatRule(np.exp2(rng.uniform(-31, 3, channels)).astype(np.float32))
    elif kind == "real":
        scale = np.exp2(rng.uniform(-31, 3, channels))
        rule = RealRule(
            np.where(rng.random(channels) < 0.3, np.exp2(np.round(np.log2(scale))), scale), output.zero_point
        )
    else:
        multiplier = rng.integers(2**30, 2**31, channels)
        multiplier = np.where(rng.random(channels) < 0.3, 2**30, multiplier)
        multiplier = np.where(rng.random(channels) < 0.1, 0, multiplier).astype(np.int32)
        shift = rng.integers(-31, draw(st.sampled_from([-1, 0, 1, 31])) + 1, channels).astype(np.int32)
        away = draw(st.sampled_from([np.zeros(channels, bool), np.ones(channels, bool), np.arange(channels) >= 16]))
        rule = FixedRule(multiplier, shift, away, output.zero_point)
    return rule, output, accumulators(rng, channels)


@settings(max_examples=150)
@given(case=rules())
def test_any_accumulator_is_rounded_as_by_the_reference(variant, case):
    rule, output, bias = case
    dtype = np.int8 if output.signed else np.uint8
    layer = Layer(np.zeros((len(bias), 1), dtype), 0, bias, output, output, *output.range, rule)
    got = run(plan_dense(variant, 1, layer), [np.zeros((1, 1), dtype)], bias.shape, dtype)
    want = requantizer(rule)(bias, output.zero_point, *output.range, dtype)
    assert np.array_equal(got, want)


@pytest.mark.parametrize("away", [True, False])
def test_ties_of_the_division_go_away_from_zero_or_up(variant, away):
    """Half of twice a half: accumulators times 1/2, divided by 2 again."""
    x = np.arange(-8, 9, dtype=np.int32)
    ones = np.ones(len(x), np.int32)
    rule = FixedRule(ones * 2**30, -ones, ones.astype(bool) & away, 0)
    output = Eight(True, 0)
    layer = Layer(np.zeros((len(x), 1), np.int8), 0, x, output, output, -128, 127, rule)
    got = run(plan_dense(variant, 1, layer), [np.zeros((1, 1), np.int8)], x.shape, np.int8).tolist()
    first = [-4, -3, -3, -2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert got == [-(-h // 2) if away and h < 0 and h % 2 == 0 else (h + 1 - (away and h < 0)) >> 1 for h in first]
