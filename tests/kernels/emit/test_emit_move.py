"""Emitted moves bring every element where it belongs, whatever the map."""

from __future__ import annotations

import numpy as np
import pytest
from guarded import run
from hypothesis import given, settings
from hypothesis import strategies as st

from qengine.kernels.emit.move import Loops, find_loops, find_runs, plan_moves
from qengine.kernels.emit.plan import Compiled

TYPES = (np.uint8, np.int16, np.float32, np.float64)
CONSTANTS = np.array([7, 0])


def elements(rng, shape, dtype):
    return rng.integers(1, 256, (*shape, np.dtype(dtype).itemsize), np.uint8).view(dtype)[..., 0]


@st.composite
def maps(draw):
    """A shape, and the numbers of its elements moved as operators move them; -1 and -2 are constants."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 5, 8, 17]), min_size=1, max_size=4)))
    x = np.arange(int(np.prod(shape))).reshape(shape)
    for _ in range(draw(st.integers(1, 3))):
        axis = draw(st.integers(0, x.ndim - 1))
        length = x.shape[axis]
        kind = draw(st.sampled_from(["transpose", "slice", "reverse", "repeat", "tile", "pad", "take", "concatenate"]))
        if kind == "transpose":
            x = x.transpose(draw(st.permutations(range(x.ndim))))
        elif kind == "slice":
            x = np.take(x, range(draw(st.integers(0, length - 1)), length, draw(st.integers(1, 3))), axis)
        elif kind == "reverse":
            x = np.flip(x, axis)
        elif kind == "repeat":
            x = np.repeat(x, draw(st.integers(1, 3)), axis)
        elif kind == "tile":
            x = np.concatenate([x] * draw(st.integers(1, 3)), axis)
        elif kind == "pad":
            sides = [(0, 0)] * x.ndim
            sides[axis] = (draw(st.integers(0, 90)), draw(st.integers(0, 3)))
            x = np.pad(x, sides, constant_values=draw(st.sampled_from([-1, -2])))
        elif kind == "take":
            x = np.take(x, draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=6)), axis)
        else:
            x = np.concatenate([x, np.full_like(x, -1), np.flip(x)], axis)
        if x.size > 20000:
            break
    return shape, x


def moved(x, numbers):
    return np.where(
        numbers < 0, CONSTANTS.astype(x.dtype)[-1 - np.minimum(numbers, -1)], x.reshape(-1)[np.maximum(numbers, 0)]
    )


@settings(max_examples=120)
@given(case=maps(), dtype=st.sampled_from(TYPES), seed=st.integers(0, 2**32 - 1))
def test_every_element_comes_from_where_the_map_says(variant, case, dtype, seed):
    shape, numbers = case
    x = elements(np.random.default_rng(seed), shape, dtype)
    compiled = plan_moves(variant, [numbers.reshape(-1)], {0: 0}, CONSTANTS.astype(dtype))
    got = run(compiled, [x], numbers.shape, dtype)
    assert got.tobytes() == moved(x, numbers).tobytes()


@pytest.mark.parametrize("dtype", TYPES)
def test_a_map_without_order_is_a_table(variant, dtype):
    rng = np.random.default_rng(0)
    x, numbers = elements(rng, (1000,), dtype), rng.integers(-2, 1000, 5000)
    compiled = plan_moves(variant, [numbers], {0: 0}, CONSTANTS.astype(dtype))
    assert any(name.startswith("collect") for name in compiled.kernels)
    assert run(compiled, [x], numbers.shape, dtype).tobytes() == moved(x, numbers).tobytes()


def test_inputs_side_by_side_are_told_apart(variant):
    a, b = np.arange(6, dtype=np.uint8).reshape(2, 3), np.arange(100, 110, dtype=np.uint8).reshape(2, 5)
    numbers = np.concatenate([np.arange(6).reshape(2, 3), np.arange(7, 17).reshape(2, 5)], 1)
    compiled = plan_moves(variant, [numbers.reshape(-1)], {0: 0, 1: 7}, np.zeros(1, np.uint8))
    assert np.array_equal(run(compiled, [a, b], (2, 8), np.uint8), np.concatenate([a, b], 1))


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        (np.arange(60), Loops(0, 0, 60)),
        (np.arange(60).reshape(3, 4, 5)[:, 1:3, 1:4], Loops(6, 0, 3, ((2, 5, 3), (3, 20, 6)))),
        (np.arange(60).reshape(3, 4, 5).transpose(2, 0, 1), Loops(0, 0, 1, ((12, 5, 1), (5, 1, 12)))),
        (np.repeat(np.arange(6), 2), Loops(0, 0, 1, ((2, 0, 1), (6, 1, 2)))),
    ],
)
def test_order_becomes_loops(numbers, wanted):
    ((origin, (runs,)),) = find_runs(numbers.reshape(-1), [0]) if numbers.size != 12 else [(0, [ones(numbers)])]
    assert origin == 0
    assert find_loops(runs.origins, runs.targets, runs.size) == [wanted]


def ones(numbers):
    """Runs of one element each."""
    ((_, parts),) = find_runs(numbers, [0])
    cut = [part.cut(1) for part in parts]
    origins, targets = (np.concatenate([getattr(part, name) for part in cut]) for name in ("origins", "targets"))
    order = np.argsort(targets)
    return type(parts[0])(1, origins[order], targets[order])


def test_an_image_enlarged_is_loops_though_its_runs_differ_in_size(variant):
    x = np.arange(40 * 40 * 16).reshape(40, 40, 16)
    numbers = np.repeat(np.repeat(x, 2, 0), 2, 1)
    compiled = plan_moves(variant, [numbers.reshape(-1)], {0: 0}, np.zeros(1, np.uint8))
    assert isinstance(compiled, Compiled)
    assert compiled.kernels == {"move_16"}
    assert len(compiled.stages[0]) == 1
