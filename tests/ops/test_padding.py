"""PAD, PADV2, MIRROR_PAD, STABLEHLO_PAD, DILATE; blocks of space that become batches or channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from stepping import constant, given, plain, prepare, run

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import Op
from qengine.ops.batch_to_space_nd import BatchToSpaceNd
from qengine.ops.depth_to_space import DepthToSpace
from qengine.ops.dilate import Dilate
from qengine.ops.mirror_pad import MirrorPad
from qengine.ops.pad import Pad
from qengine.ops.padv2 import PadV2
from qengine.ops.space_to_batch_nd import SpaceToBatchNd
from qengine.ops.space_to_depth import SpaceToDepth
from qengine.ops.stablehlo_pad import StablehloPad
from qengine.options import MirrorPadMode

T = TensorType
each_profile = pytest.mark.parametrize("profile", Profile)
REFLECT, SYMMETRIC = MirrorPadMode.REFLECT, MirrorPadMode.SYMMETRIC


def refusal(op: Op, *inputs: Any) -> str:
    with pytest.raises(ModelError) as caught:
        plain(op, *inputs)
    return str(caught.value)


# --- PAD, PADV2


@each_profile
@pytest.mark.parametrize(("kind", "zero"), [(T.INT8, -3), (T.UINT8, 200), (T.INT16, 0)])
def test_padding_is_the_zero_point(kind: TensorType, zero: int, profile: Profile) -> None:
    x = given((1, 2), kind, 0.5, zero)
    paddings = constant(np.int32([[0, 1], [2, 0]]))
    got = run(Pad(), [x, paddings], given((), kind, 0.5, zero), profile, np.array([[5, 6]], kind.dtype))
    assert got.tolist() == [[zero, zero, 5, 6], [zero] * 4]


def test_padding_without_a_scale_is_0() -> None:
    assert plain(Pad(), np.array([True]), [[1, 1]]).tolist() == [False, True, False]
    assert plain(Pad(), np.int8([5]), [[1, 1]]).tolist() == [0, 5, 0]


def test_padv2_pads_with_its_value() -> None:
    assert plain(PadV2(), [1.0, 2.0], [[1, 2]], 9.0).tolist() == [9, 1, 2, 9, 9]
    assert "expected one number" in refusal(PadV2(), [1.0], [[1, 2]], [1.0, 2.0])
    inputs = [given((1,), T.INT8, 0.5, 1), constant(np.int32([[1, 1]])), given((), T.INT8, 0.5, 2)]
    with pytest.raises(ModelError, match=r"expected scale 0.5 and zero point 1, got 0.5 and 2"):
        prepare(PadV2(), inputs, [given((), T.INT8, 0.5, 1)], Profile.REFERENCE)


@pytest.mark.parametrize("paddings", [[[-1, 0]], [[2**31 - 1, 2**31 - 1]], [[0, 0], [0, 0]], [0, 0]])
def test_paddings_that_give_no_shape_are_refused(paddings: Any) -> None:
    assert "expected" in refusal(Pad(), [1.0], paddings)


def test_xnnpack_refuses_what_it_claims_and_can_t_pad() -> None:
    x, paddings, output = given((1,), T.INT8, 0.5, 1), constant(np.int32([[1, 1]])), given((), T.INT8, 0.25, 1)
    with pytest.raises(ModelError, match=r"expected scale 0.25"):
        prepare(Pad(), [x, paddings], [output], Profile.XNNPACK)
    assert run(Pad(), [x, paddings], output, Profile.OPTIMIZED, np.int8([7])).tolist() == [1, 7, 1]


# --- MIRROR_PAD


def test_a_mirror_repeats_the_border_or_doesn_t() -> None:
    assert plain(MirrorPad(REFLECT), [1, 2, 3], [[2, 1]]).tolist() == [3, 2, 1, 2, 3, 2]
    assert plain(MirrorPad(SYMMETRIC), [1, 2, 3], [[2, 1]]).tolist() == [2, 1, 1, 2, 3, 3]


@pytest.mark.parametrize(("mode", "most"), [(REFLECT, 2), (SYMMETRIC, 3)])
def test_a_mirror_holds_no_more_than_there_is(mode: MirrorPadMode, most: int) -> None:
    assert plain(MirrorPad(mode), [1, 2, 3], [[most, most]]).size == 3 + 2 * most
    assert f"expected 0 to {most} elements" in refusal(MirrorPad(mode), [1, 2, 3], [[most + 1, 0]])
    assert f"expected 0 to {most} elements" in refusal(MirrorPad(mode), [1, 2, 3], [[0, -1]])


# --- STABLEHLO_PAD, DILATE


def test_stablehlo_pad_pads_between_and_takes_away() -> None:
    def padded(low: int, high: int, between: int) -> list[int]:
        found: list[int] = plain(StablehloPad((low,), (high,), (between,)), [1, 2, 3], 0).tolist()
        return found

    assert padded(1, 2, 1) == [0, 1, 0, 2, 0, 3, 0, 0]
    assert padded(-1, -1, 1) == [0, 2, 0]
    assert padded(-2, 1, 0) == [3, 0]
    assert padded(-9, 7, 0) == [0]
    assert padded(-9, 0, 0) == []


def test_nothing_along_one_dimension_leaves_no_length_at_all() -> None:
    assert plain(StablehloPad((-9, 0), (0, 0), (0, 0)), [[1, 2, 3]], 0).shape == (0, 0)


@drawn(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 3)), min_size=1, max_size=3
    )
)
def test_stablehlo_pad_places_every_element(sides: list[tuple[int, int, int, int]]) -> None:
    shape, low, high, between = (list(part) for part in zip(*sides, strict=True))
    x = np.arange(1, np.prod(shape) + 1, dtype=np.int32).reshape(shape)
    got = plain(StablehloPad(tuple(low), tuple(high), tuple(between)), x, 0)
    if got.size == 0:
        return
    want = np.zeros(got.shape, np.int32)
    for place in np.ndindex(*x.shape):
        there = tuple(p * (step + 1) + before for p, step, before in zip(place, between, low, strict=True))
        if all(0 <= t < n for t, n in zip(there, want.shape, strict=True)):
            want[there] = x[place]
    assert np.array_equal(got, want)


def test_dilate_puts_its_value_between() -> None:
    assert plain(Dilate(), [[1, 2], [3, 4]], [2, 3], 7).tolist() == [[1, 7, 7, 2], [7, 7, 7, 7], [3, 7, 7, 4]]
    assert "expected factors of 1 or more" in refusal(Dilate(), [1, 2], [0], 7)
    assert "expected elements to go apart" in refusal(Dilate(), np.zeros(0, np.int32), [3], 7)


# --- blocks


def test_pixels_a_block_apart_make_a_batch() -> None:
    x = np.arange(1, 7, dtype=np.int32).reshape(1, 2, 3, 1)
    got = plain(SpaceToBatchNd(), x, [2, 2], [[0, 0], [1, 0]])
    assert got.shape == (4, 1, 2, 1)
    assert got.reshape(4, 2).tolist() == [[0, 2], [1, 3], [0, 5], [4, 6]]
    assert np.array_equal(plain(BatchToSpaceNd(), got, [2, 2], [[0, 0], [1, 0]]), x)


@each_profile
def test_blocks_are_padded_with_the_zero_point(profile: Profile) -> None:
    spec = given((1, 1, 1), T.INT8, 0.5, 9)
    inputs = [spec, constant(np.int32([2])), constant(np.int32([[0, 1]]))]
    assert run(SpaceToBatchNd(), inputs, spec, profile, np.int8([[[4]]])).reshape(-1).tolist() == [4, 9]


@drawn(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=2))
def test_batches_go_back_to_where_they_came_from(sides: list[tuple[int, int, int]]) -> None:
    blocks, before, lengths = (np.array(part) for part in zip(*sides, strict=True))
    paddings = np.stack([before, -(lengths + before) % blocks], axis=1).astype(np.int32)
    x = np.arange(4 * lengths.prod(), dtype=np.int32).reshape(2, *lengths, 2)
    there = plain(SpaceToBatchNd(), x, blocks.astype(np.int32), paddings)
    assert np.array_equal(plain(BatchToSpaceNd(), there, blocks.astype(np.int32), paddings), x)


def test_blocks_that_don_t_fit_are_refused() -> None:
    x = np.zeros((1, 3, 1), np.int32)
    assert "in whole blocks of [2]" in refusal(SpaceToBatchNd(), x, [2], [[0, 0]])
    assert "expected blocks of 1 or more" in refusal(SpaceToBatchNd(), x, [0], [[0, 0]])
    assert "expected batches for whole blocks" in refusal(BatchToSpaceNd(), x, [2], [[0, 0]])
    assert "expected crops within" in refusal(BatchToSpaceNd(), x, [1], [[2, 2]])


def test_channels_hold_a_block_s_rows_then_its_columns() -> None:
    x = np.arange(8, dtype=np.int32).reshape(1, 2, 2, 2)
    deep = plain(SpaceToDepth(2), x)
    assert deep.tolist() == [[[[0, 1, 2, 3, 4, 5, 6, 7]]]]
    assert np.array_equal(plain(DepthToSpace(2), deep), x)
    assert "in whole blocks of 3" in refusal(SpaceToDepth(3), x)
    assert "whole blocks of 2 by 2" in refusal(DepthToSpace(2), x)
    assert "expected 4 dimensions" in refusal(SpaceToDepth(2), x[0])
