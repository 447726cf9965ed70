"""SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION, LOCAL_RESPONSE_NORMALIZATION."""

from __future__ import annotations

import math
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
from qengine.op import Specs
from qengine.ops.l2_normalization import L2Normalization
from qengine.ops.local_response_normalization import LocalResponseNormalization
from qengine.ops.log_softmax import LogSoftmax
from qengine.ops.softmax import Softmax

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)
PROBABILITY = {T.INT8: (1 / 256, -128), T.UINT8: (1 / 256, 0), T.INT16: (1 / 32768, 0)}


def of(op: Any, x: Any, profile: Profile) -> Any:
    values = np.asarray(x, np.float32)
    return run(op, [given(values.shape)], given(()), profile, values)


def scaled(op: Any, q: Any, kind: TensorType, before: Any, after: Any, profile: Profile) -> Any:
    values = np.asarray(q, kind.dtype)
    return run(op, [given(values.shape, kind, *before)], given((), kind, *after), profile, values)


@each_profile
def test_probabilities_of_real_numbers(profile: Profile) -> None:
    x = [[0, 0, 0, 0], [math.log(4), math.log(2), 0, 0], [-100, 300, 300, -100]]
    expected = [[0.25] * 4, [0.5, 0.25, 0.125, 0.125], [0, 0.5, 0.5, 0]]
    np.testing.assert_allclose(of(Softmax(beta=1.0), x, profile), expected, atol=1e-7)
    np.testing.assert_allclose(of(LogSoftmax(), x, profile)[:2], np.log(expected[:2]), rtol=1e-6)


@each_profile
def test_beta_multiplies_the_numbers(profile: Profile) -> None:
    got = of(Softmax(beta=2.0), [[math.log(2), 0]], profile)
    np.testing.assert_allclose(got, [[0.8, 0.2]], rtol=1e-6)


@each_profile
def test_probabilities_of_quantized_numbers(profile: Profile) -> None:
    """Powers 4, 2, 1, 1 of a scale that is ln 2."""
    step = (math.log(2), 0)
    got = scaled(Softmax(beta=1.0), [[5, 4, 3, 3]], T.INT8, step, PROBABILITY[T.INT8], profile)
    assert got.tolist() == [[0, -64, -96, -96]]
    got = scaled(Softmax(beta=1.0), [[5, 4, 3, 3]], T.UINT8, step, PROBABILITY[T.UINT8], profile)
    assert got.tolist() == [[128, 64, 32, 32]]


@settings(max_examples=60, deadline=None)
@draws(
    st.sampled_from([T.INT8, T.UINT8, T.INT16]),
    st.sampled_from(list(Profile)),
    st.floats(0.001, 1),
    st.integers(1, 40),
    st.integers(0, 2**31),
)
def test_quantized_probabilities_are_near_the_real_ones(
    kind: TensorType, profile: Profile, scale: float, length: int, seed: int
) -> None:
    limits = np.iinfo(kind.dtype)
    q = np.random.default_rng(seed).integers(limits.min, limits.max + 1, (3, length))
    step = scale / 256 if kind is T.INT16 else scale
    got = scaled(Softmax(beta=1.0), q, kind, (step, 0), PROBABILITY[kind], profile)
    powers = np.exp(np.float32(step) * (q - q.max(axis=1, keepdims=True)).astype(np.float64))
    wanted = powers / powers.sum(axis=1, keepdims=True) / PROBABILITY[kind][0] + PROBABILITY[kind][1]
    within = 2.5 * length + 8 if kind is T.INT16 else 1.5  # the table of powers has 513 entries
    assert np.abs(got - np.clip(wanted, limits.min, limits.max)).max() <= within


@each_profile
def test_8_bit_numbers_can_have_16_bit_probabilities(profile: Profile) -> None:
    q = np.array([[3, 3]], np.int8)
    got = run(Softmax(beta=1.0), [given((1, 2), T.INT8, 0.1)], given((), T.INT16, 1 / 65536, -32768), profile, q)
    assert got.dtype == np.int16
    assert got.tolist() == [[0, 0]]


@each_profile
def test_logarithms_of_quantized_probabilities(profile: Profile) -> None:
    """ln 0.5 = -0.69 is 11 steps of 16/256 below 127, ln 0.25 twice as many."""
    got = scaled(LogSoftmax(), [[5, 4, 4]], T.INT8, (math.log(2), 0), (16 / 256, 127), profile)
    assert got.tolist() == [[116, 105, 105]]


@each_profile
def test_normalized_to_length_1(profile: Profile) -> None:
    assert of(L2Normalization(), [[3, 4], [0, 2]], profile).ravel().tolist() == pytest.approx([0.6, 0.8, 0, 1])
    got = scaled(L2Normalization(), [[13, 14], [10, 12]], T.INT8, (0.5, 10), (1 / 128, 0), profile)
    assert got.tolist() == [[77, 102], [0, 127]]


def test_responses_are_weighed_by_their_neighbours_in_the_reference_by_all_but_the_last() -> None:
    x = np.array([1, 2, 3, 4], np.float32).reshape(1, 1, 1, 4)
    op = LocalResponseNormalization(radius=1, bias=1.0, alpha=1.0, beta=1.0)
    both = [of(op, x, profile).ravel().tolist() for profile in (Profile.REFERENCE, Profile.OPTIMIZED)]
    assert both[1] == pytest.approx([1 / 6, 2 / 15, 3 / 30, 4 / 26])
    assert both[0] == pytest.approx([1 / 2, 2 / 6, 3 / 14, 4 / 26])


def test_what_xnnpack_takes() -> None:
    def taken(op: Any, spec: Any) -> bool:
        return bool(op.delegated(Specs((spec,), (spec,))))

    assert taken(Softmax(beta=1.0), given((2, 3)))
    assert not taken(Softmax(beta=0.5), given((2, 3)))
    assert not taken(Softmax(beta=1.0), given((2, 3), T.INT8, 1 / 256, -128))


@pytest.mark.parametrize(
    ("op", "inputs", "output", "message"),
    [
        (Softmax(), [given(())], given(()), "expected at least one dimension"),
        (Softmax(), [given((2,), T.INT8, 0.5)], given((), T.INT8, 1 / 128, -128), r"expected scale 0\.0039"),
        (Softmax(), [given((2,), T.INT8, 0.5)], given((), T.INT8, 1 / 256, 0), "zero point -128"),
        (Softmax(), [given((2,), T.INT16, 0.5, 1)], given((), T.INT16, 1 / 32768), "expected zero point 0"),
        (Softmax(), [given((2,))], given((), T.INT8, 1 / 256, -128), "expected FLOAT32, got INT8"),
        (LogSoftmax(), [given((2,), T.INT8, 0.5)], given((), T.INT8, 16 / 256, 3), "expected zero point 127"),
        (L2Normalization(), [given((2,), T.INT16, 0.5)], given((), T.INT16, 1 / 128), "got INT16"),
        (LocalResponseNormalization(), [given((2, 3))], given(()), "expected 4 dimensions"),
    ],
)
def test_what_the_runtime_refuses_is_refused(op: Any, inputs: list[Any], output: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(op, inputs, [output], Profile.OPTIMIZED)


def test_powers_that_add_up_to_512_on_which_the_runtime_aborts_are_refused() -> None:
    """Only the reference kernels; the others keep sums in float32."""
    q, step = np.zeros((1, 512), np.int8), (0.001, 0)
    got = scaled(Softmax(beta=1.0), q[:, :511], T.INT8, step, PROBABILITY[T.INT8], Profile.REFERENCE)
    assert set(got.ravel().tolist()) <= {-128, -127}
    scaled(Softmax(beta=1.0), q, T.INT8, step, PROBABILITY[T.INT8], Profile.OPTIMIZED)
    with pytest.raises(RuntimeError, match="expected powers of a row that add up to less than 512"):
        scaled(Softmax(beta=1.0), q, T.INT8, step, PROBABILITY[T.INT8], Profile.REFERENCE)
