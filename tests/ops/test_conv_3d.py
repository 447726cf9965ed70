from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare, run

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.conv_3d import Conv3D
from qengine.ops.conv_3d_transpose import Conv3DTranspose
from qengine.options import ActivationFunctionType, Padding

T = TensorType
F = np.float32
STEPS: dict[str, Any] = {"stride_d": 1, "stride_h": 1, "stride_w": 1}
ONES = constant(np.ones((2, 2, 2, 1, 1), F))


@pytest.mark.parametrize("profile", Profile)
def test_sums_every_small_cube(profile: Profile) -> None:
    x = np.arange(12, dtype=F).reshape(1, 2, 2, 3, 1)
    op = Conv3D(Padding.VALID, **STEPS)
    assert run(op, [given(x.shape), ONES], given(()), profile, x).ravel().tolist() == [40, 48]
    op = Conv3D(Padding.VALID, **STEPS, fused_activation_function=ActivationFunctionType.RELU)
    bias = constant(np.array([-44], F))
    assert run(op, [given(x.shape), ONES, bias], given(()), profile, x).ravel().tolist() == [0, 4]


def test_strides_and_dilations_are_named_by_their_dimension() -> None:
    x = np.arange(5 * 6 * 7, dtype=F).reshape(1, 5, 6, 7, 1)
    op = Conv3D(
        Padding.VALID, stride_d=1, stride_h=2, stride_w=3, dilation_d_factor=4, dilation_h_factor=3, dilation_w_factor=2
    )
    corner = np.zeros((2, 2, 2, 1, 1), F)
    corner[1, 1, 1] = 1
    result = run(op, [given(x.shape), constant(corner)], given(()), Profile.REFERENCE, x)
    assert np.array_equal(result, x[:, 4:, 3::2, 2::3])


def test_the_transpose_is_the_transposed_map() -> None:
    rng = np.random.default_rng(0)
    steps: dict[str, Any] = {"stride_d": 2, "stride_h": 1, "stride_w": 3, "dilation_w_factor": 2}
    volume, filters = rng.normal(0, 1, (2, 5, 4, 7, 3)).astype(F), rng.normal(0, 1, (2, 3, 2, 3, 4)).astype(F)
    for padding in (Padding.SAME, Padding.VALID):
        kernel = constant(filters)
        forth = run(Conv3D(padding, **steps), [given(volume.shape), kernel], given(()), Profile.REFERENCE, volume)
        y = rng.normal(0, 1, forth.shape).astype(F)
        operands = [constant(np.array(volume.shape, np.int32)), kernel, given(y.shape)]
        back = run(Conv3DTranspose(padding, **steps), operands, given(()), Profile.REFERENCE, y)
        assert np.vdot(forth, y) == pytest.approx(np.vdot(volume, back), rel=1e-4)


def test_the_transposed_shape_may_come_while_running() -> None:
    operands = [given((5,), T.INT32), ONES, given((1, 1, 1, 2, 1))]
    step = prepare(Conv3DTranspose(Padding.VALID, **STEPS), operands, [given(())], Profile.REFERENCE)
    x = np.ones((1, 1, 1, 2, 1), F)
    result = step.run(np.array([1, 2, 2, 3, 1], np.int32), ONES.value, x)
    assert np.asarray(result).ravel().tolist() == [1, 2, 1] * 4
    for wrong in ([1, 2, 2, 4, 1], [2, 2, 2, 3, 1], [1, 2, 2, 3, 2], [1, 2, 2, -3, 1]):
        with pytest.raises(ModelError, match="expected"):
            step.run(np.array(wrong, np.int32), ONES.value, x)


VOLUME = given((1, 2, 2, 3, 1))


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (Conv3D(Padding.VALID), [VOLUME, ONES]),
        (Conv3D(Padding.VALID, **STEPS, dilation_w_factor=0), [VOLUME, ONES]),
        (Conv3D(Padding.VALID, **STEPS, dilation_w_factor=9), [VOLUME, ONES]),
        (Conv3D(Padding.SAME, **STEPS), [given((1, 2, 2, 3, 2)), ONES]),
        (Conv3D(Padding.SAME, **STEPS), [given((2, 2, 3, 1)), ONES]),
        (Conv3D(Padding.SAME, **STEPS), [given((1, 2, 0, 3, 1)), ONES]),
        (Conv3D(Padding.SAME, **STEPS), [given((1, 2, 2, 3, 1), T.INT8, 1.0), ONES]),
        (Conv3D(Padding.SAME, **STEPS), [VOLUME, ONES, given((2,))]),
        (Conv3DTranspose(Padding.SAME, **STEPS), [given((5,), T.INT64), ONES, VOLUME]),
        (Conv3DTranspose(Padding.SAME, **STEPS), [given((4,), T.INT32), ONES, VOLUME]),
        (Conv3DTranspose(Padding.SAME, **STEPS), [given((5,), T.INT32), ONES, given((1, 2, 2, 3, 2))]),
    ],
)
def test_refuses(op: Conv3D | Conv3DTranspose, inputs: list[Any]) -> None:
    with pytest.raises(ModelError, match="expected"):
        prepare(op, inputs, [given(())], Profile.REFERENCE)


def test_a_window_that_barely_leaves_the_volume_has_no_outputs() -> None:
    x = np.ones((1, 1, 2, 2, 1), F)
    assert run(Conv3D(Padding.VALID, **STEPS), [given(x.shape), ONES], given(()), Profile.REFERENCE, x).shape[1] == 0
