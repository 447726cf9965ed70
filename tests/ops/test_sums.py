"""ADD, SUB, ADD_N."""

from __future__ import annotations

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
from qengine.op import Specs
from qengine.ops.add import Add
from qengine.ops.add_n import AddN
from qengine.ops.sub import Sub
from qengine.options import ActivationFunctionType

T, F = TensorType, ActivationFunctionType
each_profile = pytest.mark.parametrize("profile", Profile)


def both(op: Any, a: Any, b: Any, kind: TensorType, profile: Profile, scale: Any = None, point: int = 0) -> Any:
    """Both operands and the output with the same quantization."""
    x, y = np.asarray(a, kind.dtype), np.asarray(b, kind.dtype)
    specs = [given(x.shape, kind, scale, point), given(y.shape, kind, scale, point)]
    return run(op, specs, given((), kind, scale, point), profile, x, y).tolist()


@each_profile
def test_sums_and_differences_of_plain_numbers(profile: Profile) -> None:
    assert both(Add(), [1, 2, 3], [[10], [20]], T.FLOAT32, profile) == [[11, 12, 13], [21, 22, 23]]
    assert both(Sub(), [1, 2, 3], [[10], [20]], T.FLOAT32, profile) == [[-9, -8, -7], [-19, -18, -17]]
    assert both(Add(F.RELU6), [-9, 2, 7], 1, T.FLOAT32, profile) == [0, 3, 6]
    assert both(Add(), [2**31 - 1], [1], T.INT32, profile) == [-(2**31)]


@each_profile
def test_quantized_sums_are_those_of_the_real_numbers(profile: Profile) -> None:
    """0.5 * (q + 10): 3 + -4 = -1, and 58 + 62 = 120, beyond 0.5 * (127 + 10)."""
    assert both(Add(), [-4, 106], [-18, 114], T.INT8, profile, 0.5, -10) == [-12, 127]
    assert both(Sub(), [-4, 106], [-18, 114], T.INT8, profile, 0.5, -10) == [4, -18]


@settings(max_examples=60, deadline=None)
@draws(
    st.sampled_from(list(Profile)),
    st.sampled_from([T.INT8, T.UINT8, T.INT16]),
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    st.sampled_from([1, -1]),
    st.integers(0, 2**31),
)
def test_quantized_sums_are_within_a_step_of_the_real_ones(
    profile: Profile, kind: TensorType, scales: list[float], sign: int, seed: int
) -> None:
    rng, limits = np.random.default_rng(seed), np.iinfo(kind.dtype)
    points = [0] * 3 if kind is T.INT16 else rng.integers(limits.min, limits.max + 1, 3).tolist()
    if kind is T.INT16:
        scales[2] = scales[2] * 2 + max(scales)  # an output that can't hold twice its inputs is refused
    a, b = (rng.integers(limits.min, limits.max + 1, 37).astype(kind.dtype) for _ in range(2))
    specs = [given((37,), kind, s, p) for s, p in zip(scales, points, strict=True)]
    op = Add(pot_scale_int16=False) if sign == 1 else Sub(pot_scale_int16=False)
    got = run(op, specs[:2], specs[2], profile, a, b)
    first, second = (
        np.float32(s) * (q.astype(np.float64) - p) for s, q, p in zip(scales, (a, b), points, strict=False)
    )
    wanted = (first + sign * second) / np.float32(scales[2]) + points[2]
    assert np.abs(got - np.clip(wanted, limits.min, limits.max)).max() <= 1.01


def test_ties_go_each_kernel_sets_way() -> None:
    """Halves: away from zero by the built-in kernels, up by XNNPACK."""
    a = np.array([-3, -1, 1, 3], np.int8)
    specs, output = [given((4,), T.INT8, 0.5), given((4,), T.INT8, 0.5)], given((), T.INT8, 1.0)
    got = {profile: run(Add(), specs, output, profile, a, a * 0).tolist() for profile in Profile}
    assert got[Profile.REFERENCE] == [-2, -1, 1, 2]
    assert got[Profile.XNNPACK] == [-1, 0, 1, 2]


@each_profile
def test_16_bit_numbers_with_scales_that_are_powers_of_two_are_shifted(profile: Profile) -> None:
    a, b = np.array([100, -100], np.int16), np.array([7, 5], np.int16)
    specs = [given((2,), T.INT16, 2.0**-8), given((2,), T.INT16, 2.0**-10)]
    assert run(Add(), specs, given((), T.INT16, 2.0**-8), profile, a, b).tolist() == [102, -99]


@each_profile
def test_a_sum_of_many_goes_from_left_to_right(profile: Profile) -> None:
    x = [np.array([v], np.float32) for v in (1e8, 3, -1e8)]
    assert run(AddN(), [given((1,))] * 3, given(()), profile, *x).tolist() == [0]


def test_xnnpack_doesnt_clamp_to_finite_numbers() -> None:
    a = [3e38, -3e38]
    assert both(Add(), a, a, T.FLOAT32, Profile.XNNPACK) == [np.inf, -np.inf]
    largest = float(np.finfo(np.float32).max)
    assert both(Add(), a, a, T.FLOAT32, Profile.REFERENCE) == [largest, -largest]


def test_what_xnnpack_takes() -> None:
    def taken(op: Any, *specs: Any) -> bool:
        return bool(op.delegated(Specs(specs[:2], specs[2:])))

    eight, wide, other = given((3,), T.INT8, 0.5), given((3,), T.INT16, 0.5), given((3,), T.INT8, 0.5 / 256)
    assert taken(Add(), eight, eight, eight)
    assert taken(Add(), given((3,)), given(()), given((3,)))
    assert not taken(Add(), eight, eight, other)
    assert not taken(Add(), wide, wide, wide)
    assert not taken(Add(F.SIGN_BIT), eight, eight, eight)
    assert not taken(Add(), given((1,) * 7), given((1,) * 7), given((1,) * 7))


@pytest.mark.parametrize(
    ("op", "inputs", "output", "error", "message"),
    [
        (Add(), [given((2,)), given((2,), T.INT32)], given(()), ModelError, "expected FLOAT32, got INT32"),
        (Add(), [given((2,)), given((3,))], given(()), ModelError, r"expected shapes that broadcast"),
        (Add(), [given((2,))], given(()), ModelError, "expected 2 inputs, got 1"),
        (Add(), [given((2,), T.BOOL)] * 2, given((), T.BOOL), Unsupported, "got BOOL"),
        (Add(), [given((2,), T.INT16, 0.5, 1)] * 2, given((), T.INT16, 0.5), ModelError, "expected zero point 0"),
        (Add(), [given((2,), T.INT8)] * 2, given((), T.INT8, 0.5), ModelError, "expected a zero point"),
        (AddN(), [given((2,)), given((1,))], given(()), ModelError, r"expected shape \(2,\), got \(1,\)"),
        (AddN(), [given((2,))], given(()), ModelError, "expected at least 2 inputs, got 1"),
    ],
)
def test_what_the_runtime_refuses_is_refused(
    op: Any, inputs: list[Any], output: Any, error: type[ModelError], message: str
) -> None:
    with pytest.raises(error, match=message):
        prepare(op, inputs, [output], Profile.REFERENCE)


@pytest.mark.parametrize(
    ("inputs", "output", "message"),
    [
        ([given((2,), T.INT8, 1.0)] * 2, given((), T.INT8, 1e-7), "expected a scale above"),
        (
            [given((2,), T.INT16, 0.5), given((1,), T.INT16, 0.5)],
            given((), T.INT16, 0.5),
            "expected inputs of one shape",
        ),
        ([given((2,), T.INT16, 0.5)] * 2, given((), T.INT16, 0.25), "expected one input of the output's scale"),
    ],
)
def test_sums_on_which_the_runtime_aborts_are_refused(inputs: list[Any], output: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(Add(), inputs, [output], Profile.REFERENCE)
