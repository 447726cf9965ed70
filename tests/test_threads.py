"""num_threads: more threads for large models, the same bits, nothing changed for small ones."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import qengine as qe
from qengine.kernels.emit import native
from qengine.kernels.emit.crew import processors
from qengine.ops.conv_2d import Conv2D


def network(channels: int, layers: int) -> bytes:
    """Convolutions 3x3 over 40 by 40 pixels of so many channels, float32."""
    rng = np.random.default_rng(0)
    b = qe.Builder("convolutions")
    x = b.input("x", (1, 40, 40, channels), "float32")
    for layer in range(layers):
        filters = rng.standard_normal((channels, 3, 3, channels)).astype(np.float32) / np.float32(3 * channels**0.5)
        weights = b.constant(filters, name=f"filters{layer}")
        bias = b.constant(np.zeros(channels, np.float32), name=f"bias{layer}")
        x = b.add(Conv2D(stride_w=1, stride_h=1), [x, weights, bias], name=f"layer{layer}")
    return qe.to_bytes(b.model([x]))


def interpreter(content: bytes, threads: int | None) -> qe.Interpreter:
    made = qe.Interpreter(model_content=content, num_threads=threads)
    made.allocate_tensors()
    return made


def answer(made: qe.Interpreter) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    (given,), (taken,) = made.get_input_details(), made.get_output_details()
    made.set_tensor(given["index"], np.random.default_rng(1).standard_normal(given["shape"]).astype(np.float32))
    made.invoke()
    return made.get_tensor(taken["index"])


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    if native.obstacle():
        pytest.skip(f"no native code: {native.obstacle()}")
    monkeypatch.setattr("qengine.kernels.emit.crew.processors", lambda: max(2, processors()))


def workers() -> int:
    return sum(thread.name == "qengine" for thread in threading.enumerate())


def test_a_large_model_gives_the_same_bits_with_more_threads() -> None:
    content = network(64, 3)
    alone, together = interpreter(content, 1), interpreter(content, 2)
    before = workers()
    np.testing.assert_array_equal(answer(alone), answer(together))
    assert workers() == before + 1


def test_a_small_model_stays_on_one_thread() -> None:
    before = workers()
    made = interpreter(network(4, 1), 2)
    answer(made)
    assert workers() == before


def test_no_more_threads_than_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qengine.kernels.emit.crew.processors", lambda: 1)
    before = workers()
    answer(interpreter(network(64, 3), 8))
    assert workers() == before


def test_threads_end_with_the_interpreter() -> None:
    before = workers()
    made = interpreter(network(64, 3), 2)
    answer(made)
    assert workers() == before + 1
    del made
    assert workers() == before
