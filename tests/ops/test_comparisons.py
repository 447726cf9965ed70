"""EQUAL and its kin, MAXIMUM, MINIMUM, LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT, BITWISE_XOR, RIGHT_SHIFT, STABLEHLO_*."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given as draws
from hypothesis import settings
from hypothesis import strategies as st
from stepping import given, prepare, run

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.bitwise_xor import BitwiseXor
from qengine.ops.equal import Equal
from qengine.ops.greater import Greater
from qengine.ops.greater_equal import GreaterEqual
from qengine.ops.less import Less
from qengine.ops.less_equal import LessEqual
from qengine.ops.logical_and import LogicalAnd
from qengine.ops.logical_not import LogicalNot
from qengine.ops.logical_or import LogicalOr
from qengine.ops.maximum import Maximum
from qengine.ops.minimum import Minimum
from qengine.ops.not_equal import NotEqual
from qengine.ops.right_shift import RightShift
from qengine.ops.stablehlo_add import StablehloAdd
from qengine.ops.stablehlo_and import StablehloAnd
from qengine.ops.stablehlo_maximum import StablehloMaximum
from qengine.ops.stablehlo_minimum import StablehloMinimum
from qengine.ops.stablehlo_multiply import StablehloMultiply
from qengine.ops.stablehlo_shift_left import StablehloShiftLeft

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)
COMPARISONS: list[tuple[Any, Any]] = [
    (Equal(), operator.eq),
    (NotEqual(), operator.ne),
    (Less(), operator.lt),
    (LessEqual(), operator.le),
    (Greater(), operator.gt),
    (GreaterEqual(), operator.ge),
]


def both(op: Any, a: Any, b: Any, kind: TensorType, profile: Profile, output: TensorType | None = None) -> Any:
    x, y = np.asarray(a, kind.dtype), np.asarray(b, kind.dtype)
    specs = [given(x.shape, kind), given(y.shape, kind)]
    return run(op, specs, given((), kind if output is None else output), profile, x, y).tolist()


@each_profile
@pytest.mark.parametrize(("op", "compare"), COMPARISONS)
def test_comparisons_of_plain_numbers(op: Any, compare: Any, profile: Profile) -> None:
    for kind in (T.FLOAT32, T.INT32, T.INT64):
        got = both(op, [1, 2, 3], [[2], [3]], kind, profile, T.BOOL)
        assert got == [[compare(a, b) for a in (1, 2, 3)] for b in (2, 3)]
    assert both(op, [math.nan], [math.nan], T.FLOAT32, profile, T.BOOL) == [compare(math.nan, math.nan)]


@settings(max_examples=60, deadline=None)
@draws(
    st.sampled_from(COMPARISONS),
    st.lists(st.sampled_from([0.5, 0.25, 0.125]), min_size=2, max_size=2),
    st.lists(st.integers(-128, 127), min_size=4, max_size=4),
)
def test_quantized_numbers_are_compared_as_real_ones(
    comparison: tuple[Any, Any], scales: list[float], numbers: list[int]
) -> None:
    op, compare = comparison
    a, point, b, other_point = numbers
    specs = [given((1,), T.INT8, scales[0], point), given((1,), T.INT8, scales[1], other_point)]
    got = run(op, specs, given((), T.BOOL), Profile.REFERENCE, np.array([a], np.int8), np.array([b], np.int8))
    assert got.tolist() == [compare(scales[0] * (a - point), scales[1] * (b - other_point))]


def test_strings_are_compared_as_bytes() -> None:
    a, b = (np.array(words, object) for words in ([b"a", b"b"], [b"a", b"B"]))
    specs = [given((2,), T.STRING)] * 2
    assert run(Equal(), specs, given((), T.BOOL), Profile.REFERENCE, a, b).tolist() == [True, False]
    assert run(NotEqual(), specs, given((), T.BOOL), Profile.REFERENCE, a, b).tolist() == [False, True]


@each_profile
def test_logic(profile: Profile) -> None:
    a, b = [True, True, False, False], [True, False, True, False]
    assert both(LogicalAnd(), a, b, T.BOOL, profile) == [True, False, False, False]
    assert both(LogicalOr(), a, b, T.BOOL, profile) == [True, True, True, False]
    assert both(StablehloAnd(), a, b, T.BOOL, profile) == [True, False, False, False]
    got = run(LogicalNot(), [given((2,), T.BOOL)], given((), T.BOOL), profile, np.array([True, False]))
    assert got.tolist() == [False, True]


@each_profile
def test_bits(profile: Profile) -> None:
    assert both(BitwiseXor(), [0b1100], [[0b1010], [-1]], T.INT32, profile) == [[0b0110], [~0b1100]]
    assert both(RightShift(), [-8, 8, -8, 8], [1, 1, 99, -5], T.INT8, profile) == [-4, 4, -1, 8]
    assert both(RightShift(), [2**31], [31], T.UINT32, profile) == [1]
    assert both(StablehloShiftLeft(), [1, 3, -1], [6, 7, 7], T.INT8, profile) == [64, -128, -128]


@each_profile
def test_extremes(profile: Profile) -> None:
    for kind in (T.FLOAT32, T.INT8, T.INT16, T.INT64):
        assert both(Maximum(), [1, 5], [[3], [7]], kind, profile) == [[3, 5], [7, 7]]
        assert both(Minimum(), [1, 5], [[3], [7]], kind, profile) == [[1, 3], [1, 5]]


@each_profile
def test_stablehlo_arithmetic_wraps_and_broadcasts_nothing(profile: Profile) -> None:
    assert both(StablehloAdd(), [2**31 - 1], [1], T.INT32, profile) == [-(2**31)]
    assert both(StablehloMultiply(), [3.0], [-2.0], T.FLOAT32, profile) == [-6]
    assert both(StablehloMaximum(), [3], [5], T.INT32, profile) == [5]
    assert both(StablehloMinimum(), [3], [5], T.INT32, profile) == [3]
    with pytest.raises(ModelError, match=r"expected shape \(2,\), got \(1,\)"):
        both(StablehloAdd(), [1, 2], [1], T.INT32, profile)


@pytest.mark.parametrize(
    ("op", "inputs", "output", "message"),
    [
        (Less(), [given((2,)), given((2,), T.INT32)], given((), T.BOOL), "expected FLOAT32, got INT32"),
        (Less(), [given((2,), T.BOOL)] * 2, given((), T.BOOL), "got BOOL"),
        (LogicalAnd(), [given((2,))] * 2, given(()), "got FLOAT32"),
        (Maximum(), [given((2,), T.BOOL)] * 2, given((), T.BOOL), "got BOOL"),
        (RightShift(), [given((2,), T.INT64)] * 2, given((), T.INT64), "got INT64"),
        (Less(), [given((1,) * 8 + (2,)), given((1,) * 9)], given((), T.BOOL), "expected at most 8 dimensions"),
    ],
)
def test_what_the_runtime_refuses_is_refused(op: Any, inputs: list[Any], output: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(op, inputs, [output], Profile.REFERENCE)


def test_comparing_quantized_numbers_of_scale_1_on_which_the_runtime_aborts_is_refused() -> None:
    with pytest.raises(Unsupported, match="scale 1"):
        prepare(Less(), [given((2,), T.INT8, 1.0)] * 2, [given((), T.BOOL)], Profile.REFERENCE)


def test_plain_16_bit_numbers_of_which_the_runtime_computes_nothing_are_refused() -> None:
    with pytest.raises(Unsupported, match="NOT_EQUAL of INT16 without quantization"):
        prepare(NotEqual(), [given((2,), T.INT16)] * 2, [given((), T.BOOL)], Profile.REFERENCE)
