"""Emitted QUANTIZE and DEQUANTIZE equal the arithmetic of each kernel set, beyond every integer too."""

from __future__ import annotations

import numpy as np
from emitted_cases import eight, random_bytes
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.quantize import ToBytes, ToFloats, plan_dequantize, plan_quantize
from qengine.kernels.reference.quantize import (
    Affine,
    dequantize,
    dequantize_optimized,
    quantize,
    quantize_optimized,
    quantize_xnnpack,
)

EDGES = [0.0, -0.0, np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.5, -0.5, 1.5, 2.5, 0.49999997, -0.49999997]
EDGES += [(s * (2.0**31 - d)) for s in (1, -1) for d in (0, 128, 256, 384, -256)]


@st.composite
def floats(draw):
    """Numbers around what the output holds, halves and the ends of int32 among them, as multiples of the scale."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = np.float32(draw(st.sampled_from([1.0, 0.5, 2.0**-7, 0.1, 0.0071, 3.3])))
    x = rng.normal(0, 100, draw(st.integers(1, 300))) * scale
    chosen = rng.integers(0, 3, x.shape)
    x = np.where(chosen == 0, np.round(x / scale * 2) / 2 * scale, x)
    x = np.where((chosen == 1) & (rng.random(x.shape) < 0.5), rng.choice(EDGES, x.shape) * scale, x)
    with np.errstate(over="ignore"):
        return x.astype(np.float32), scale, eight(draw, draw(st.booleans()))


def bounded(q, output):
    return np.clip(q, *output.range).astype(np.int8 if output.signed else np.uint8)


@settings(max_examples=150)
@given(case=floats())
def test_floats_become_bytes_by_each_rule(variant, case):
    x, scale, output = case
    to, size = Affine(scale, output.zero_point), x.size
    rules = {
        "xnnpack": ([(size, ToBytes.TOP)], lambda: quantize_xnnpack(x, to, output.range[1])),
        "reference": ([(size, ToBytes.AWAY)], lambda: quantize(x, to)),
        "optimized": (
            [(size // 8 * 8, ToBytes.EVEN), (size % 8, ToBytes.DOUBLE)],
            lambda: quantize_optimized(x, to),
        ),
    }
    for parts, reference in rules.values():
        with np.errstate(all="ignore"):
            want = bounded(reference(), output)
        got = run(plan_quantize(variant, float(scale), output, parts), [x], want.shape, want.dtype)
        assert np.array_equal(got, want)


@settings(max_examples=60)
@given(
    size=st.integers(1, 300), signed=st.booleans(), scale=st.floats(2.0**-20, 1024, width=32), data=st.data(),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_bytes_become_floats_by_each_rule(variant, size, signed, scale, data, seed):
    x, input = random_bytes(np.random.default_rng(seed), (size,), signed), eight(data.draw, signed)
    by = Affine(np.float32(scale), input.zero_point)
    whole = [(size, ToFloats.CENTERED)]
    split = [(size // 8 * 8, ToFloats.OFFSET), (size % 8, ToFloats.CENTERED)]
    for parts, want in ((whole, dequantize(x, by)), (split, dequantize_optimized(x, by))):
        got = run(plan_dequantize(variant, input, float(scale), parts), [x], (size,), np.float32)
        assert np.array_equal(got, want)
