"""Sparse tensors as dense ones: TFLite's format, a tree with one level for every dimension.

The levels come in traversal order: first the tensor's dimensions, then those of blocks, which cut one of the tensor's
dimensions each. A level is dense (so many children everywhere) or lists, for every node above, its children's indices.
The source for what the vectors mean is LiteRT's sparsity format converter.
"""

from __future__ import annotations

import math
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
    rank, depth = len(shape), len(shape) + len(block_map)
    if sorted(order[:rank]) != list(range(rank)) or sorted(order[rank:]) != list(range(rank, depth)):
        raise ValueError(f"expected an order of {rank} dimensions and then {depth - rank} of blocks, got {list(order)}")
    if len(levels) != depth or any(not 0 <= dimension < rank for dimension in block_map):
        raise ValueError(f"expected {depth} levels and blocks of dimensions below {rank}, got {len(levels)} levels")
    coordinates: list[Int64Array] = [np.zeros(1, np.int64)] * rank
    nodes, most = np.zeros(1, np.int64), math.prod(shape)
    block = _block_sizes(rank, order, levels, block_map)
    for dimension, level in zip(order, levels, strict=True):
        parents, nodes, found = _descend(nodes, level, most)
        coordinates = [c[parents] for c in coordinates]
        if dimension < rank:
            coordinates[dimension] = found
        else:
            cut = block_map[dimension - rank]
            coordinates[cut] = coordinates[cut] * block[dimension - rank] + found
    if len(nodes) > len(values):
        raise ValueError(f"expected {len(nodes)} values, got {len(values)}")
    for dimension, (c, length) in enumerate(zip(coordinates, shape, strict=True)):
        if c.size and not 0 <= c.min() <= c.max() < length:
            raise ValueError(f"expected indices below {length} in dimension {dimension}, got others")
    dense = np.zeros(tuple(shape), values.dtype)
    dense[tuple(coordinates)] = values[: len(nodes)]
    return dense


def _block_sizes(rank: int, order: Sequence[int], levels: Sequence[Level], block_map: Sequence[int]) -> list[int]:
    """By how much each block dimension multiplies the indices of the dimension that it cuts.

    The runtime reads the length of block i at the level whose number is the i-th block dimension in the order, and
    only while block_map rises; the rest multiply by 0. For blocks in their own order that is the blocks' length.
    """
    sizes, known = [0] * len(block_map), 0
    for dimension in range(rank):
        if known < len(block_map) and block_map[known] == dimension:
            sizes[known] = levels[order[rank + known]].dense_size
            known += 1
    return sizes


def _descend(nodes: Int64Array, level: Level, most: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """The children of `nodes`: the position of each one's parent, its own number in the level, and its index.

    most: how many there may be, lest a few bytes ask for endless memory.
    """
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
    if (counts < 0).any() or (starts < 0).any() or (nodes.size and (starts + counts).max() > len(level.indices)):
        raise ValueError(f"expected rising segments within {len(level.indices)} indices")
    if counts.sum() > most:
        raise ValueError(f"expected at most {most} nodes in a level, got {counts.sum()}")
    parents = np.repeat(np.arange(len(nodes)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    children = starts[parents] + np.arange(len(parents)) - first
    return parents, children, level.indices.astype(np.int64)[children]
