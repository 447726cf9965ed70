"""RESHAPE, SQUEEZE, EXPAND_DIMS, SHAPE, RANK, FILL, RANGE, BROADCAST_TO, BROADCAST_ARGS, TILE, TRANSPOSE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from stepping import NoGraphs, constant, given, plain, prepare, run

from qengine.errors import ModelError
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import DYNAMIC, Op, Specs
from qengine.ops.broadcast_args import BroadcastArgs
from qengine.ops.broadcast_to import BroadcastTo
from qengine.ops.expand_dims import ExpandDims
from qengine.ops.fill import Fill
from qengine.ops.range import Range
from qengine.ops.rank import Rank
from qengine.ops.reshape import Reshape, resolve
from qengine.ops.shape import Shape
from qengine.ops.squeeze import Squeeze
from qengine.ops.tile import Tile
from qengine.ops.transpose import Transpose

T = TensorType
SIX = np.arange(6, dtype=np.float32).reshape(2, 3)


def refusal(op: Op, *inputs: Any, type: TensorType | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        plain(op, *inputs, type=type)
    return str(caught.value)


# --- RESHAPE, SQUEEZE, EXPAND_DIMS


def test_reshape_computes_the_length_left_open() -> None:
    assert plain(Reshape(), SIX, [3, -1]).tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("shape", "wanted", "found"),
    [
        ((2, 3), (6,), (6,)),
        ((2, 3), (1, -1, 2), (1, 3, 2)),
        ((), (1, -1), (1, 1)),
        ((1,), (), ()),
        ((0, 3), (-1,), (0,)),
        ((0, 3), (0, -1), (0, 3)),
        ((2, 0, 3), (2, -1), (2, 0)),
    ],
)
def test_reshape_resolves(shape: tuple[int, ...], wanted: tuple[int, ...], found: tuple[int, ...]) -> None:
    assert resolve(shape, wanted) == found


@pytest.mark.parametrize("wanted", [(5,), (-1, -1), (4, -1), (-2, 3), (2, 0)])
def test_reshape_refuses_another_number_of_elements(wanted: tuple[int, ...]) -> None:
    assert "expected" in refusal(Reshape(), SIX, np.array(wanted, np.int32))


def test_reshape_takes_its_option_where_the_shape_is_no_vector() -> None:
    assert plain(Reshape(new_shape=(3, 2)), SIX).shape == (3, 2)
    assert plain(Reshape(new_shape=(3, 2)), SIX, np.array([[6]], np.int32)).shape == (3, 2)
    assert plain(Reshape(new_shape=(0,)), np.float32([7])).shape == ()


def test_a_shape_that_is_computed_is_known_only_while_running() -> None:
    inputs = [given((2, 3)), given((2,), T.INT32)]
    assert Reshape().infer(Specs(tuple(inputs), (given(()),)), NoGraphs()) is DYNAMIC
    assert run(Reshape(), inputs, given(()), Profile.XNNPACK, SIX, np.int32([-1, 2])).shape == (3, 2)


def test_squeeze_drops_what_it_names_or_all_that_is_1() -> None:
    x = np.zeros((1, 2, 1, 3), np.int8)
    assert plain(Squeeze(), x).shape == (2, 3)
    assert plain(Squeeze((-2,)), x).shape == (1, 2, 3)
    assert "expected dimensions of 1" in refusal(Squeeze((1,)), x)
    assert "expected an axis" in refusal(Squeeze((4,)), x)


@pytest.mark.parametrize(("axis", "shape"), [(0, (1, 2, 3)), (1, (2, 1, 3)), (2, (2, 3, 1)), (-1, (2, 3, 1))])
def test_expand_dims_counts_from_behind_the_last(axis: int, shape: tuple[int, ...]) -> None:
    assert plain(ExpandDims(), SIX, axis).shape == shape


def test_expand_dims_refuses_what_the_runtime_refuses() -> None:
    assert "expected an axis from -3 to 2, got 3" in refusal(ExpandDims(), SIX, 3)
    assert "expected one number" in refusal(ExpandDims(), SIX, [0, 1])
    x = given((2,), T.INT16, 0.5, 3)
    with pytest.raises(ModelError, match="expected zero point 0 with INT16, got 3"):
        prepare(ExpandDims(), [x, constant(np.int32(0))], [x], Profile.OPTIMIZED)


# --- SHAPE, RANK: constants as soon as the shape is known


def test_shape_and_rank_are_known_before_the_values() -> None:
    step = prepare(Shape(T.INT64), [given((2, 0, 3))], [given((), T.INT64)], Profile.REFERENCE)
    assert step.constant is not None
    assert step.constant[0].tolist() == [2, 0, 3]
    step = prepare(Rank(), [given((2, 0, 3))], [given((), T.INT32)], Profile.REFERENCE)
    assert step.constant is not None
    assert step.constant[0] == 3


def test_shape_refuses_an_output_that_holds_no_lengths() -> None:
    assert "expected INT32 or INT64" in refusal(Shape(T.FLOAT32), SIX, type=T.FLOAT32)


# --- FILL, RANGE


def test_fill_repeats_one_value() -> None:
    assert plain(Fill(), [2, 3], np.float32(1.5), type=T.FLOAT32).tolist() == [[1.5] * 3] * 2
    assert plain(Fill(), np.zeros(0, np.int32), np.int8(3), type=T.INT8).shape == ()
    assert "expected lengths from 0" in refusal(Fill(), [2, -1], np.float32(1), type=T.FLOAT32)


def test_no_value_makes_an_array_of_absurd_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QENGINE_MEMORY", "1000000")
    for op, inputs, type in (
        (Fill(), ([2**20, 2**10], np.float32(0)), T.FLOAT32),
        (Range(), (0, 2**31 - 1, 1), T.INT32),
        (Tile(), (SIX, [2**20, 2**10]), T.FLOAT32),
        (BroadcastTo(), (np.float32(1), [2**30, 2**20]), T.FLOAT32),
    ):
        with pytest.raises(RuntimeError, match="expected tensors of at most 1000000 bytes"):
            plain(op, *inputs, type=type)


def test_range_adds_its_step_again_and_again() -> None:
    assert plain(Range(), 3, 10, 3).tolist() == [3, 6, 9]
    assert plain(Range(), 3, -3, -2).tolist() == [3, 1, -1]
    assert plain(Range(), 3, 3, 1).tolist() == []
    step = np.float32(0.1)
    tenths = plain(Range(), np.float32(0), np.float32(1), step)
    assert len(tenths) == 10
    assert tenths[8] == np.float32(tenths[7] + step) != np.float32(8 * step)


@pytest.mark.parametrize("numbers", [(0, 5, 0), (0, 5, -1), (5, 0, 1)])
def test_range_refuses_steps_that_lead_away(numbers: tuple[int, int, int]) -> None:
    assert "expected a step" in refusal(Range(), *numbers)


def test_range_refuses_nan_and_endless_steps() -> None:
    assert "expected a step" in refusal(Range(), np.float32(0), np.float32(np.nan), np.float32(1))
    assert "expected fewer than 2**31 steps" in refusal(Range(), np.float32(0), np.float32(1e30), np.float32(1))


# --- BROADCAST_TO, BROADCAST_ARGS, TILE, TRANSPOSE


def test_broadcast_to_repeats_dimensions_of_1_and_puts_new_ones_in_front() -> None:
    assert plain(BroadcastTo(), np.float32([[1], [2]]), [2, 2, 3]).tolist() == [[[1, 1, 1], [2, 2, 2]]] * 2
    assert "stretches to" in refusal(BroadcastTo(), SIX, [3, 3])
    assert "stretches to" in refusal(BroadcastTo(), SIX, [3])


@drawn(st.lists(st.integers(1, 4), max_size=5), st.randoms(use_true_random=False))
def test_broadcast_args_agrees_with_numpy(whole: list[int], rng: Any) -> None:
    shapes = [[1 if rng.random() < 0.4 else n for n in whole][rng.randint(0, len(whole)) :] for _ in "ab"]
    got = plain(BroadcastArgs(), *(np.array(shape, np.int64) for shape in shapes))
    assert tuple(got) == np.broadcast_shapes(*shapes)


def test_broadcast_args_refuses_where_the_runtime_aborts() -> None:
    assert "expected shapes that stretch to each other" in refusal(BroadcastArgs(), [2, 3], [3, 3])


def test_tile_repeats_along_each_dimension() -> None:
    assert plain(Tile(), np.int8([[1, 2]]), [2, 3]).tolist() == [[1, 2, 1, 2, 1, 2]] * 2
    assert plain(Tile(), SIX, [1, 0]).shape == (2, 0)
    assert "expected 2 numbers" in refusal(Tile(), SIX, [1])
    assert "expected counts of 0 or more" in refusal(Tile(), SIX, [1, -1])


@drawn(st.permutations(range(4)))
def test_transpose_is_undone_by_the_inverse_order(order: list[int]) -> None:
    x = np.arange(120, dtype=np.int16).reshape(2, 3, 4, 5)
    there = plain(Transpose(), x, np.int32(order))
    assert there.shape == tuple(x.shape[axis] for axis in order)
    assert np.array_equal(plain(Transpose(), there, np.argsort(order).astype(np.int32)), x)


@pytest.mark.parametrize("order", [[0], [0, 2], [0, 0], [0, -3]])
def test_transpose_refuses_what_is_no_order(order: list[int]) -> None:
    assert "expected each of 2 dimensions once" in refusal(Transpose(), SIX, order)
