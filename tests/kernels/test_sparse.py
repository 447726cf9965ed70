"""Sparse tensors as dense ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.arrays import AnyArray
from qengine.kernels.reference.sparse import Level, densify


def listed(segments: Sequence[int], indices: Sequence[int]) -> Level:
    return Level(0, np.array(segments, np.int64), np.array(indices, np.int64))


def stored(dense: AnyArray, order: Sequence[int], listing: Sequence[bool]) -> tuple[AnyArray, list[Level]]:
    """Values and levels of an array, the dimensions of `order` one by one; listing: which of them list indices."""
    turned = dense.transpose(order)
    nodes: list[tuple[int, ...]] = [()]
    levels = []
    for length, lists in zip(turned.shape, listing, strict=True):
        children = [[i for i in range(length) if not lists or turned[(*node, i)].any()] for node in nodes]
        if lists:
            ends = np.cumsum([0, *(len(found) for found in children)])
            levels.append(Level(0, ends, np.array([i for found in children for i in found], np.int64)))
        else:
            levels.append(Level(length))
        nodes = [(*node, i) for node, found in zip(nodes, children, strict=True) for i in found]
    return np.array([turned[node] for node in nodes], dense.dtype), levels


def test_blocks_of_a_matrix() -> None:
    """Two blocks of 2 by 3: the upper right one, and the lower left one."""
    values = np.arange(1, 13)
    levels = [Level(2), listed([0, 1, 2], [1, 0]), Level(2), Level(3)]
    assert densify(values, (4, 6), (0, 1, 2, 3), levels, (0, 1)).tolist() == [
        [0, 0, 0, 1, 2, 3],
        [0, 0, 0, 4, 5, 6],
        [7, 8, 9, 0, 0, 0],
        [10, 11, 12, 0, 0, 0],
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_order_and_any_listing(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    order = data.draw(st.permutations(range(len(shape))))
    listing = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dense = rng.integers(1, 9, shape) * (rng.random(shape) < 0.4)
    values, levels = stored(dense, order, listing)
    assert np.array_equal(densify(values, shape, order, levels), dense)


@pytest.mark.parametrize(
    ("shape", "order", "levels", "blocks", "message"),
    [
        ((2, 2), (0, 0), [Level(2), Level(2)], (), "expected an order of 2 dimensions"),
        ((2, 2), (0, 1), [Level(2)], (), "expected 2 levels"),
        ((2, 2), (0, 1, 2), [Level(2)] * 3, (2,), "blocks of dimensions below 2"),
        ((2, 2), (0, 1), [Level(2), Level(10**9)], (), "expected at most 4 nodes in a level, got 2 times 1000000000"),
        ((2, 2), (0, 1), [Level(2), Level(-1)], (), "got 2 times -1"),
        ((2, 2), (0, 1), [Level(2), listed([0, 3, 2], [0, 1, 1])], (), "expected rising segments"),
        ((2, 2), (0, 1), [Level(2), listed([0, 1, 2], [0, -1])], (), "expected indices below 2 in dimension 1"),
        ((2, 2), (0, 1), [Level(2), listed([0, 3, 6], [0] * 6)], (), "expected at most 4 nodes in a level, got 6"),
    ],
)
def test_trees_that_make_no_sense_are_refused(
    shape: Sequence[int], order: Sequence[int], levels: Sequence[Level], blocks: Sequence[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        densify(np.arange(4), shape, order, levels, blocks)
