"""MUL, DIV, FLOOR_DIV, FLOOR_MOD, SQUARED_DIFFERENCE, POW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, settings
from hypothesis import given as draws
from hypothesis import strategies as st
from stepping import given, prepare, run

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.div import Div
from qengine.ops.floor_div import FloorDiv
from qengine.ops.floor_mod import FloorMod
from qengine.ops.mul import Mul
from qengine.ops.pow import Pow
from qengine.ops.squared_difference import SquaredDifference
from qengine.options import ActivationFunctionType

T, F = TensorType, ActivationFunctionType
each_profile = pytest.mark.parametrize("profile", Profile)


def both(op: Any, a: Any, b: Any, kind: TensorType, profile: Profile = Profile.REFERENCE) -> Any:
    """Numbers that stand for themselves."""
    x, y = np.asarray(a, kind.dtype), np.asarray(b, kind.dtype)
    return run(op, [given(x.shape, kind), given(y.shape, kind)], given((), kind), profile, x, y).tolist()


@each_profile
def test_plain_products_and_quotients(profile: Profile) -> None:
    assert both(Mul(), [1, 2, 3], [[2], [-1]], T.FLOAT32, profile) == [[2, 4, 6], [-1, -2, -3]]
    assert both(Mul(F.RELU_N1_TO_1), [1, 2, 3], -0.5, T.FLOAT32, profile) == [-0.5, -1, -1]
    assert both(Mul(), [2**16], [2**16 + 1], T.INT32, profile) == [2**16]
    assert both(Div(), [7, -7, 7, -7], [2, 2, -2, -2], T.INT32, profile) == [3, -3, -3, 3]
    assert both(Div(), [1, -1, 0], [0, 0, 1], T.FLOAT32, Profile.XNNPACK) == [math.inf, -math.inf, 0]
    assert both(SquaredDifference(), [5, 1], [2, 3], T.INT32, profile) == [9, 4]


@each_profile
def test_quotients_that_round_down_and_their_remainders(profile: Profile) -> None:
    a, b = [7, -7, 7, -7], [2, 2, -2, -2]
    for kind in (T.INT32, T.INT16, T.INT8, T.FLOAT32):
        assert both(FloorDiv(), a, b, kind, profile) == [3, -4, -4, 3]
        assert both(FloorMod(), a, b, kind, profile) == [1, 1, -1, -1]
    assert both(FloorMod(), [2**62 + 1], [2], T.INT64, profile) == [1]


@settings(max_examples=50, deadline=None)
@draws(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_whole_quotients_and_remainders_are_those_of_python(a: int, b: int) -> None:
    assume(b != 0 and (a, b) != (-(2**31), -1))
    assert both(FloorDiv(), [a], [b], T.INT32) == [a // b]
    assert both(FloorMod(), [a], [b], T.INT32) == [a % b]


@each_profile
def test_quantized_products_are_those_of_the_real_numbers(profile: Profile) -> None:
    """0.5 * 0.25 * 40 * -30 = -150, in steps of 2."""
    a, b = np.array([50, 10], np.int8), np.array([-30, 100], np.int8)
    specs, output = [given((2,), T.INT8, 0.5, 10), given((2,), T.INT8, 0.25)], given((), T.INT8, 2.0, 7)
    assert run(Mul(), specs, output, profile, a, b).tolist() == [-75 + 7, 7]


@settings(max_examples=60, deadline=None)
@draws(
    st.sampled_from(list(Profile)),
    st.sampled_from([T.INT8, T.UINT8, T.INT16]),
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    st.integers(0, 2**31),
)
def test_quantized_products_are_within_a_step_of_the_real_ones(
    profile: Profile, kind: TensorType, scales: list[float], seed: int
) -> None:
    rng, limits = np.random.default_rng(seed), np.iinfo(kind.dtype)
    points = [0] * 3 if kind is T.INT16 else rng.integers(limits.min, limits.max + 1, 3).tolist()
    a, b = (rng.integers(limits.min, limits.max + 1, 37).astype(kind.dtype) for _ in range(2))
    specs = [given((37,), kind, s, p) for s, p in zip(scales, points, strict=True)]
    got = run(Mul(), specs[:2], specs[2], profile, a, b)
    one, other, out = (np.float64(np.float32(s)) for s in scales)
    wanted = one * (a.astype(np.float64) - points[0]) * other * (b.astype(np.float64) - points[1]) / out + points[2]
    assume(np.abs(wanted).max() < (2**31 if kind is T.INT16 else 2**15 - 300))
    assert np.abs(got - np.clip(wanted, limits.min, limits.max)).max() <= 1.001


def test_optimized_products_wrap_at_16_bits_in_whole_vectors() -> None:
    """100 * 50 * 8 = 40000 saturates to 32767; with the zero point it wraps, and ends at the wrong bound."""
    a, b = np.full(17, 100, np.int8), np.full(17, 50, np.int8)
    specs = [given((17,), T.INT8, 1.0)] * 2
    for point, at_the_start in ((0, 127), (1, -128)):
        got = run(Mul(), specs, given((), T.INT8, 0.125, point), Profile.OPTIMIZED, a, b).tolist()
        assert got == [at_the_start] * 16 + [127]


def test_quantized_quotients() -> None:
    a, b = np.array([40, -40, 7], np.int8), np.array([4, 12, -4], np.int8)
    specs = [given((3,), T.INT8, 0.5), given((3,), T.INT8, 0.25, 2)]
    assert run(Div(), specs, given((), T.INT8, 1.0, -1), Profile.REFERENCE, a, b).tolist() == [39, -9, -3]
    with pytest.raises(RuntimeError, match="expected divisors other than 2, got 2"):
        run(Div(), specs, given((), T.INT8, 1.0), Profile.REFERENCE, a, np.array([1, 2, 3], np.int8))


@pytest.mark.parametrize(
    ("op", "kind"),
    [(Div(), T.INT32), (FloorDiv(), T.INT32), (FloorDiv(), T.FLOAT32), (FloorMod(), T.INT8), (FloorMod(), T.INT64)],
)
def test_a_division_by_zero_is_refused_while_running(op: Any, kind: TensorType) -> None:
    with pytest.raises(RuntimeError, match="expected divisors other than 0, got 0"):
        both(op, [1, 2], [1, 0], kind)


@pytest.mark.parametrize(("op", "kind"), [(Div(), T.INT32), (FloorMod(), T.INT32), (FloorMod(), T.INT64)])
def test_quotients_beyond_their_type_on_which_the_runtime_dies_are_refused(op: Any, kind: TensorType) -> None:
    least = np.iinfo(kind.dtype).min
    assert both(op, [least], [1], kind) == [least if isinstance(op, Div) else 0]
    with pytest.raises(RuntimeError, match="expected quotients that int"):
        both(op, [5, least], [2, -1], kind)


def test_the_remainder_of_the_smallest_short_number_is_zero() -> None:
    assert both(FloorMod(), [-128], [-1], T.INT8) == [0]
    assert both(FloorMod(), [-(2**15)], [-1], T.INT16) == [0]


@each_profile
def test_powers(profile: Profile) -> None:
    assert both(Pow(), [2, -3, 0, 5], [10, 3, 0, 1], T.INT32, profile) == [1024, -27, 1, 5]
    assert both(Pow(), [1, 4, 16], [[-1], [0.5]], T.FLOAT32, profile) == [[1, 0.25, 0.0625], [1, 2, 4]]
    with pytest.raises(RuntimeError, match="expected exponents of 0 or more, got -1"):
        both(Pow(), [2], [-1], T.INT32, profile)


@each_profile
def test_quantized_squared_differences(profile: Profile) -> None:
    a, b = np.array([10, -20], np.int8), np.array([4, 20], np.int8)
    specs, output = [given((2,), T.INT8, 0.5, 3), given((2,), T.INT8, 0.5, 3)], given((), T.INT8, 4.0, -100)
    assert run(SquaredDifference(), specs, output, profile, a, b).tolist() == [-98, 0]  # 9 / 4 and 400 / 4


@pytest.mark.parametrize(
    ("op", "inputs", "output", "message"),
    [
        (Mul(), [given((2,), T.BOOL)] * 2, given((), T.BOOL), "got BOOL"),
        (Mul(), [given((2,))] * 2, given((), T.INT32), "expected FLOAT32 as of the inputs, got INT32"),
        (Mul(), [given((2,), T.INT16, 0.5, 3)] * 2, given((), T.INT16, 0.5), "expected zero point 0"),
        (Div(), [given((2,), T.INT64)] * 2, given((), T.INT64), "got INT64"),
        (FloorDiv(), [given((2,), T.INT64)] * 2, given((), T.INT64), "got INT64"),
        (Pow(), [given((2,)), given((2,), T.INT32)], given(()), "expected FLOAT32, got INT32"),
        (SquaredDifference(), [given((2, 3)), given((2,))], given(()), "expected shapes that broadcast"),
        (Mul(F.RELU), [given((2,), T.COMPLEX64)] * 2, given((), T.COMPLEX64), "expected no activation with COMPLEX64"),
    ],
)
def test_what_the_runtime_refuses_is_refused(op: Any, inputs: list[Any], output: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(op, inputs, [output], Profile.REFERENCE)


def test_a_stretched_product_of_16_bit_numbers_in_8_on_which_the_runtime_aborts_is_refused() -> None:
    inputs = [given((2, 3), T.INT16, 0.5), given((3,), T.INT16, 0.5)]
    with pytest.raises(ModelError, match="expected inputs of one shape"):
        prepare(Mul(), inputs, [given((), T.INT8, 0.5)], Profile.REFERENCE)
