"""Operators that put values where indices say: scatters, segments, sparse values, diagonals, sparse look-ups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from stepping import NoGraphs, constant, given, plain, run

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.kernels.reference.scatter import scatter_nd
from qengine.model import Graph, Node, TensorType
from qengine.op import Op, Specs
from qengine.ops.embedding_lookup_sparse import EmbeddingLookupSparse
from qengine.ops.matrix_diag import MatrixDiag
from qengine.ops.matrix_set_diag import MatrixSetDiag
from qengine.ops.scatter_nd import ScatterNd
from qengine.ops.segment_sum import SegmentSum
from qengine.ops.sparse_to_dense import SparseToDense
from qengine.ops.squeeze import Squeeze
from qengine.ops.stablehlo_add import StablehloAdd
from qengine.ops.stablehlo_maximum import StablehloMaximum
from qengine.ops.stablehlo_scatter import StablehloScatter
from qengine.ops.unsorted_segment_max import UnsortedSegmentMax
from qengine.ops.unsorted_segment_min import UnsortedSegmentMin
from qengine.ops.unsorted_segment_prod import UnsortedSegmentProd
from qengine.ops.unsorted_segment_sum import UnsortedSegmentSum
from qengine.options import CombinerType

T = TensorType
F = np.finfo(np.float32)


def refusal(op: Op, *inputs: Any, type: TensorType | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        plain(op, *inputs, type=type)
    return str(caught.value)


# --- SCATTER_ND


def test_updates_of_one_place_are_added() -> None:
    assert plain(ScatterNd(), [[1], [3], [1]], [5, 6, 7], [4]).tolist() == [0, 12, 0, 6]
    assert plain(ScatterNd(), [[1]], [[5.0, 6.0]], [2, 2], type=T.FLOAT32).tolist() == [[0, 0], [5, 6]]
    assert plain(ScatterNd(), [[0], [0]], np.int8([100, 100]), [1], type=T.INT8).tolist() == [-56]
    assert plain(ScatterNd(), [[0], [0]], [True, True], [1], type=T.BOOL).tolist() == [True]


@drawn(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(-9, 9)), max_size=6))
def test_scatter_nd_is_its_loop(entries: list[tuple[int, int, int]]) -> None:
    want = np.zeros((3, 2), np.int64)
    for row, column, update in entries:
        want[row, column] += update
    table = np.array(entries, np.int64).reshape(-1, 3)
    assert np.array_equal(scatter_nd(table[:, :2], table[:, 2], (3, 2)), want)


def test_updates_that_don_t_fit_are_refused() -> None:
    assert "expected coordinates within [4]" in refusal(ScatterNd(), [[4]], [5], [4])
    assert "expected shape [1, 2], got [1]" in refusal(ScatterNd(), [[1]], [5], [4, 2])
    assert "expected rows of coordinates within [-1]" in refusal(ScatterNd(), [[0]], [5], [-1])


# --- segments


def test_segment_sum_adds_what_has_the_same_id() -> None:
    assert plain(SegmentSum(), [[1, 2], [3, 4], [5, 6]], [0, 0, 1]).tolist() == [[4, 6], [5, 6]]
    assert plain(SegmentSum(), np.zeros((0, 2), np.int32), np.zeros(0, np.int32)).shape == (0, 2)
    for ids in ([1, 1, 1], [0, 2, 2], [0, 1, 0]):
        assert "begin at 0 and rise by 0 or 1" in refusal(SegmentSum(), [1, 2, 3], ids)
    assert "expected one id for each index of [3], got [2]" in refusal(SegmentSum(), [1, 2, 3], [0, 0])


@pytest.mark.parametrize(
    ("op", "found"),
    [
        (UnsortedSegmentSum(), [4, 0, 2]),
        (UnsortedSegmentProd(), [3, 1, 2]),
        (UnsortedSegmentMax(), [3, F.min, 2]),
        (UnsortedSegmentMin(), [1, F.max, 2]),
    ],
)
def test_a_segment_without_elements_holds_where_it_began(op: Op, found: list[float]) -> None:
    assert plain(op, [1.0, 2.0, 3.0, 9.0], [0, 2, 0, -1], 3).tolist() == [float(x) for x in found]


def test_segments_pass_over_nan_and_wrap() -> None:
    x = np.float32([np.nan, 5, np.nan])
    assert plain(UnsortedSegmentMax(), x, [0, 0, 1], 2).tolist() == [5, F.min]
    assert np.isnan(plain(UnsortedSegmentSum(), x, [0, 0, 0], 1)[0])
    assert plain(UnsortedSegmentProd(), np.int32([2**16, 2**16]), [0, 0], 1).tolist() == [0]


def test_segments_of_several_dimensions() -> None:
    assert plain(UnsortedSegmentSum(), [[[1, 2], [3, 4]]], [[1, 1]], [2]).tolist() == [[0, 0], [4, 6]]
    assert "a shape that [2, 2] begins with, got [3]" in refusal(UnsortedSegmentSum(), [[1, 2], [3, 4]], [0, 0, 0], 1)
    assert "expected ids below 1, got 1" in refusal(UnsortedSegmentSum(), [1, 2], [0, 1], 1)
    inputs = [given((1,)), given((1,), T.INT32), constant(np.int32(1))]
    with pytest.raises(ModelError, match="expected ids below 1, got 1"):
        run(UnsortedSegmentSum(), inputs, given(()), Profile.REFERENCE, np.float32([1]), np.int32([1]))


# --- SPARSE_TO_DENSE, diagonals


def test_sparse_values_stand_where_their_rows_say() -> None:
    assert plain(SparseToDense(), [[0, 1], [1, 0]], [2, 2], [5, 6], 9).tolist() == [[9, 5], [6, 9]]
    assert plain(SparseToDense(), [2, 0], [3], 5, 0).tolist() == [5, 0, 5]
    assert plain(SparseToDense(), 1, [3], [5], 0).tolist() == [0, 5, 0]
    assert plain(SparseToDense(), [1, 1], [3], [5, 6], 0).tolist() == [0, 6, 0]
    assert "expected coordinates within [3]" in refusal(SparseToDense(), [3], [3], [5], 0)
    assert "expected rows of 2 coordinates" in refusal(SparseToDense(), [1], [3, 3], [5], 0)
    assert "expected 1 values or one" in refusal(SparseToDense(), [1], [3], [5, 6], 0)


def test_diagonals_are_made_and_set() -> None:
    assert plain(MatrixDiag(), [[1, 2], [3, 4]]).tolist() == [[[1, 0], [0, 2]], [[3, 0], [0, 4]]]
    assert plain(MatrixSetDiag(), [[1, 2, 3], [4, 5, 6]], [8, 9]).tolist() == [[8, 2, 3], [4, 9, 6]]
    assert "expected diagonals of matrices" in refusal(MatrixSetDiag(), [[1, 2], [4, 5]], [8])


# --- STABLEHLO_SCATTER


class Around(NoGraphs):
    """A model whose graph 1 has these operators."""

    def __init__(self, *ops: Op) -> None:
        super().__init__()
        self.nodes = tuple(Node(op, (0, 1), (2,)) for op in ops)

    def graph(self, index: int) -> Graph:
        assert index == 1
        return Graph((), self.nodes, (), ())


def scattered(*ops: Op, x: Any, indices: Any, updates: Any) -> Any:
    """Rows of updates, each to the row of x that a vector of one number says."""
    op = StablehloScatter(False, (1,), (0,), (0,), 1, False, update_computation_subgraph_index=1)
    inputs = [constant(np.asarray(part)) for part in (x, np.int32(indices), updates)]
    specs, around = Specs(tuple(inputs), (inputs[0],)), Around(*ops)
    assert op.infer(specs, around) == [inputs[0].shape]
    return op.plan(specs, Profile.REFERENCE, around).run(*(spec.value for spec in inputs)).tolist()


def test_scattered_rows_replace_add_or_compete() -> None:
    x, updates = np.int32([[1, 1], [2, 2], [3, 3]]), np.int32([[5, 0], [1, 9], [7, 7]])
    assert scattered(x=x, indices=[[1], [1], [3]], updates=updates) == [[1, 1], [1, 9], [3, 3]]
    assert scattered(StablehloAdd(), x=x, indices=[[1], [1], [-1]], updates=updates) == [[1, 1], [8, 11], [3, 3]]
    assert scattered(StablehloMaximum(), x=x, indices=[[0], [1], [2]], updates=updates) == [[5, 1], [2, 9], [7, 7]]


def test_nan_never_wins_but_stays_where_it_is() -> None:
    x, updates = np.float32([[np.nan, 1]]), np.float32([[5, np.nan]])
    got = scattered(StablehloMaximum(), x=x, indices=[[0]], updates=updates)
    assert np.array_equal(got, [[np.nan, 1]], equal_nan=True)


def test_other_combinations_are_refused() -> None:
    x = np.int32([[1]])
    for ops in ((Squeeze(),), (StablehloAdd(), StablehloAdd())):
        with pytest.raises(ModelError, match="expected one operator of STABLEHLO_ADD"):
            scattered(*ops, x=x, indices=[[0]], updates=x)
    with pytest.raises(ModelError, match=r"expected updates for vectors \[2\]"):
        scattered(x=x, indices=[[0], [0]], updates=x)


# --- EMBEDDING_LOOKUP_SPARSE


@pytest.mark.parametrize(
    ("combiner", "first"),
    [
        (CombinerType.SUM, 3 * 10 + 4 * 30),
        (CombinerType.MEAN, (3 * 10 + 4 * 30) / 7),
        (CombinerType.SQRTN, (3 * 10 + 4 * 30) / 5),
    ],
)
def test_rows_are_weighed_and_combined(combiner: CombinerType, first: float) -> None:
    table = np.float32([[10], [20], [30]])
    got = plain(
        EmbeddingLookupSparse(combiner),
        [0, 2, 1],
        [[0, 0], [0, 1], [2, 0]],
        [3, 2],
        [3.0, 4.0, 1.0],
        table,
        type=T.FLOAT32,
    )
    assert got.reshape(-1).tolist() == pytest.approx([first, 0, 20])


def test_a_place_that_comes_back_is_divided_again() -> None:
    got = plain(
        EmbeddingLookupSparse(CombinerType.MEAN), [0] * 3, [[0, 0], [1, 0], [0, 0]], [2, 1], [2.0, 1.0, 4.0], [[8.0]],
        type=T.FLOAT32,
    )  # fmt: skip
    assert got.reshape(-1).tolist() == [(8 * 2 / 2 + 8 * 4) / 4, 8]


def test_numbers_outside_the_table_or_the_shape_are_refused() -> None:
    def looked_up(ids: list[int], places: list[list[int]]) -> str:
        return refusal(EmbeddingLookupSparse(), ids, places, [2, 1], [1.0], [[8.0]], type=T.FLOAT32)

    assert "expected ids from 0 to 0" in looked_up([1], [[0, 0]])
    assert "expected places within [2]" in looked_up([0], [[2, 0]])
