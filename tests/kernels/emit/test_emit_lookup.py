"""Emitted look-ups find every entry, and nothing else is read or written."""

from __future__ import annotations

import numpy as np
import pytest
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.lookup import plan_lookup

TYPES = (np.uint8, np.int16, np.float32, np.int64)


@settings(max_examples=60)
@given(
    size=st.integers(1, 300), index=st.sampled_from([np.uint8, np.uint16]), value=st.sampled_from(TYPES),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_number_finds_its_entry(variant, size, index, value, seed):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 256, (np.iinfo(index).max + 1) * np.dtype(value).itemsize, np.uint8).view(value)
    x = rng.integers(0, np.iinfo(index).max + 1, size).astype(index)
    got = run(plan_lookup(variant, [(size, table)]), [x], (size,), value)
    assert got.tobytes() == table[x].tobytes()


def test_all_bytes_in_every_place(variant):
    table = np.random.default_rng(1).permutation(256).astype(np.uint8)
    x = np.concatenate([np.roll(np.arange(256, dtype=np.uint8), i) for i in range(64)])
    assert np.array_equal(run(plan_lookup(variant, [(x.size, table)]), [x], x.shape, np.uint8), table[x])


@pytest.mark.parametrize("sizes", [(0, 5), (64, 3), (80, 0), (7, 7)])
def test_parts_have_tables_of_their_own(variant, sizes):
    rng = np.random.default_rng(2)
    tables = [rng.integers(0, 256, 256, np.uint8) for _ in sizes]
    x = rng.integers(0, 256, sum(sizes), np.uint8)
    got = run(plan_lookup(variant, list(zip(sizes, tables, strict=True))), [x], x.shape, np.uint8)
    assert np.array_equal(got, np.concatenate([tables[0][x[: sizes[0]]], tables[1][x[sizes[0] :]]]))
