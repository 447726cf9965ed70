"""MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, REDUCE_ANY, REDUCE_ALL."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as draws
from hypothesis import settings
from hypothesis import strategies as st
from stepping import constant, given, prepare, run

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import DYNAMIC, Specs
from qengine.ops.mean import Mean
from qengine.ops.reduce_all import ReduceAll
from qengine.ops.reduce_any import ReduceAny
from qengine.ops.reduce_max import ReduceMax
from qengine.ops.reduce_min import ReduceMin
from qengine.ops.reduce_prod import ReduceProd
from qengine.ops.sum import Sum

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)


def axes(*numbers: int) -> Any:
    return constant(np.array(numbers, np.int32))


@each_profile
def test_means_of_real_numbers(profile: Profile) -> None:
    x = np.array([[1, 2, 6], [3, 4, 2]], np.float32)
    spec = given(x.shape)
    assert run(Mean(), [spec, axes(1)], given(()), profile, x).tolist() == [3, 3]
    assert run(Mean(), [spec, axes(-2)], given(()), profile, x).tolist() == [2, 3, 4]
    assert run(Mean(keep_dims=True), [spec, axes(0, 1, -1)], given(()), profile, x).tolist() == [[3]]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [(Profile.REFERENCE, [-3, -2, 1, 2]), (Profile.OPTIMIZED, [-2, -1, 1, 2]), (Profile.XNNPACK, [-2, -2, 0, 2])],
)
def test_ties_of_a_mean_over_an_image_go_each_kernel_sets_way(profile: Profile, expected: list[int]) -> None:
    """Means -2.5, -1.5, 0.5, 1.5: away from zero, up, to even."""
    x = np.array([[-3, -2] * 2, [-2, -1] * 2, [0, 1] * 2, [1, 2] * 2], np.int8).T.reshape(1, 2, 2, 4).repeat(4, axis=3)
    spec = given(x.shape, T.INT8, 0.5)
    got = run(Mean(keep_dims=True), [spec, axes(1, 2)], given((), T.INT8, 0.5), profile, x)
    assert got.shape == (1, 1, 1, 16)
    assert got.ravel()[::4].tolist() == expected


def test_the_vector_kernel_of_means_ends_with_the_last_whole_16_channels() -> None:
    x = np.array([-3, -2] * 2, np.int8).reshape(1, 2, 2, 1).repeat(19, axis=3)
    spec = given(x.shape, T.INT8, 0.5)
    got = run(Mean(keep_dims=True), [spec, axes(2, 1)], given((), T.INT8, 0.5), Profile.OPTIMIZED, x)
    assert got.ravel().tolist() == [-2] * 16 + [-3] * 3


@each_profile
def test_means_of_plain_integers_are_truncated(profile: Profile) -> None:
    x = np.array([[-7, 2**31 - 1], [2, 2**31 - 1]], np.int32)
    assert run(Mean(), [given(x.shape, T.INT32), axes(0)], given((), T.INT32), profile, x).tolist() == [-2, 2**31 - 1]


@each_profile
def test_sums_of_plain_integers_wrap(profile: Profile) -> None:
    x = np.array([2**31 - 1, 2], np.int32)
    assert run(Sum(), [given((2,), T.INT32), axes(0)], given((), T.INT32), profile, x) == -(2**31) + 1


def test_the_reference_sum_reads_int8_as_uint8() -> None:
    x = np.array([-1, -2, 3], np.int8)
    spec, output = given((3,), T.INT8, 0.5), given((), T.INT8, 0.5)
    assert run(Sum(), [spec, axes(0)], output, Profile.OPTIMIZED, x) == 0
    assert run(Sum(), [spec, axes(0)], output, Profile.REFERENCE, x).view(np.uint8) == min(255 + 254 + 3, 255)
    with pytest.raises(Unsupported, match="INT16"):
        run(Sum(), [given((3,), T.INT16, 0.5), axes(0)], given((), T.INT16, 0.5), Profile.REFERENCE, x)


@each_profile
def test_a_quantized_product_is_rescaled_after_every_factor(profile: Profile) -> None:
    x = np.array([10, 20, 40], np.int8)  # 5 * 10 * 20 = 1000 = 100 * 10
    got = run(ReduceProd(), [given((3,), T.INT8, 0.5), axes(0)], given((), T.INT8, 10.0, -7), profile, x)
    assert got == 99 - 7  # the multiplier is cut to 16 bits


def test_the_optimized_product_over_one_element_is_not_rescaled() -> None:
    x = np.array([[10], [20]], np.int8)
    spec, output = given((2, 1), T.INT8, 0.5), given((), T.INT8, 0.25)
    assert run(ReduceProd(), [spec, axes(1)], output, Profile.OPTIMIZED, x).tolist() == [10, 20]
    assert run(ReduceProd(), [spec, axes(1)], output, Profile.REFERENCE, x).tolist() == [20, 40]


@each_profile
def test_any_and_all(profile: Profile) -> None:
    x = np.array([[True, False], [True, True], [False, False]])
    spec, output = given(x.shape, T.BOOL), given((), T.BOOL)
    assert run(ReduceAny(), [spec, axes(1)], output, profile, x).tolist() == [True, True, False]
    assert run(ReduceAll(), [spec, axes(1)], output, profile, x).tolist() == [False, True, False]


def test_nan_in_a_search_for_the_largest() -> None:
    x = np.array([[np.nan, 5, 1], [7, np.nan, 2], [1, 2, np.nan]], np.float32)
    spec, output = given(x.shape), given(())
    found = {
        profile: run(ReduceMax(), [spec, axes(1)], output, profile, x)
        for profile in (Profile.REFERENCE, Profile.OPTIMIZED)
    }
    assert found[Profile.REFERENCE].tolist() == [5, 7, 2]
    assert np.array_equal(found[Profile.OPTIMIZED], [5, 2, np.nan], equal_nan=True)
    assert np.isnan(run(ReduceMax(), [spec, axes(0, 1)], output, Profile.REFERENCE, x))


def test_the_reference_search_begins_with_the_smallest_finite_number() -> None:
    x = np.full((2, 2), -np.inf, np.float32)
    spec = given(x.shape)
    assert run(ReduceMax(), [spec, axes(1)], given(()), Profile.REFERENCE, x).tolist() == [np.finfo(np.float32).min] * 2
    assert run(ReduceMax(), [spec, axes(0, 1)], given(()), Profile.REFERENCE, x) == -np.inf


@pytest.mark.parametrize(
    ("op", "kind", "expected"),
    [
        (Mean(), T.FLOAT32, [np.nan] * 2),
        (Mean(), T.INT8, [0, 0]),
        (Sum(), T.FLOAT32, [0, 0]),
        (ReduceProd(), T.INT32, [1, 1]),
        (ReduceMax(), T.INT32, [-(2**31)] * 2),
        (ReduceMin(), T.INT16, [32767] * 2),
        (ReduceAll(), T.BOOL, [True, True]),
        (ReduceAny(), T.BOOL, [False, False]),
    ],
)
def test_reductions_of_nothing(op: Any, kind: TensorType, expected: list[Any]) -> None:
    scale = 0.5 if kind in (T.INT8, T.INT16) else None
    x = np.zeros((2, 0), kind.dtype)
    got = run(op, [given((2, 0), kind, scale), axes(1)], given((), kind, scale), Profile.REFERENCE, x)
    assert np.array_equal(got, expected, equal_nan=kind is T.FLOAT32)


@each_profile
def test_axes_that_come_only_while_running(profile: Profile) -> None:
    x = np.arange(24, dtype=np.int8).reshape(2, 3, 4)
    spec = given(x.shape, T.INT8, 0.5)
    inputs, output = [spec, given((1,), T.INT32)], given((), T.INT8, 0.5)
    assert ReduceMax().infer(Specs(tuple(inputs), (output,)), None) is DYNAMIC  # type: ignore[arg-type]
    step = prepare(ReduceMax(), inputs, [output], profile)
    assert step.run(x, np.array([-1], np.int32)).tolist() == [[3, 7, 11], [15, 19, 23]]
    with pytest.raises(ModelError, match="expected an axis from -3 to 2, got 3"):
        step.run(x, np.array([3], np.int32))


@settings(max_examples=60, deadline=None)
@draws(data=st.data())
def test_extremes_are_those_of_numpy(data: Any) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    chosen = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=len(shape)))
    kind = data.draw(st.sampled_from([T.FLOAT32, T.INT8, T.UINT8, T.INT16, T.INT32, T.INT64]))
    keep = data.draw(st.booleans())
    x = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 100, shape).astype(kind.dtype)
    numbers = tuple({axis % len(shape) for axis in chosen})
    for op, ufunc in ((ReduceMax(keep), np.maximum), (ReduceMin(keep), np.minimum)):
        for profile in Profile:
            got = run(op, [given(shape, kind), axes(*chosen)], given((), kind), profile, x)
            assert np.array_equal(got, ufunc.reduce(x, axis=numbers, keepdims=keep))


@pytest.mark.parametrize(
    ("op", "inputs", "output", "message"),
    [
        (Mean(), [given((2,)), constant(np.array([0], np.int64))], given(()), "expected INT32, got INT64"),
        (Mean(), [given((2,)), axes(1)], given(()), "expected an axis from -1 to 0, got 1"),
        (Mean(), [given((2,), T.INT8), axes(0)], given((), T.INT8, 0.5), "expected a scale"),
        (Sum(), [given((2,)), axes(0)], given((), T.INT8, 0.5), "expected FLOAT32 as of the input, got INT8"),
        (Sum(), [given((2,), T.INT16, 0.5, 1), axes(0)], given((), T.INT16, 0.5), "expected zero point 0 with INT16"),
        (ReduceMax(), [given((2,), T.INT8, 0.5), axes(0)], given((), T.INT8, 0.4), "expected scale and zero point"),
        (ReduceProd(), [given((2,), T.UINT8, 0.5), axes(0)], given((), T.UINT8, 0.5), "expected INT8 or INT16"),
        (ReduceAny(), [given((2,)), axes(0)], given(()), "expected one of BOOL, got FLOAT32"),
    ],
)
def test_what_the_runtime_refuses_is_refused(op: Any, inputs: list[Any], output: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepare(op, inputs, [output], Profile.REFERENCE)
