"""Emitted extremes and their places equal the reference, along any axis and with NaN."""

from __future__ import annotations

import numpy as np
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.extremes import plan_extreme, plan_place
from qengine.kernels.reference.selection import arg_extreme

TYPES = {"byte": [np.int8, np.uint8], "i16": [np.int16], "i32": [np.int32], "i64": [np.int64], "f32": [np.float32]}


@st.composite
def tensors(draw, types):
    """(outer, size, inner) of few different numbers, now and then of the type's least or greatest alone."""
    type = draw(st.sampled_from(types))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = rng.choice(TYPES[type])
    shape = draw(
        st.tuples(st.integers(1, 4), st.integers(1, 17) | st.integers(1, 150), st.sampled_from([1, 1, 2, 16, 70]))
    )
    if dtype is np.float32:
        few = rng.choice(np.array([-np.inf, -1.5, -1e-40, 0.0, 2, 2.5, np.inf, np.nan, np.nan], dtype), 3)
        return type, rng.choice(few, shape)
    limits = np.iinfo(dtype)
    return type, rng.choice(rng.integers(limits.min, limits.max, 4, dtype, endpoint=True), shape)


@settings(max_examples=120)
@given(case=tensors([*TYPES]), which=st.sampled_from(["max", "min"]))
def test_extremes_pass_over_nan(variant, case, which):
    type, x = case
    ufunc, worst = (np.fmax, -np.inf) if which == "max" else (np.fmin, np.inf)
    want = ufunc.reduce(x, 1, initial=worst) if type == "f32" else ufunc.reduce(x, 1)
    compiled = plan_extreme(variant, which, type, *x.shape)
    assert np.array_equal(run(compiled, [x], want.shape, x.dtype), want)


@settings(max_examples=150)
@given(case=tensors(["byte", "i32", "f32", "f32"]), which=st.sampled_from(["max", "min"]), wide=st.booleans())
def test_places_are_the_reference_s(variant, case, which, wide):
    type, x = case
    want = arg_extreme(x, 1, which == "max")
    compiled = plan_place(variant, which, type, "i64" if wide else "i32", *x.shape)
    assert np.array_equal(run(compiled, [x], want.shape, np.int64 if wide else np.int32), want)
