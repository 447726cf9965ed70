"""RELU and its kin, LEAKY_RELU, PRELU, ELU, GELU, HARD_SWISH, LOGISTIC, TANH."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given as draws
from hypothesis import settings
from hypothesis import strategies as st
from stepping import constant, given, prepare, run

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import Specs
from qengine.ops.elu import Elu
from qengine.ops.gelu import Gelu
from qengine.ops.hard_swish import HardSwish
from qengine.ops.leaky_relu import LeakyRelu
from qengine.ops.logistic import Logistic
from qengine.ops.prelu import Prelu
from qengine.ops.relu import Relu
from qengine.ops.relu6 import Relu6
from qengine.ops.relu_0_to_1 import Relu0To1
from qengine.ops.relu_n1_to_1 import ReluN1To1
from qengine.ops.tanh import Tanh

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)


def of(op: Any, x: Any, profile: Profile) -> Any:
    values = np.asarray(x, np.float32)
    return run(op, [given(values.shape)], given(()), profile, values)


def scaled(op: Any, q: Any, kind: TensorType, before: tuple[float, int], after: tuple[float, int], profile: Any) -> Any:
    values = np.asarray(q, kind.dtype)
    return run(op, [given(values.shape, kind, *before)], given((), kind, *after), profile, values)


@each_profile
@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Relu(), [0, 0, 0, 0.5, 7]),
        (Relu6(), [0, 0, 0, 0.5, 6]),
        (Relu0To1(), [0, 0, 0, 0.5, 1]),
        (ReluN1To1(), [-1, -0.5, 0, 0.5, 1]),
        (LeakyRelu(alpha=0.5), [-1.5, -0.25, 0, 0.5, 7]),
        (HardSwish(), [0, -0.5 * 2.5 / 6, 0, 0.5 * 3.5 / 6, 7]),
        (Elu(), [math.expm1(-3), math.expm1(-0.5), 0, 0.5, 7]),
        (Logistic(), [1 / (1 + math.exp(-x)) for x in (-3, -0.5, 0, 0.5, 7)]),
        (Tanh(), [math.tanh(x) for x in (-3, -0.5, 0, 0.5, 7)]),
        (Gelu(), [x / 2 * math.erfc(-x / math.sqrt(2)) for x in (-3, -0.5, 0, 0.5, 7)]),
        (
            Gelu(approximate=True),
            [x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) for x in (-3, -0.5, 0, 0.5, 7)],
        ),
    ],
)
def test_of_real_numbers(op: Any, expected: list[float], profile: Profile) -> None:
    np.testing.assert_allclose(of(op, [-3, -0.5, 0, 0.5, 7], profile), expected, rtol=1e-5, atol=1e-7)


@each_profile
def test_slopes_broadcast_to_the_numbers(profile: Profile) -> None:
    x = np.array([[-1, 2], [-3, -4]], np.float32)
    inputs = [given((2, 2)), constant(np.array([0.5, -2], np.float32))]
    assert run(Prelu(), inputs, given(()), profile, x).tolist() == [[-0.5, 2], [-1.5, 8]]


@each_profile
def test_quantized_clamps_rescale(profile: Profile) -> None:
    """0.5 * (q - 3): -2, 0, 4, 8 in steps of 0.25 from zero point -100."""
    q = [-1, 3, 11, 19]
    assert scaled(Relu(), q, T.INT8, (0.5, 3), (0.25, -100), profile).tolist() == [-100, -100, -84, -68]
    assert scaled(Relu6(), q, T.INT8, (0.5, 3), (0.25, -100), profile).tolist() == [-100, -100, -84, -76]
    assert scaled(ReluN1To1(), q, T.INT8, (0.5, 3), (0.25, -100), profile).tolist() == [-104, -100, -96, -96]


@each_profile
def test_quantized_leaky_slopes(profile: Profile) -> None:
    got = scaled(LeakyRelu(alpha=0.25), [-35, 5, 45], T.INT8, (0.5, 5), (0.5, 0), profile)
    assert got.tolist() == [-10, 0, 40]


FUNCTIONS: list[tuple[Any, Callable[[float], float], tuple[float, int]]] = [
    (Logistic(), lambda x: 1 / (1 + math.exp(-x)), (1 / 256, -128)),
    (Tanh(), math.tanh, (1 / 128, 0)),
    (Elu(), lambda x: x if x > 0 else math.expm1(x), (0.05, 10)),
    (Gelu(), lambda x: x / 2 * math.erfc(-x / math.sqrt(2)), (0.05, 10)),
    (HardSwish(), lambda x: x * min(max(x + 3, 0), 6) / 6, (0.05, 10)),
    (LeakyRelu(alpha=0.3), lambda x: x if x > 0 else 0.3 * x, (0.05, 10)),
]


@settings(max_examples=60, deadline=None)
@draws(st.sampled_from(FUNCTIONS), st.sampled_from(list(Profile)), st.floats(0.002, 0.1), st.integers(-128, 127))
def test_8_bit_functions_are_within_a_step_of_the_real_ones(
    function: tuple[Any, Callable[[float], float], tuple[float, int]], profile: Profile, scale: float, point: int
) -> None:
    op, real, after = function
    q = np.arange(-128, 128)
    got = scaled(op, q, T.INT8, (scale, point), after, profile)
    wanted = [
        min(max(real(float(np.float32(scale)) * (v - point)) / after[0] + after[1], -128), 127) for v in q.tolist()
    ]
    # The built-in HARD_SWISH works on 16-bit fractions.
    assert np.abs(got - np.array(wanted)).max() <= (1.6 if isinstance(op, HardSwish) else 1.001)


@settings(max_examples=30, deadline=None)
@draws(st.sampled_from([(Logistic(), lambda x: 1 / (1 + np.exp(-x))), (Tanh(), np.tanh)]), st.floats(1e-5, 5e-3))
def test_16_bit_functions_are_near_the_real_ones(function: tuple[Any, Any], scale: float) -> None:
    op, real = function
    q = np.arange(-32768, 32768)
    got = scaled(op, q, T.INT16, (scale, 0), (1 / 32768, 0), Profile.REFERENCE)
    assert np.abs(got / 32768 - real(float(np.float32(scale)) * q)).max() < 2e-3


@each_profile
def test_the_built_in_sigmoid_ends_where_it_is_nearly_0_or_1(profile: Profile) -> None:
    got = scaled(Logistic(), [-128, 0, 127], T.INT8, (1.0, 0), (1 / 256, -128), profile)
    assert got.tolist() == [-128, 0, 127]
    assert scaled(Tanh(), [0, 128, 255], T.UINT8, (1.0, 128), (1 / 128, 128), profile).tolist() == [0, 128, 255]


@each_profile
def test_nothing_and_one_number(profile: Profile) -> None:
    assert of(Tanh(), np.zeros((0, 3)), profile).shape == (0, 3)
    assert of(Logistic(), 0.0, profile).tolist() == 0.5


def test_what_xnnpack_takes() -> None:
    eight, wide = given((3,), T.INT8, 0.5), given((3,), T.INT16, 0.5)
    slopes, computed = constant(np.ones(3, np.float32)), given((3,))

    def taken(op: Any, *specs: Any) -> bool:
        return bool(op.delegated(Specs(specs[:-1], specs[-1:])))

    assert taken(Logistic(), eight, given((3,), T.INT8, 0.1))
    assert not taken(Logistic(), wide, wide)
    assert taken(Prelu(), computed, slopes, computed)
    assert not taken(Prelu(), computed, computed, computed)
    assert not taken(Prelu(), eight, constant(np.ones(3, np.int8), scale=0.1), eight)


@pytest.mark.parametrize(
    ("op", "inputs", "output", "message"),
    [
        (Logistic(), [given((2,), T.INT8, 0.5)], given((), T.INT8, 1 / 128, -128), "expected scale 0.00390625"),
        (Tanh(), [given((2,), T.INT16, 0.5)], given((), T.INT16, 1 / 16384), "expected scale 3.05"),
        (Tanh(), [given((2,), T.INT16, 0.5)], given((), T.INT16, 1 / 32768, 1), "expected zero point 0 with INT16"),
        (Relu(), [given((2,), T.INT32)], given((), T.INT32), "got INT32"),
        (Relu(), [given((2,))], given((), T.INT8, 0.5), "expected FLOAT32, got INT8"),
        (LeakyRelu(), [given((2,)), given((2,))], given(()), "expected 1 inputs, got 2"),
        (Prelu(), [given((2,)), given((3,))], given(()), "expected shapes that broadcast"),
        (Prelu(), [given((2,)), given((4, 2))], given(()), r"expected slopes that broadcast to \(2,\), got \(4, 2\)"),
        (Prelu(), [given((2,)), given((2,), T.INT8, 0.1)], given(()), "expected slopes to go with FLOAT32, got INT8"),
        (HardSwish(), [given((2,), T.INT16, 0.5)], given((), T.INT16, 0.5), "got INT16"),
    ],
)
def test_what_the_runtime_refuses_is_refused(op: Any, inputs: list[Any], output: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(op, inputs, [output], Profile.REFERENCE)
