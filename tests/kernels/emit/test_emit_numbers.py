"""Emitted functions of plain numbers equal NumPy's, for any type and broadcast."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.numbers import plan_choose, plan_negate, plan_pair, plan_tabulated_pair

TYPES = {
    "byte": [np.int8, np.uint8, np.bool_],
    "i16": [np.int16],
    "i32": [np.int32],
    "i64": [np.int64],
    "f32": [np.float32],
}
COMPARISONS = {"less": operator.lt, "lessequal": operator.le, "equal": operator.eq, "notequal": operator.ne}
FUNCTIONS = {"max": np.maximum, "min": np.minimum, "add": np.add, "sub": np.subtract, "mul": np.multiply}


def numbers(rng, shape, dtype):
    """Among few numbers, so that some are equal, and the type's ends; NaN among floats."""
    if dtype is np.bool_:
        return rng.random(shape) < 0.5
    if dtype is np.float32:
        return rng.choice(np.array([-np.inf, -1.5, -0.0, 0.0, 1e-40, 2, np.inf, np.nan], dtype), shape)
    limits = np.iinfo(dtype)
    return rng.choice(np.array([limits.min, limits.min + 1, 0, 1, 2, 77, limits.max], dtype), shape)


@st.composite
def shapes(draw):
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 17, 70]), max_size=3))
    return [tuple(1 if draw(st.integers(0, 3)) == 0 else n for n in shape) for _ in range(2)]


@settings(max_examples=80)
@given(case=shapes(), name=st.sampled_from([*COMPARISONS]), type=st.sampled_from([*TYPES]), seed=st.integers(0, 2**32))
def test_comparisons_give_flags(variant, case, name, type, seed):
    rng = np.random.default_rng(seed)
    dtype = rng.choice(TYPES[type])
    a, b = (numbers(rng, shape, dtype) for shape in case)
    want = COMPARISONS[name](a, b)
    compiled = plan_pair(variant, name, type, a.shape, b.shape)
    assert np.array_equal(run(compiled, [a, b], want.shape, np.bool_), want)
    compiled = plan_pair(variant, name, type, a.shape, b.shape, swapped=True)
    assert np.array_equal(run(compiled, [a, b], want.shape, np.bool_), COMPARISONS[name](b, a))


@settings(max_examples=80)
@given(
    case=shapes(), name=st.sampled_from([*FUNCTIONS]), type=st.sampled_from([*TYPES][:-1]), seed=st.integers(0, 2**32)
)
def test_functions_of_integers_wrap(variant, case, name, type, seed):
    rng = np.random.default_rng(seed)
    dtype = rng.choice(TYPES[type][:2])
    if name not in ("max", "min"):
        type, dtype = rng.choice([("i32", np.int32), ("i64", np.int64)])
    a, b = (numbers(rng, shape, dtype) for shape in case)
    want = FUNCTIONS[name](a, b)
    assert np.array_equal(run(plan_pair(variant, name, str(type), a.shape, b.shape), [a, b], want.shape, dtype), want)


@settings(max_examples=40)
@given(case=shapes(), name=st.sampled_from([*COMPARISONS]), signed=st.booleans(), seed=st.integers(0, 2**32))
def test_bytes_are_compared_by_what_they_stand_for(variant, case, name, signed, seed):
    rng = np.random.default_rng(seed)
    tables = tuple(rng.integers(-5, 5, 256).astype(np.int32) for _ in range(2))
    stored = [rng.integers(0, 256, shape).astype(np.uint8) for shape in case]
    want = COMPARISONS[name](tables[0][stored[0]], tables[1][stored[1]])
    given_ = [(x ^ np.uint8(0x80)).view(np.int8) if signed else x for x in stored]
    compiled = plan_tabulated_pair(variant, name, *case, tables)
    assert np.array_equal(run(compiled, given_, want.shape, np.bool_), want)


@settings(max_examples=60)
@given(
    size=st.integers(1, 150),
    single=st.tuples(*[st.booleans()] * 3),
    type=st.sampled_from([*TYPES]),
    seed=st.integers(0, 2**32),
)
def test_flags_choose(variant, size, single, type, seed):
    rng = np.random.default_rng(seed)
    dtype = TYPES[type][0]
    sizes = tuple(1 if one else size for one in single)
    flag = rng.random(sizes[0]) < 0.5
    a, b = (rng.permutation(numbers(rng, n, dtype)) for n in sizes[1:])
    want = np.broadcast_to(np.where(flag, a, b), size)
    got = run(plan_choose(variant, type, sizes, size), [flag, a, b], (size,), dtype)
    assert np.array_equal(got.view(np.uint8), np.ascontiguousarray(want).view(np.uint8))


@pytest.mark.parametrize("size", [1, 63, 64, 65, 200])
def test_flags_are_turned_round(variant, size):
    x = np.random.default_rng(size).random(size) < 0.5
    assert np.array_equal(run(plan_negate(variant, size), [x], x.shape, np.bool_), ~x)


@pytest.mark.parametrize("name", ["and", "or"])
def test_flags_are_joined(variant, name):
    a, b = np.random.default_rng(0).random((2, 100)) < 0.5
    want = a & b if name == "and" else a | b
    assert np.array_equal(run(plan_pair(variant, name, "byte", a.shape, b.shape), [a, b], a.shape, np.bool_), want)
