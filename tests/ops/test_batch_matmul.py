from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare, run

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.batch_matmul import BatchMatmul

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)


@each_profile
@pytest.mark.parametrize("turn_x", [False, True])
@pytest.mark.parametrize("turn_y", [False, True])
def test_products_of_matrices_given_either_way(profile: Profile, turn_x: bool, turn_y: bool) -> None:
    x, y = np.array([[1, 2, 3]], np.float32), np.array([[1, 10], [2, 20], [3, 30]], np.float32)
    x, y = (x.T if turn_x else x), (y.T if turn_y else y)
    got = run(BatchMatmul(turn_x, turn_y), [given(x.shape), given(y.shape)], given(()), profile, x, y)
    assert got.tolist() == [[14, 140]]


@each_profile
def test_batches_broadcast(profile: Profile) -> None:
    x = np.arange(2 * 1 * 2 * 3, dtype=np.float32).reshape(2, 1, 2, 3)
    y = np.arange(4 * 3 * 2, dtype=np.float32).reshape(4, 3, 2)
    got = run(BatchMatmul(), [given(x.shape), given(y.shape)], given(()), profile, x, y)
    assert np.array_equal(got, x @ y)


@pytest.mark.parametrize(("profile", "expected"), [(Profile.REFERENCE, [[-3]]), (Profile.XNNPACK, [[-2]])])
def test_a_tie_goes_away_from_zero_or_to_even(profile: Profile, expected: Any) -> None:
    """-10 / 4 = -2.5."""
    x, y = np.array([[-10]], np.int8), constant(np.array([[1]], np.int8), scale=1.0)
    assert run(BatchMatmul(), [given((1, 1), T.INT8, 0.25), y], given((), T.INT8, 1.0), profile, x).tolist() == expected


def test_weights_with_a_zero_point_are_not_delegated() -> None:
    x, y = np.array([[-10]], np.int8), constant(np.array([[2]], np.int8), scale=1.0, zero_point=1)
    got = run(BatchMatmul(), [given((1, 1), T.INT8, 0.25), y], given((), T.INT8, 1.0), Profile.XNNPACK, x)
    assert got.tolist() == [[-3]]


def test_integer_weights_with_a_scale_for_every_column_give_the_zero_point() -> None:
    x, y = np.full((1, 1), 99, np.int8), constant(np.array([[2, 3]], np.int8), scale=[1.0, 1.0])
    got = run(BatchMatmul(), [given((1, 1), T.INT8, 0.5), y], given((), T.INT8, 1.0, 7), Profile.REFERENCE, x)
    assert got.tolist() == [[7, 7]]


@each_profile
def test_int32_products_know_no_zero_point(profile: Profile) -> None:
    x, y = np.array([[3, -4]], np.int8), np.array([[5], [6]], np.int8)
    inputs = [given((1, 2), T.INT8, 0.5, 7), given((2, 1), T.INT8, 0.5, -7)]
    assert run(BatchMatmul(), inputs, given((), T.INT32), profile, x, y).tolist() == [[-9]]


def test_the_runtimes_own_dynamic_kernel_takes_scales_from_the_wrong_rows() -> None:
    """With two batches of activations, of 2 and 2: the last is the fourth row, and finds the third row's scale."""
    x = np.array([1, 10, 100, 1000], np.float32).reshape(2, 2, 1, 1)
    y = constant(np.array([[127]], np.int8), scale=1 / 127)
    inputs = [given(x.shape), y]
    assert run(BatchMatmul(), inputs, given(()), Profile.REFERENCE, x).ravel() == pytest.approx([1, 10, 10, 100])
    assert run(BatchMatmul(), inputs, given(()), Profile.XNNPACK, x).ravel() == pytest.approx([1, 10, 100, 1000])


@pytest.mark.parametrize(
    ("inputs", "output", "error", "message"),
    [
        ([given((2, 3)), given((2, 3))], given(()), ModelError, "expected sums of one length, got 3 and 2"),
        ([given((3,)), given((3, 2))], given(()), ModelError, "expected 2 to 5 dimensions"),
        ([given((2, 1, 3)), given((3, 3, 1))], given(()), ModelError, "expected shapes that broadcast"),
        ([given((1, 1), T.INT8, 1.0), given((1, 1), T.INT16, 1.0)], given((), T.INT8, 1.0), Unsupported, "got INT8"),
        ([given((1, 1), T.UINT8, 1.0), given((1, 1), T.UINT8, 1.0)], given((), T.UINT8, 1.0), Unsupported, "UINT8"),
        (
            [given((1, 1), T.INT16, 1.0), given((1, 1), T.INT16, 1.0, 1)],
            given((), T.INT16, 1.0),
            ModelError,
            "zero points 0 with INT16",
        ),
        ([given((1, 1)), constant(np.zeros((1, 3), np.int8), scale=[1.0, 1])], given(()), ModelError, "1 scale or 3"),
    ],
)
def test_operands_that_do_not_fit_are_refused(
    inputs: list[Any], output: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        prepare(BatchMatmul(), inputs, [output], Profile.REFERENCE)
