"""ABS, NEG, EXP, LOG, SQRT, RSQRT, SQUARE, FLOOR, CEIL, ROUND, SIGN, SIN, COS, REAL, IMAG, COMPLEX_ABS, ZEROS_LIKE."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given as draws
from hypothesis import settings
from hypothesis import strategies as st
from stepping import given, prepare, run

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.abs import Abs
from qengine.ops.atan2 import Atan2
from qengine.ops.ceil import Ceil
from qengine.ops.complex_abs import ComplexAbs
from qengine.ops.cos import Cos
from qengine.ops.exp import Exp
from qengine.ops.fake_quant import FakeQuant
from qengine.ops.floor import Floor
from qengine.ops.imag import Imag
from qengine.ops.log import Log
from qengine.ops.neg import Neg
from qengine.ops.real import Real
from qengine.ops.round import Round
from qengine.ops.rsqrt import Rsqrt
from qengine.ops.sign import Sign
from qengine.ops.sin import Sin
from qengine.ops.sqrt import Sqrt
from qengine.ops.square import Square
from qengine.ops.zeros_like import ZerosLike

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)


def of(op: Any, x: Any, kind: TensorType, profile: Profile, output: TensorType | None = None) -> Any:
    """Numbers that stand for themselves."""
    values = np.asarray(x, kind.dtype)
    return run(op, [given(values.shape, kind)], given((), kind if output is None else output), profile, values).tolist()


def scaled(op: Any, q: Any, kind: TensorType, before: Any, after: Any, profile: Profile = Profile.REFERENCE) -> Any:
    values = np.asarray(q, kind.dtype)
    return run(op, [given(values.shape, kind, *before)], given((), kind, *after), profile, values).tolist()


@each_profile
@pytest.mark.parametrize(
    ("op", "x", "expected"),
    [
        (Abs(), [-2.5, 0, 3], [2.5, 0, 3]),
        (Neg(), [-2.5, 0.5, 3], [2.5, -0.5, -3]),
        (Square(), [-2.5, 0, 3], [6.25, 0, 9]),
        (Floor(), [-2.5, -0.5, 2.5], [-3, -1, 2]),
        (Ceil(), [-2.5, 0.5, 2.5], [-2, 1, 3]),
        (Round(), [-2.5, -1.5, 0.5, 1.5, 2.4], [-2, -2, 0, 2, 2]),
        (Sign(), [-2.5, 0, 3], [-1, 0, 1]),
        (Sqrt(), [0, 4, 2.25], [0, 2, 1.5]),
        (Rsqrt(), [4, 0.25], [0.5, 2]),
        (Exp(), [0], [1]),
        (Log(), [1], [0]),
        (Sin(), [0], [0]),
        (Cos(), [0], [1]),
        (ZerosLike(), [1, math.nan], [0, 0]),
    ],
)
def test_of_real_numbers(op: Any, x: list[float], expected: list[float], profile: Profile) -> None:
    assert of(op, x, T.FLOAT32, profile) == pytest.approx(expected, rel=2e-7)


@settings(max_examples=40, deadline=None)
@draws(
    st.sampled_from([(Exp(), np.exp), (Log(), np.log), (Sin(), np.sin), (Cos(), np.cos), (Rsqrt(), lambda x: x**-0.5)]),
    st.sampled_from(list(Profile)),
    st.floats(2**-10, 80, width=32),
)
def test_of_any_number(function: tuple[Any, Callable[[Any], Any]], profile: Profile, x: float) -> None:
    op, real = function
    assert of(op, [x], T.FLOAT32, profile) == pytest.approx([float(real(np.float64(x)))], rel=1e-6, abs=1e-6)


@each_profile
def test_of_whole_numbers(profile: Profile) -> None:
    least = -(2**31)
    assert of(Abs(), [-5, 7, least], T.INT32, profile) == [5, 7, least]
    assert of(Neg(), [-5, 7, least], T.INT32, profile) == [5, -7, least]
    assert of(Neg(), [-(2**40)], T.INT64, profile) == [2**40]
    assert of(Sign(), [-5, 0, 7], T.INT32, profile) == [-1, 0, 1]


@each_profile
def test_of_complex_numbers(profile: Profile) -> None:
    x = [3 + 4j, -2 - 1j]
    assert of(Real(), x, T.COMPLEX64, profile, T.FLOAT32) == [3, -2]
    assert of(Imag(), x, T.COMPLEX64, profile, T.FLOAT32) == [4, -1]
    assert of(ComplexAbs(), x[:1], T.COMPLEX64, profile, T.FLOAT32) == [5]


@each_profile
def test_angles_of_points(profile: Profile) -> None:
    y, x = np.array([0, 1, 0, -1, -0.0], np.float32), np.array([1, 0, -1, 0, -1], np.float32)
    got = run(Atan2(), [given((5,))] * 2, given(()), profile, y, x)
    np.testing.assert_allclose(got, np.array([0, 0.5, 1, -0.5, -1]) * math.pi, rtol=1e-6)
    with pytest.raises(ModelError, match=r"expected shape \(5,\), got \(1,\)"):
        prepare(Atan2(), [given((5,)), given((1,))], [given(())], profile)


def test_magnitudes_of_quantized_numbers_rescale() -> None:
    assert scaled(Abs(), [-23, 3, 13], T.INT8, (0.5, 3), (0.25, -50)) == [2, -50, -30]
    assert scaled(Abs(), [-100, 100], T.INT16, (0.5,), (0.25,)) == [200, 200]


def test_roots_of_quantized_numbers() -> None:
    """0.5 * (q + 100): 0, 2, 8, 18, whose roots are 0, 1.41, 2.83, 4.24; they are rounded down, not to the nearest."""
    q = [-100, -96, -84, -64]
    assert scaled(Sqrt(), q, T.INT8, (0.5, -100), (0.25, 1)) == [1, 6, 12, 17]
    assert scaled(Rsqrt(), q, T.INT8, (0.5, -100), (0.01, -128)) == [127, -57, -93, -104]
    for op in (Sqrt(), Rsqrt()):
        with pytest.raises(RuntimeError, match="expected numbers from -100 on, got -101"):
            scaled(op, [-101], T.INT8, (0.5, -100), (0.25, 1))


def test_logarithms_of_quantized_numbers() -> None:
    """Those of 0 and less are the smallest number."""
    assert scaled(Log(), [-20, 0, 2, 100], T.INT8, (0.5, 0), (0.05, 0)) == [-128, -128, 0, 78]
    assert scaled(Exp(), [-100, 0, 4], T.INT8, (0.5, 0), (0.1, -100)) == [-100, -90, -26]


def test_xnnpack_has_its_own_way_with_what_is_no_number() -> None:
    assert of(Exp(), [math.nan], T.FLOAT32, Profile.XNNPACK) == [0]
    assert math.isnan(of(Exp(), [math.nan], T.FLOAT32, Profile.OPTIMIZED)[0])
    assert math.isnan(of(Rsqrt(), [0], T.FLOAT32, Profile.XNNPACK)[0])
    assert of(Rsqrt(), [0], T.FLOAT32, Profile.OPTIMIZED) == [math.inf]
    assert of(Sqrt(), [1e-40], T.FLOAT32, Profile.XNNPACK) == [0]


@each_profile
def test_fake_quantization_rounds_to_steps_from_a_nudged_zero(profile: Profile) -> None:
    """Steps of 7.5 / 15 = 0.5 from -2.6 would miss 0, so they go from -2.5 to 5."""
    op = FakeQuant(min=-2.6, max=4.9, num_bits=4)
    assert of(op, [-9, -0.2, 0, 0.3, 4.7, 9], T.FLOAT32, profile) == [-2.5, 0, 0, 0.5, 4.5, 5]


@each_profile
def test_nothing(profile: Profile) -> None:
    for op in (Abs(), Exp(), Floor(), Rsqrt()):
        assert of(op, np.zeros((2, 0)), T.FLOAT32, profile) == [[], []]


@pytest.mark.parametrize(
    ("op", "inputs", "output", "message"),
    [
        (Ceil(), [given((2,), T.INT32)], given((), T.INT32), "got INT32"),
        (Sqrt(), [given((2,), T.UINT8, 0.5)], given((), T.UINT8, 0.5), "got UINT8"),
        (Sqrt(), [given((2,))], given((), T.INT8, 0.5), "expected FLOAT32, got INT8"),
        (Exp(), [given((2,), T.INT8)], given((), T.INT8), "expected a scale"),
        (Square(), [given((2,)), given((2,))], given(()), "expected 1 inputs, got 2"),
        (Real(), [given((2,))], given(()), "got FLOAT32"),
        (Real(), [given((2,), T.COMPLEX64)], given((), T.COMPLEX64), "expected FLOAT32"),
        (FakeQuant(min=-1, max=1, num_bits=8, narrow_range=True), [given((2,))], given(()), "narrow"),
    ],
)
def test_what_the_runtime_refuses_is_refused(op: Any, inputs: list[Any], output: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(op, inputs, [output], Profile.REFERENCE)
