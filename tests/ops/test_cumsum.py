from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare, run

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.cumsum import Cumsum

T = TensorType


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Cumsum(), [1, 3, 6]),
        (Cumsum(exclusive=True), [0, 1, 3]),
        (Cumsum(reverse=True), [6, 5, 3]),
        (Cumsum(exclusive=True, reverse=True), [5, 3, 0]),
    ],
)
def test_sums_so_far(profile: Profile, op: Cumsum, expected: list[int]) -> None:
    for kind in (T.FLOAT32, T.INT32, T.INT64):
        x = np.array([[1, 2, 3], [0, 0, 0]], kind.dtype)
        axis = constant(np.array(-1, np.int32))
        assert run(op, [given(x.shape, kind), axis], given((), kind), profile, x).tolist() == [expected, [0] * 3]
        turned = [given(x.T.shape, kind), constant(np.array([0], np.int32))]
        assert run(op, turned, given((), kind), profile, x.T.copy()).tolist() == [[value, 0] for value in expected]


def test_sums_of_integers_wrap_and_of_nothing_are_none() -> None:
    axis = constant(np.array(0, np.int32))
    x = np.array([2**31 - 1, 1], np.int32)
    assert run(Cumsum(), [given((2,), T.INT32), axis], given((), T.INT32), Profile.REFERENCE, x)[1] == -(2**31)
    empty = np.zeros((0, 3), np.float32)
    assert run(Cumsum(True, True), [given((0, 3)), axis], given(()), Profile.REFERENCE, empty).shape == (0, 3)


def test_the_axis_may_come_while_running() -> None:
    step = prepare(Cumsum(), [given((2, 2)), given((1,), T.INT32)], [given(())], Profile.REFERENCE)
    x = np.ones((2, 2), np.float32)
    assert step.run(x, np.array([1], np.int32)).tolist() == [[1, 2], [1, 2]]
    with pytest.raises(ModelError, match="expected an axis from -2 to 1, got 2"):
        step.run(x, np.array([2], np.int32))


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ([given((2,)), constant(np.array([0, 1], np.int32))], ModelError),
        ([given((2,)), constant(np.array(0, np.int64))], ModelError),
        ([given(()), constant(np.array(0, np.int32))], ModelError),
        ([given((2,), T.INT8, 0.5), constant(np.array(0, np.int32))], Unsupported),
    ],
)
def test_what_the_runtime_refuses_is_refused(inputs: list[Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        prepare(Cumsum(), inputs, [given((), inputs[0].type, 0.5)], Profile.REFERENCE)
