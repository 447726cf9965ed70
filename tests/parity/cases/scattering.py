"""Elements sent to places, several to one: scatters, segments, sparse tensors, diagonals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from examples import NUMBERS, Example, Generator, Given, numbers, often, result, shape_of, some, swept, tensor, values

from qengine.build import Builder, Output
from qengine.ops.embedding_lookup_sparse import EmbeddingLookupSparse
from qengine.ops.matrix_diag import MatrixDiag
from qengine.ops.matrix_set_diag import MatrixSetDiag
from qengine.ops.scatter_nd import ScatterNd
from qengine.ops.segment_sum import SegmentSum
from qengine.ops.sparse_to_dense import SparseToDense
from qengine.ops.stablehlo_add import StablehloAdd
from qengine.ops.stablehlo_maximum import StablehloMaximum
from qengine.ops.stablehlo_minimum import StablehloMinimum
from qengine.ops.stablehlo_multiply import StablehloMultiply
from qengine.ops.stablehlo_scatter import StablehloScatter
from qengine.ops.unsorted_segment_max import UnsortedSegmentMax
from qengine.ops.unsorted_segment_min import UnsortedSegmentMin
from qengine.ops.unsorted_segment_prod import UnsortedSegmentProd
from qengine.ops.unsorted_segment_sum import UnsortedSegmentSum
from qengine.options import CombinerType


def scatter_nd(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 4), some(rng, "float32", "int8", "uint8", "int32", "int64", "bool")
    depth, outer = int(rng.integers(1, len(shape) + 1)), shape_of(rng, 1, 2)
    rows = rng.integers(0, np.array(shape[:depth]), (*outer, depth))
    updates = tensor(rng, (*outer, *shape[depth:]), type)
    return Example(ScatterNd(), [numbers(rng, rows), updates, numbers(rng, shape)], [result(type)])


def segment_sum(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 3, 6), some(rng, "float32", "int32")
    ids = np.cumsum(rng.integers(0, 2, shape[0]))
    return Example(
        SegmentSum(), [tensor(rng, shape, type, often(rng)), numbers(rng, ids - ids[0])], [Output(type=type)]
    )


def unsorted(op: Any, rng: Generator) -> Example:
    shape, type, count = shape_of(rng, 1, 4), some(rng, "float32", "int32"), int(rng.integers(1, 4))
    x = values(rng, shape, type)
    if type == "int32" and often(rng):
        x = rng.integers(-(2**31), 2**31, shape).astype(np.int32)
    if type == "float32" and often(rng):
        x = np.where(rng.random(shape) < 0.3, some(rng, np.nan, np.inf, -np.inf), x).astype(np.float32)
    ids = rng.integers(-1, count, shape[: rng.integers(1, len(shape) + 1)])
    return Example(op, [Given(x), numbers(rng, ids), numbers(rng, some(rng, count, [count]))], [Output(type=type)])


def sparse_to_dense(rng: Generator) -> Example:
    shape, kind = shape_of(rng, 1, 4), some(rng, "int32", "int64")
    type, count = some(rng, "float32", "int8", "uint8", "int32", "int64"), int(rng.integers(1, 6))
    rows = rng.integers(0, np.array(shape), (count, len(shape)))
    if len(shape) == 1 and often(rng):
        rows = rows.reshape(-1)
    parts = [numbers(rng, rows, kind), numbers(rng, shape, "int32", "int64")]
    parts += [tensor(rng, some(rng, (count,), ()), type), tensor(rng, (), type, often(rng))]
    return Example(SparseToDense(), parts, [result(type)])


def combining(op: Any, type: str) -> Callable[[Builder], None]:
    """The graph of a scatter: its one operator, or none, which takes the update."""

    def body(b: Builder) -> None:
        old, new = b.input("old", (), type), b.input("new", (), type)
        b.returns([new if op is None else b.add(op, [old, new])])

    return body


def stablehlo_scatter(rng: Generator) -> Example:
    shape, type = shape_of(rng, 1, 4), some(rng, "float32", "int8", "int16", "int32", "int64", "uint8")
    rank, batch = len(shape), shape_of(rng, 0, 2)
    inserted = sorted(rng.permutation(rank)[: rng.integers(rank + 1)].tolist())
    window = [int(rng.integers(1, length + 1)) for axis, length in enumerate(shape) if axis not in inserted]
    placed = rng.permutation(rank)[: rng.integers(1, rank + 1)].tolist()
    at, whole = int(rng.integers(len(batch) + 1)), len(batch) + len(window)
    inside = sorted(rng.permutation(whole)[: len(window)].tolist())
    lengths = (iter(window), iter(batch))
    updates = [next(lengths[axis not in inside]) for axis in range(whole)]
    vectors = rng.integers(-1, 5, (*batch[:at], len(placed), *batch[at:]))
    op = StablehloScatter(False, tuple(inside), tuple(inserted), tuple(placed), at, False, 1)
    body = some(rng, None, StablehloAdd(), StablehloMultiply(), StablehloMaximum(), StablehloMinimum())
    parts = [
        Given(values(rng, shape, type)),
        numbers(rng, vectors, "int32", "int64"),
        Given(values(rng, updates, type)),
    ]
    return Example(op, parts, [Output(type=type)], [combining(body, type)])


def matrix_diag(rng: Generator) -> Example:
    type = some(rng, *NUMBERS)
    return Example(MatrixDiag(), [tensor(rng, shape_of(rng, 1, 3), type)], [result(type)])


def matrix_set_diag(rng: Generator) -> Example:
    shape, type = shape_of(rng, 2, 4), some(rng, *NUMBERS)
    diagonals = tensor(rng, (*shape[:-2], min(shape[-2:])), type)
    return Example(MatrixSetDiag(), [tensor(rng, shape, type), diagonals], [result(type)])


def embedded(rng: Generator) -> Example:
    shape, count = shape_of(rng, 1, 3, 3), int(rng.integers(1, 9))
    places = rng.integers(0, np.array(shape), (count, len(shape)))
    if often(rng, 0.7):
        places = places[np.lexsort(places.T[::-1])]
    table = tensor(rng, (4, *shape_of(rng, 1, 2)), "float32", often(rng))
    weights = Given(np.abs(values(rng, (count,), "float32")) + np.float32(0.1))
    parts = [numbers(rng, rng.integers(0, 4, count)), numbers(rng, places), numbers(rng, shape), weights, table]
    return Example(EmbeddingLookupSparse(some(rng, *CombinerType)), parts, [Output(type="float32")])


CASES = [
    *swept("scatter_nd", 8, scatter_nd),
    *swept("segment_sum", 4, segment_sum, refused=("reference",)),
    *swept("unsorted_segment_sum", 5, partial(unsorted, UnsortedSegmentSum())),
    *swept("unsorted_segment_max", 5, partial(unsorted, UnsortedSegmentMax())),
    *swept("unsorted_segment_min", 5, partial(unsorted, UnsortedSegmentMin())),
    *swept("unsorted_segment_prod", 5, partial(unsorted, UnsortedSegmentProd())),
    *swept("sparse_to_dense", 8, sparse_to_dense),
    *swept("stablehlo_scatter", 12, stablehlo_scatter),
    *swept("matrix_diag", 4, matrix_diag),
    *swept("matrix_set_diag", 4, matrix_set_diag),
    *swept("embedding_lookup_sparse", 8, embedded),
]
