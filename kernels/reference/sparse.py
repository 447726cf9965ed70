"""Sparse tensors as dense ones: TFLite's format, a tree with one level for every dimension.

The levels come in traversal order: first the tensor's dimensions, then those of blocks, which cut one of the tensor's
dimensions each. A level is dense (so many children everywhere) or lists, for every node above, its children's indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, Int64Array


class Level(NamedTuple):
    """dense_size children of every node; given segments, those of node i: indices[segments[i] : segments[i + 1]]."""

    dense_size: int
    segments: Int64Array | None = None
    indices: Int64Array | None = None


def densify(
    values: AnyArray, shape: Sequence[int], order: Sequence[int], levels: Sequence[Level], block_map: Sequence[int] = ()
) -> AnyArray:
    """The dense array of `shape`: `values` (n,) at the leaves of the tree, from left to right, and zeros elsewhere.

    order: the dimension of each level, counting the tensor's first and then the blocks'; block_map: which of the
    tensor's dimensions each block dimension cuts. ValueError where the tree doesn't fit the shape or the values.
    """
    rank = len(shape)
    if sorted(order) != list(range(rank + len(block_map))) or len(levels) != len(order):
        raise ValueError(f"expected levels in an order of {rank + len(block_map)} dimensions, got {list(order)}")
    if any(not 0 <= d < rank for d in block_map) or len(set(block_map)) != len(block_map):
        raise ValueError(f"expected blocks of different dimensions below {rank}, got {list(block_map)}")
    block = [1] * rank
    for i, dimension in enumerate(block_map):
        block[dimension] = levels[list(order).index(rank + i)].dense_size
    extents = [length // size if size > 0 else 0 for length, size in zip(shape, block, strict=True)]
    extents += [block[dimension] for dimension in block_map]

    coordinates: dict[int, Int64Array] = {}
    nodes = np.zeros(1, np.int64)
    for dimension, level in zip(order, levels, strict=True):
        parents, nodes, found = _descend(nodes, level, len(values))
        if found.size and (found.min() < 0 or found.max() >= extents[dimension]):
            raise ValueError(f"expected indices below {extents[dimension]} in dimension {dimension}, got others")
        coordinates = {d: c[parents] for d, c in coordinates.items()}
        coordinates[dimension] = found
    if len(nodes) != len(values):
        raise ValueError(f"expected {len(nodes)} values, got {len(values)}")
    for i, dimension in enumerate(block_map):
        coordinates[dimension] = coordinates[dimension] * block[dimension] + coordinates[rank + i]
    dense = np.zeros(tuple(shape), values.dtype)
    dense[tuple(coordinates[d] for d in range(rank))] = values
    return dense


def _descend(nodes: Int64Array, level: Level, most: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """The children of `nodes`: the position of each one's parent, its own number in the level, and its index."""
    if level.segments is None or level.indices is None:
        size = level.dense_size
        if size < 0 or size * len(nodes) > most:
            raise ValueError(f"expected at most {most} nodes in a level, got {len(nodes)} times {size}")
        index = np.tile(np.arange(size), len(nodes))
        parents = np.repeat(np.arange(len(nodes)), size)
        return parents, nodes[parents] * size + index, index
    segments = level.segments.astype(np.int64)
    if nodes.size and (len(segments) <= nodes.max() + 1):
        raise ValueError(f"expected {int(nodes.max()) + 2} segments, got {len(segments)}")
    starts, counts = segments[nodes], segments[nodes + 1] - segments[nodes]
    if (counts < 0).any() or counts.sum() > most or (starts < 0).any():
        raise ValueError(f"expected rising segments for at most {most} nodes")
    parents = np.repeat(np.arange(len(nodes)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    children = starts[parents] + np.arange(len(parents)) - first
    if children.size and children.max() >= len(level.indices):
        raise ValueError(f"expected {int(children.max()) + 1} indices, got {len(level.indices)}")
    return parents, children, level.indices.astype(np.int64)[children]
