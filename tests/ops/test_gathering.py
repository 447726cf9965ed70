"""GATHER, GATHER_ND, STABLEHLO_GATHER, EMBEDDING_LOOKUP, HASHTABLE_LOOKUP, ONE_HOT, SELECT, SELECT_V2, WHERE."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from stepping import constant, given, plain, prepare, run, run_many

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.kernels.reference.movement import gather
from qengine.model import Blockwise, Quantization, TensorType
from qengine.op import Op
from qengine.ops.embedding_lookup import EmbeddingLookup
from qengine.ops.gather import Gather
from qengine.ops.gather_nd import GatherNd
from qengine.ops.hashtable_lookup import HashtableLookup
from qengine.ops.one_hot import OneHot
from qengine.ops.select import Select
from qengine.ops.select_v2 import SelectV2
from qengine.ops.stablehlo_gather import StablehloGather
from qengine.ops.where import Where

T = TensorType
X = np.arange(24, dtype=np.int32).reshape(2, 3, 4)


def refusal(op: Op, *inputs: Any, type: TensorType | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        plain(op, *inputs, type=type)
    return str(caught.value)


# --- GATHER, GATHER_ND, STABLEHLO_GATHER


def test_gather_takes_slices_along_its_axis() -> None:
    assert plain(Gather(), [[1, 2], [3, 4]], [1, 1, 0]).tolist() == [[3, 4], [3, 4], [1, 2]]
    assert plain(Gather(axis=-1), [[1, 2], [3, 4]], [[1]]).tolist() == [[[2]], [[4]]]
    assert plain(Gather(), X, 1).tolist() == X[1].tolist()


def test_batch_dimensions_go_together() -> None:
    assert plain(Gather(axis=1, batch_dims=1), [[1, 2], [3, 4]], [[1], [0]]).tolist() == [[2], [3]]
    assert "expected a shape from [2]" in refusal(Gather(1, 1), [[1, 2], [3, 4]], [[1], [0], [0]])
    assert "expected at most 0 batch dimensions" in refusal(Gather(0, 1), [[1, 2], [3, 4]], [1])


@drawn(st.data())
def test_gather_in_batches_is_gather_for_each(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    axis = data.draw(st.integers(0, len(shape) - 1))
    batch = data.draw(st.integers(0, axis))
    x = np.arange(np.prod(shape)).reshape(shape)
    counts = [*shape[:batch], *data.draw(st.lists(st.integers(1, 3), max_size=2))]
    numbers = st.lists(st.integers(0, shape[axis] - 1), min_size=int(np.prod(counts)), max_size=int(np.prod(counts)))
    positions = np.array(data.draw(numbers)).reshape(counts)
    got = gather(x, positions, axis, batch)
    for place in np.ndindex(*shape[:batch]):
        assert np.array_equal(got[place], np.take(x[place], positions[place], axis - batch))


@pytest.mark.parametrize("position", [-1, 3])
def test_a_position_outside_is_refused_while_running(position: int) -> None:
    inputs = [given((2, 3)), given((1,), T.INT32)]
    with pytest.raises(ModelError, match=r"expected positions from 0 to 2, got .* - at `inputs\[1\]`"):
        run(Gather(axis=1), inputs, given(()), Profile.REFERENCE, np.zeros((2, 3), np.float32), np.int32([position]))


def test_gather_nd_takes_elements_and_slices() -> None:
    assert plain(GatherNd(), X, [[0, 1], [1, 2]]).tolist() == [X[0, 1].tolist(), X[1, 2].tolist()]
    assert plain(GatherNd(), X, [1, 2, 3]).tolist() == 23
    assert plain(GatherNd(), [5, 6], np.zeros((2, 0), np.int32)).tolist() == [[5, 6], [5, 6]]
    assert "expected coordinates within [2, 3]" in refusal(GatherNd(), X, [[0, 3]])
    assert "expected coordinates within [2, 3]" in refusal(GatherNd(), X, [[-1, 0]])
    assert "expected elements to choose from" in refusal(GatherNd(), np.zeros((0, 2), np.int32), [[0]])
    assert "at most as many coordinates" in refusal(GatherNd(), [1, 2], [[0, 0]])


def test_stablehlo_gather_moves_windows_until_they_fit() -> None:
    op = StablehloGather(
        offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(1, 0), index_vector_dim=1, slice_sizes=(1, 2)
    )
    x = [[1, 2, 3], [4, 5, 6]]
    # vectors are (column, row)
    assert plain(op, x, [[0, 0], [1, 1], [9, 1], [-5, -5]]).tolist() == [[1, 2], [5, 6], [5, 6], [1, 2]]
    assert "expected vectors of 2 numbers" in refusal(op, x, [[0], [1]])
    assert "expected slice_sizes within [2, 1]" in refusal(op, [[1], [4]], [[0, 0]])
    assert "expected an index_vector_dim" in refusal(replace(op, index_vector_dim=2), x, [[0, 0]])
    assert "expected 1 offset_dims" in refusal(replace(op, offset_dims=()), x, [[0, 0]])


# --- EMBEDDING_LOOKUP, HASHTABLE_LOOKUP


def test_rows_are_looked_up() -> None:
    assert plain(EmbeddingLookup(), [2, 0], [[1.0], [2.0], [3.0]], type=T.FLOAT32).tolist() == [[3], [1]]
    assert "expected ids from 0 to 2, got 3 to 3" in refusal(
        EmbeddingLookup(), [3], [[1.0], [2.0], [3.0]], type=T.FLOAT32
    )


def embedded(table: Any, type: TensorType, output: TensorType = T.FLOAT32, **more: Any) -> Any:
    values = replace(constant(table, type), **more)
    return run(EmbeddingLookup(), [constant(np.int32([1])), values], given((), output), Profile.REFERENCE)


def test_rows_of_few_bits_are_multiplied_by_their_scale() -> None:
    table = np.int8([[1, -2], [3, -4]])
    assert embedded(table, T.INT8, quantization=Quantization.of(0.5)).tolist() == [[1.5, -2]]
    assert embedded(table, T.INT8, T.FLOAT16, quantization=Quantization.of([0.5, 0.25])).tolist() == [[0.75, -1]]
    assert embedded(table.view(np.uint8), T.UINT8, quantization=Quantization.of(0.5)).tolist() == [[1.5, -2]]
    blocks = Quantization(details=Blockwise(5, -1, 1))
    scales = np.float16([[1, 1], [0.5, 2]])
    assert embedded(table, T.INT4, quantization=blocks, block_scale=scales).tolist() == [[1.5, -8]]


def test_an_odd_row_of_4_bits_begins_with_the_byte_it_shares() -> None:
    # Row 1 is elements 3 to 5 of the table; the runtime begins at the byte of element 2.
    assert embedded(np.int8([[1, 2, 3], [4, 5, 6]]), T.INT4, quantization=Quantization.of(1.0)).tolist() == [[3, 4, 5]]


def test_scales_that_don_t_fit_rows_are_refused() -> None:
    with pytest.raises(ModelError, match="expected a zero point of 0"):
        embedded(np.int8([[1], [2]]), T.INT8, quantization=Quantization.of(1.0, 3))
    with pytest.raises(ModelError, match="expected one scale or one for each of 2 rows, got 3"):
        embedded(np.int8([[1], [2]]), T.INT8, quantization=Quantization.of([1.0, 2.0, 3.0]))


def test_what_isn_t_in_the_table_is_0_and_said_so() -> None:
    specs = [constant(np.int32(part)) for part in ([5, 4, 9], [1, 5, 9], [[10], [50], [90]])]
    rows, hits = run_many(HashtableLookup(), specs, [given((), T.INT32), given((), T.UINT8)])
    assert rows.tolist() == [[50], [0], [90]]
    assert hits.tolist() == [1, 0, 1]


def test_strings_that_aren_t_in_the_table_are_empty() -> None:
    words = constant(np.array([b"one", b"two"], object), T.STRING)
    specs = [constant(np.int32([2, 3])), constant(np.int32([1, 2])), words]
    rows, _ = run_many(HashtableLookup(), specs, [given((), T.STRING), given((), T.UINT8)])
    assert rows.tolist() == [b"two", b""]


# --- ONE_HOT, SELECT, SELECT_V2, WHERE


def test_one_hot_is_on_at_its_index() -> None:
    assert plain(OneHot(-1), [0, 2, 3, -1], 3, 5, 1, type=T.INT32).tolist() == [[5, 1, 1], [1, 1, 5], [1] * 3, [1] * 3]
    assert plain(OneHot(0), [0, 2], 3, True, False, type=T.BOOL).tolist() == [[True, False], [False] * 2, [False, True]]
    assert "expected a depth from 0" in refusal(OneHot(-1), [0], -1, 1, 0, type=T.INT32)
    assert "expected an axis from -1 to 1" in refusal(OneHot(2), [0], 1, 1, 0, type=T.INT32)


def test_the_lower_half_of_a_long_index_counts() -> None:
    assert plain(OneHot(-1), np.int64([2**32 + 1]), 3, 1, 0, type=T.INT32).tolist() == [[0, 1, 0]]


def test_select_chooses_by_element_by_row_or_for_all() -> None:
    x, y = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
    assert plain(Select(), [[True, False], [False, True]], x, y, type=T.INT32).tolist() == [[1, 6], [7, 4]]
    assert plain(Select(), [True, False], x, y, type=T.INT32).tolist() == [[1, 2], [7, 8]]
    assert plain(Select(), False, x, y, type=T.INT32).tolist() == y
    assert "expected shape [2, 2], [2] or []" in refusal(Select(), [[True, False]], x, y, type=T.INT32)
    assert "expected shape [2, 2], got [2]" in refusal(Select(), True, x, [5, 6], type=T.INT32)


def test_select_v2_stretches_all_three() -> None:
    got = plain(SelectV2(), [[True], [False]], [1, 2, 3], 9, type=T.INT32)
    assert got.tolist() == [[1, 2, 3], [9, 9, 9]]
    assert "broadcast" in refusal(SelectV2(), [True, False], [1, 2, 3], 9, type=T.INT32)


def test_among_single_elements_the_file_says_the_shape() -> None:
    inputs = [constant(np.array([True])), constant(np.float32([[1]])), constant(np.float32(2))]
    for op in (Select(), SelectV2()):
        step = prepare(op, inputs, [given((1, 1, 1))], Profile.OPTIMIZED)
        assert np.shape(step.run(*(spec.value for spec in inputs))) == (1, 1, 1)


def test_where_lists_coordinates_of_what_isn_t_0() -> None:
    assert plain(Where(), [[0, 5], [7, 0]], type=T.INT64).tolist() == [[0, 1], [1, 0]]
    assert plain(Where(), [-0.0, np.nan, 1.0], type=T.INT64).tolist() == [[1], [2]]
    assert plain(Where(), [False], type=T.INT64).shape == (0, 1)
    assert "got a scalar" in refusal(Where(), True, type=T.INT64)
    with pytest.raises(ModelError, match="expected BOOL"):
        prepare(Where(), [given((1,), T.INT16)], [given((), T.INT64)], Profile.OPTIMIZED)
