"""CONCATENATION, PACK, UNPACK, SPLIT, SPLIT_V, SLICE, STRIDED_SLICE, DYNAMIC_UPDATE_SLICE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from stepping import NoGraphs, constant, given, plain, prepare, run, run_many

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import DYNAMIC, Op, Specs
from qengine.ops.concatenation import Concatenation
from qengine.ops.dynamic_update_slice import DynamicUpdateSlice
from qengine.ops.pack import Pack
from qengine.ops.slice import Slice
from qengine.ops.split import Split
from qengine.ops.split_v import SplitV
from qengine.ops.strided_slice import StridedSlice
from qengine.ops.unpack import Unpack
from qengine.options import ActivationFunctionType

T = TensorType
X = np.arange(24, dtype=np.int32).reshape(2, 3, 4)


def refusal(op: Op, *inputs: Any) -> str:
    with pytest.raises(ModelError) as caught:
        plain(op, *inputs)
    return str(caught.value)


def pieces(op: Op, *inputs: Any) -> list[Any]:
    specs = [constant(np.asarray(part, np.int32)) for part in inputs]
    count = op.num if isinstance(op, Unpack) else op.num_splits  # type: ignore[attr-defined]
    return [part.tolist() for part in run_many(op, specs, [given((), T.INT32)] * count)]


# --- CONCATENATION, PACK


def test_concatenation_joins_along_its_axis() -> None:
    assert plain(Concatenation(axis=-1), [[1, 2], [5, 6]], [[3], [7]]).tolist() == [[1, 2, 3], [5, 6, 7]]
    assert "expected a shape like [2, 3, 4] but for axis 0, got [2, 3, 5]" in refusal(
        Concatenation(), X, np.zeros((2, 3, 5), np.int32)
    )
    assert "expected INT32, got FLOAT32" in refusal(Concatenation(), [1], [1.0])


def test_constants_without_dimensions_become_a_vector() -> None:
    assert plain(Concatenation(), 3, 5, 7).tolist() == [3, 5, 7]
    with pytest.raises(ModelError):
        run(Concatenation(), [given(()), given(())], given(()), Profile.REFERENCE, np.float32(1), np.float32(2))


def test_uint8_of_another_scale_is_rescaled_ties_away_from_zero() -> None:
    finer, output = given((1, 3), T.UINT8, 0.25, 10), given((), T.UINT8, 0.5, 100)
    x = np.array([[9, 10, 13]], np.uint8)  # real -0.25, 0, 0.75: -0.5, 0, 1.5 steps of the output
    got = run(Concatenation(axis=1), [finer, given((1, 1), T.UINT8, 0.5, 100)], output, Profile.XNNPACK, x, x[:, :1])
    assert got.tolist() == [[99, 100, 102, 9]]


@pytest.mark.parametrize("kind", [T.INT8, T.INT16])
def test_signed_integers_of_another_scale_are_refused(kind: TensorType) -> None:
    inputs = [given((1,), kind, 0.5, 3), given((1,), kind, 0.25, 3)]
    with pytest.raises(ModelError, match=r"expected scale|expected zero points of 0"):
        prepare(Concatenation(), inputs, [given((), kind, 0.5, 3)], Profile.OPTIMIZED)


def test_a_fused_activation_is_refused_where_it_isn_t_overlooked() -> None:
    op, inputs = Concatenation(0, ActivationFunctionType.RELU), [given((1,)), given((1,))]
    with pytest.raises(ModelError, match="expected no fused activation, got RELU"):
        prepare(op, inputs, [given(())], Profile.OPTIMIZED)
    assert run(op, inputs, given(()), Profile.XNNPACK, np.float32([-1]), np.float32([1])).tolist() == [-1, 1]


def test_pack_makes_a_dimension_and_unpack_takes_it_apart() -> None:
    assert plain(Pack(2, axis=-1), [1, 2], [3, 4]).tolist() == [[1, 3], [2, 4]]
    assert pieces(Unpack(2, axis=-1), [[1, 3], [2, 4]]) == [[1, 2], [3, 4]]
    assert "expected 3 inputs, got 2" in refusal(Pack(3), [1], [2])
    assert "expected shape [1], got [2]" in refusal(Pack(2), [1], [2, 3])
    with pytest.raises(ModelError, match="expected 3 slices along axis 0"):
        pieces(Unpack(3), [[1, 3], [2, 4]])


# --- SPLIT, SPLIT_V


def test_split_cuts_into_equal_pieces() -> None:
    assert pieces(Split(2), 1, [[1, 2, 3, 4]]) == [[[1, 2]], [[3, 4]]]
    with pytest.raises(ModelError, match="expected a length that 3 pieces share, got 4"):
        pieces(Split(3), 1, [[1, 2, 3, 4]])
    with pytest.raises(ModelError, match="expected an axis"):
        pieces(Split(2), 2, [[1, 2, 3, 4]])


def test_split_v_computes_the_length_left_open() -> None:
    assert pieces(SplitV(3), [1, 2, 3, 4, 5], [1, -1, 1], 0) == [[1], [2, 3, 4], [5]]
    for lengths in ([1, 1, 1], [-1, -1, 1], [9, -1, 1]):
        with pytest.raises(ModelError, match="expected lengths that sum to 5"):
            pieces(SplitV(3), [1, 2, 3, 4, 5], lengths, 0)


@drawn(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 2))
def test_what_was_split_is_joined_again(lengths: list[int], axis: int) -> None:
    shape = [2, 3, 2]
    shape[axis] = sum(lengths)
    x = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    specs = [constant(x), constant(np.int32(lengths)), constant(np.int32(axis))]
    parts = run_many(SplitV(len(lengths)), specs, [given((), T.INT32)] * len(lengths))
    assert np.array_equal(plain(Concatenation(axis), *parts), x)


# --- SLICE, DYNAMIC_UPDATE_SLICE


def test_slice_takes_so_many_from_there_on() -> None:
    assert plain(Slice(), X, [1, 0, 2], [1, -1, 2]).tolist() == [[[14, 15], [18, 19], [22, 23]]]
    for begin, size in (
        ([0, 0, -1], [1, 1, 1]),
        ([0, 0, 0], [3, 1, 1]),
        ([0, 0, 0], [-2, 1, 1]),
        ([0, 0, 5], [1, 1, -1]),
    ):
        assert "expected a part of" in refusal(Slice(), X, begin, size)


def test_a_slice_of_known_size_has_a_known_shape_wherever_it_begins() -> None:
    def shapes(size: list[int]) -> Any:
        inputs = (given((5, 4)), given((2,), T.INT32), constant(np.int32(size)))
        return Slice().infer(Specs(inputs, (given(()),)), NoGraphs())

    assert shapes([2, 4]) == [(2, 4)]
    assert shapes([-1, 4]) is DYNAMIC


def test_an_update_moves_until_it_fits() -> None:
    assert plain(DynamicUpdateSlice(), [0, 0, 0, 0], [7, 8], [1]).tolist() == [0, 7, 8, 0]
    assert plain(DynamicUpdateSlice(), [0, 0, 0, 0], [7, 8], [9]).tolist() == [0, 0, 7, 8]
    assert plain(DynamicUpdateSlice(), [0, 0, 0, 0], [7, 8], [-9]).tolist() == [7, 8, 0, 0]
    assert "expected a part of [2]" in refusal(DynamicUpdateSlice(), [0, 0], [1, 2, 3], [0])


# --- STRIDED_SLICE


def strided(op: StridedSlice, x: Any, begin: Any, end: Any, strides: Any) -> Any:
    return plain(op, x, begin, end, strides).tolist()


def test_strides_go_forwards_and_backwards() -> None:
    line = [0, 1, 2, 3, 4, 5]
    assert strided(StridedSlice(), line, [1], [5], [2]) == [1, 3]
    assert strided(StridedSlice(), line, [-2], [-6], [-1]) == [4, 3, 2, 1]
    assert strided(StridedSlice(begin_mask=1, end_mask=1), line, [3], [3], [-2]) == [5, 3, 1]
    assert strided(StridedSlice(), line, [-99], [99], [3]) == [0, 3]
    assert strided(StridedSlice(), line, [4], [2], [1]) == []


def test_masks_name_the_numbers_not_the_dimensions() -> None:
    # x[..., newaxis, 1]: two dimensions by the ellipsis, a new one, one dropped
    op = StridedSlice(ellipsis_mask=1, new_axis_mask=2, shrink_axis_mask=4)
    assert np.array_equal(strided(op, X, [0, 0, 1], [0, 0, 0], [1, 1, 1]), X[..., np.newaxis, 1])
    # x[1:]: what isn't named is taken whole
    assert np.array_equal(strided(StridedSlice(end_mask=1), X, [1], [0], [1]), X[1:])


def test_an_offset_counts_the_end_from_the_begin() -> None:
    assert strided(StridedSlice(offset=True), [0, 1, 2, 3, 4, 5], [2], [3], [1]) == [2, 3, 4]
    with pytest.raises(ModelError, match="expected 9 elements from 2 within 6, got fewer"):
        strided(StridedSlice(offset=True), [0, 1, 2, 3, 4, 5], [2], [9], [1])


@drawn(st.data())
def test_a_strided_slice_is_numpy_s(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    x = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    bound = st.one_of(st.none(), st.integers(-6, 6))
    cuts = [slice(data.draw(bound), data.draw(bound), data.draw(st.sampled_from([1, 1, 2, 3, -1, -2]))) for _ in shape]
    op = StridedSlice(
        begin_mask=sum(1 << i for i, cut in enumerate(cuts) if cut.start is None),
        end_mask=sum(1 << i for i, cut in enumerate(cuts) if cut.stop is None),
    )
    bounds = [[getattr(cut, part) or 0 for cut in cuts] for part in ("start", "stop", "step")]
    assert np.array_equal(plain(op, x, *bounds), x[tuple(cuts)])


def test_an_element_that_isn_t_there_can_t_be_taken() -> None:
    # The runtime leaves the output as it was.
    for begin, stride in ((4, 1), (0, -1)):
        with pytest.raises(ModelError, match="expected one element of 3 going forwards"):
            strided(StridedSlice(shrink_axis_mask=1), [1, 2, 3], [begin], [0], [stride])


@pytest.mark.parametrize("stride", [0, -(2**31)])
def test_strides_that_lead_nowhere_are_refused(stride: int) -> None:
    with pytest.raises(ModelError, match="expected strides"):
        strided(StridedSlice(), [1, 2, 3], [0], [3], [stride])


def test_bounds_of_another_length_are_refused() -> None:
    assert "expected 1 numbers, got 2" in refusal(StridedSlice(), [1, 2, 3], [0], [1, 2], [1])
