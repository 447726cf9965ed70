"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare, run

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.kernels.reference.resize import Centers, nearest, nearest_fixed_point, places_fixed_point
from qengine.model import TensorType
from qengine.op import DYNAMIC, Specs
from qengine.ops.resize_bilinear import ResizeBilinear
from qengine.ops.resize_nearest_neighbor import ResizeNearestNeighbor

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)


def size(height: int, width: int) -> Any:
    return constant(np.array([height, width], np.int32))


def row(*pixels: float, dtype: Any = np.float32) -> np.ndarray:
    return np.array(pixels, dtype).reshape(1, 1, -1, 1)


@each_profile
@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (ResizeBilinear(), [0, 2, 4, 4]),
        (ResizeBilinear(align_corners=True), [0, 4 / 3, 8 / 3, 4]),
        (ResizeBilinear(half_pixel_centers=True), [0, 1, 3, 4]),
    ],
)
def test_two_pixels_become_four(profile: Profile, op: ResizeBilinear, expected: list[float]) -> None:
    got = run(op, [given((1, 1, 2, 1)), size(1, 4)], given(()), profile, row(0, 4))
    assert got.ravel().tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kind", "ends", "profile", "middle"),
    [
        (T.INT8, (-3, 0), Profile.REFERENCE, -2),  # away from zero
        (T.INT8, (-3, 0), Profile.XNNPACK, -1),  # up
        (T.UINT8, (252, 255), Profile.REFERENCE, 254),
        (T.UINT8, (252, 255), Profile.XNNPACK, 254),
    ],
)
def test_half_way_between_two_integers(kind: TensorType, ends: tuple[int, int], profile: Profile, middle: int) -> None:
    x = row(*ends, dtype=kind.dtype)
    got = run(
        ResizeBilinear(align_corners=True), [given(x.shape, kind, 0.5), size(1, 3)], given((), kind, 0.5), profile, x
    )
    assert got.ravel().tolist() == [ends[0], middle, ends[1]]


@each_profile
@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (ResizeNearestNeighbor(), [1, 1, 2, 2, 3]),
        (ResizeNearestNeighbor(align_corners=True), [1, 2, 2, 3, 3]),
        (ResizeNearestNeighbor(half_pixel_centers=True), [1, 1, 2, 3, 3]),
    ],
)
def test_the_nearest_of_three_pixels(profile: Profile, op: ResizeNearestNeighbor, expected: list[int]) -> None:
    for kind in (T.INT8, T.INT16, T.FLOAT32):
        x = row(1, 2, 3, dtype=kind.dtype)
        got = run(op, [given(x.shape, kind), size(1, 5)], given((), kind), profile, x)
        assert got.ravel().tolist() == expected


def test_fixed_point_and_float_disagree_about_some_places() -> None:
    """Bytes and wider types of one image can be resized differently by the optimized kernels."""
    differing = [
        (length, output)
        for length in range(1, 40)
        for output in range(1, 120)
        if (nearest(length, output, Centers()) != nearest_fixed_point(length, output)).any()
    ]
    assert differing


@each_profile
def test_a_size_that_comes_only_while_running(profile: Profile) -> None:
    spec, output = given((1, 1, 2, 1), T.INT8, 0.5), given((), T.INT8, 0.5)
    inputs = [spec, given((2,), T.INT32)]
    assert ResizeBilinear().infer(Specs(tuple(inputs), (output,)), None) is DYNAMIC  # type: ignore[arg-type]
    step = prepare(ResizeBilinear(), inputs, [output], profile)
    x = row(0, 8, dtype=np.int8)
    assert step.run(x, np.array([2, 4], np.int32)).tolist() == [[[[0], [4], [8], [8]]] * 2]
    with pytest.raises(ModelError, match="expected a size of 1 by 1 or more, got 0 by 4"):
        step.run(x, np.array([0, 4], np.int32))
    with pytest.raises(RuntimeError, match="expected an image of at most"):
        step.run(x, np.array([2**31 - 1, 2**31 - 1], np.int32))


def test_a_fixed_point_scale_that_leaves_the_image_is_refused() -> None:
    """The runtime reads behind its input there."""
    assert places_fixed_point(100, 400, Centers()).before[-1] == 99
    with pytest.raises(ValueError, match="expected positions within 100 pixels, got 101"):
        places_fixed_point(100, 4000, Centers())


@pytest.mark.parametrize(
    ("op", "inputs", "output", "error"),
    [
        (ResizeBilinear(), [given((1, 2, 2)), size(4, 4)], given(()), ModelError),
        (ResizeBilinear(), [given((1, 2, 2, 1)), constant(np.array([4, 4], np.int64))], given(()), ModelError),
        (ResizeBilinear(), [given((1, 2, 2, 1)), constant(np.array([4], np.int32))], given(()), ModelError),
        (ResizeBilinear(), [given((1, 2, 2, 1)), size(-4, 4)], given(()), ModelError),
        (ResizeBilinear(True, True), [given((1, 2, 2, 1)), size(4, 4)], given(()), ModelError),
        (ResizeBilinear(), [given((1, 2, 2, 1), T.INT32), size(4, 4)], given((), T.INT32), Unsupported),
        (ResizeNearestNeighbor(), [given((1, 2, 2, 1), T.INT64), size(4, 4)], given((), T.INT64), Unsupported),
    ],
)
def test_what_the_runtime_refuses_is_refused(op: Any, inputs: list[Any], output: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        prepare(op, inputs, [output], Profile.REFERENCE)


def test_xnnpack_resizes_only_to_the_same_quantization() -> None:
    x, output = given((1, 1, 2, 1), T.INT8, 0.5), given((), T.INT8, 0.25)
    with pytest.raises(ModelError, match="expected the scale and zero point of the input"):
        prepare(ResizeBilinear(), [x, size(1, 4)], [output], Profile.XNNPACK)


@pytest.mark.parametrize("profile", [Profile.OPTIMIZED, Profile.REFERENCE])
def test_positions_beyond_the_image_where_the_runtime_reads_what_is_not_there_are_refused(profile: Profile) -> None:
    """Both ways of placing at once, which the runtime lets pass where the size comes while running."""
    op = ResizeBilinear(align_corners=True, half_pixel_centers=True)
    x = np.zeros((1, 4, 4, 1), np.float32)
    with pytest.raises(RuntimeError, match="within 4 pixels"):
        run(op, [given(x.shape), given((2,), T.INT32)], given(()), profile, x, np.array([2, 2], np.int32))
