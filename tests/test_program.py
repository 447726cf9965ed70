"""Programs: what outlives its memory, and what is kept."""

from __future__ import annotations

import numpy as np

import qengine as qe
from qengine.ops.concatenation import Concatenation
from qengine.ops.conv_2d import Conv2D
from qengine.ops.slice import Slice


def branches() -> qe.Model:
    """Convolutions of one input, each sliced, then joined: slices are views, and live longer than what they see."""
    rng = np.random.default_rng(0)
    b = qe.Builder()
    x = b.input("x", (1, 6, 6, 8), "int8", scale=0.1)

    def branch(number: int) -> object:
        filters = b.constant(rng.integers(-99, 99, (8, 1, 1, 8)).astype(np.int8), scale=0.02)
        bias = b.constant(np.zeros(8, np.int32), scale=0.002)
        y = b.add(Conv2D(stride_w=1, stride_h=1), [x, filters, bias], scale=0.3, name=f"conv {number}")
        return b.add(Slice(), [y, np.array([0, 1, 1, 0], np.int32), np.array([1, 3, 3, 8], np.int32)])

    return b.model([b.add(Concatenation(axis=3), [branch(number) for number in range(4)])])


def answer(model: qe.Model, x: np.ndarray, **how: bool) -> np.ndarray:
    it = qe.Interpreter(model=model, **how)
    it.allocate_tensors()
    it.set_tensor(0, x)
    it.invoke()
    it.invoke()
    return it.get_tensor(it.get_output_details()[0]["index"])


def test_a_view_of_memory_that_is_given_to_another_tensor_is_a_copy() -> None:
    model = branches()
    x = np.random.default_rng(1).integers(-128, 128, (1, 6, 6, 8)).astype(np.int8)
    np.testing.assert_array_equal(answer(model, x), answer(model, x, debug=True))
    np.testing.assert_array_equal(answer(model, x), answer(model, x, experimental_preserve_all_tensors=True))


def test_floats_too() -> None:
    b = qe.Builder()
    x = b.input("x", (1, 6, 6, 8))
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(4):
        y = b.add(
            Conv2D(stride_w=1, stride_h=1),
            [x, rng.normal(size=(8, 1, 1, 8)).astype(np.float32), np.zeros(8, np.float32)],
        )
        parts.append(b.add(Slice(), [y, np.array([0, 1, 1, 0], np.int32), np.array([1, 3, 3, 8], np.int32)]))
    model = b.model([b.add(Concatenation(axis=3), parts)])
    image = rng.normal(size=(1, 6, 6, 8)).astype(np.float32)
    np.testing.assert_array_equal(answer(model, image), answer(model, image, debug=True))
