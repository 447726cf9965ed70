"""AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D."""

from __future__ import annotations

import numpy as np
import pytest
from stepping import given, run

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.average_pool_2d import AveragePool2D
from qengine.ops.l2_pool_2d import L2Pool2D
from qengine.ops.max_pool_2d import MaxPool2D
from qengine.options import ActivationFunctionType as Activation
from qengine.options import Padding

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)


def image(*rows: list[float], dtype: type = np.int8) -> np.ndarray:
    return np.array(rows, dtype)[np.newaxis, ..., np.newaxis]


@each_profile
def test_an_average_is_rounded_to_nearest_ties_away_from_zero(profile: Profile) -> None:
    op = AveragePool2D(Padding.VALID, stride_w=2, stride_h=2, filter_width=2, filter_height=2)
    x = image([1, 2, -1, -2, 7, 7], [3, 4, -3, -4, 7, 8])
    spec = given((1, 2, 6, 1), T.INT8, 0.5, 3)
    assert run(op, [spec], spec, profile, x).ravel().tolist() == [3, -3, 7]


@each_profile
def test_what_lies_outside_the_image_does_not_count(profile: Profile) -> None:
    op = AveragePool2D(Padding.SAME, stride_w=1, stride_h=1, filter_width=3, filter_height=3)
    x = image([9, 9], [9, 9], dtype=np.uint8)
    spec = given((1, 2, 2, 1), T.UINT8, 0.5, 3)
    assert run(op, [spec], spec, profile, x).ravel().tolist() == [9, 9, 9, 9]


@each_profile
def test_a_fused_activation_clamps_in_quantized_numbers(profile: Profile) -> None:
    op = MaxPool2D(Padding.VALID, 1, 1, 1, 1, fused_activation_function=Activation.RELU6)
    spec = given((1, 1, 4, 1), T.INT8, 0.1, -10)
    assert run(op, [spec], spec, profile, image([-128, -9, 49, 127])).ravel().tolist() == [-10, -9, 49, 50]


@each_profile
def test_l2_is_the_root_of_the_mean_square(profile: Profile) -> None:
    op = L2Pool2D(Padding.VALID, 2, 1, 2, 1)
    spec = given((1, 1, 4, 1))
    assert run(op, [spec], spec, profile, image([3, 4, 0, -2], dtype=np.float32)).ravel().tolist() == pytest.approx(
        [12.5**0.5, 2**0.5]
    )


@each_profile
@pytest.mark.parametrize("kind", [T.INT8, T.UINT8, T.INT16, T.FLOAT32])
def test_the_largest_of_every_window_is_found_wherever_it_is(profile: Profile, kind: TensorType) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(-100, 100, (2, 7, 6, 5)).astype(kind.dtype)
    op = MaxPool2D(Padding.SAME, stride_w=2, stride_h=3, filter_width=3, filter_height=4)
    spec = given(x.shape, kind, None if kind is T.FLOAT32 else 0.1)
    got = run(op, [spec], spec, profile, x)
    padded = np.full((2, 7 + 3, 6 + 2, 5), x.min(), x.dtype)
    padded[:, 1:8, 0:6] = x  # rows need 1 + 2 more, columns 0 + 1
    want = [[padded[:, i : i + 4, j : j + 3].max((1, 2)) for j in (0, 2, 4)] for i in (0, 3, 6)]
    assert np.array_equal(got, np.moveaxis(np.array(want), 2, 0))


def test_nan_and_infinity_go_the_way_of_each_kernel_set() -> None:
    op = AveragePool2D(Padding.VALID, 1, 1, 2, 1)
    spec = given((1, 1, 3, 1))
    x = image([np.inf, np.inf, np.nan], dtype=np.float32)
    largest = np.finfo(np.float32).max
    assert np.array_equal(run(op, [spec], spec, Profile.REFERENCE, x).ravel(), [largest, np.nan], equal_nan=True)
    assert run(op, [spec], spec, Profile.XNNPACK, x).ravel().tolist() == [np.inf, -np.inf]


def test_a_window_wider_than_the_image_by_two_strides_empties_both_dimensions() -> None:
    op = AveragePool2D(Padding.VALID, stride_w=1, stride_h=1, filter_width=4, filter_height=1)
    spec = given((1, 5, 2, 3), T.INT8, 0.1)
    x = np.zeros((1, 5, 2, 3), np.int8)
    assert run(op, [spec], spec, Profile.REFERENCE, x).shape == (1, 0, 0, 3)


def test_xnnpack_pools_only_from_a_quantization_to_the_same() -> None:
    op = MaxPool2D(Padding.VALID, 2, 2, 2, 2)
    x, y = given((1, 2, 2, 1), T.INT8, 0.5, 3), given((1, 1, 1, 1), T.INT8, 0.25, 3)
    values = image([1, 2], [3, 4])
    assert run(op, [x], y, Profile.OPTIMIZED, values).ravel().tolist() == [4]
    with pytest.raises(ModelError, match=r"expected scale and zero point .* - at `outputs\[0\]`"):
        run(op, [x], y, Profile.XNNPACK, values)


@pytest.mark.parametrize(
    ("op", "spec", "error"),
    [
        (AveragePool2D(Padding.VALID, 0, 1, 2, 2), given((1, 4, 4, 1)), ModelError),
        (AveragePool2D(Padding.VALID, 1, 1, 0, 2), given((1, 4, 4, 1)), ModelError),
        (AveragePool2D(Padding.VALID, 1, 1, 2, 2), given((4, 4, 1)), ModelError),
        (MaxPool2D(Padding.VALID, 1, 1, 2, 2), given((1, 4, 4, 1), T.INT32), Unsupported),
        (L2Pool2D(Padding.VALID, 1, 1, 2, 2), given((1, 4, 4, 1), T.INT8, 0.1), Unsupported),
    ],
)
def test_what_no_kernel_set_takes_is_refused(op: MaxPool2D, spec: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        run(op, [spec], spec, Profile.REFERENCE)
