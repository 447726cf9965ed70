from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qengine.build import Builder
from qengine.errors import ModelError
from qengine.interpreter import Interpreter
from qengine.ops.unidirectional_sequence_lstm import UnidirectionalSequenceLstm
from qengine.options import ActivationFunctionType

TANH, NONE = ActivationFunctionType.TANH, ActivationFunctionType.NONE


def cell(
    biases: Sequence[float | None], fused: ActivationFunctionType = TANH, changes: dict[int, Any] | None = None
) -> Interpreter:
    """One cell of one input, its weights 0 but for these biases of the gates input, forget, cell, output; 2 steps."""
    b = Builder()
    zero = np.zeros((1, 1), np.float32)
    inputs: list[Any] = [b.input("x", (1, 2, 1)), *[None] * 19]
    for gate, bias in enumerate(biases):
        if bias is not None:
            inputs[1 + gate] = inputs[5 + gate] = zero
            inputs[12 + gate] = np.array([bias], np.float32)
    inputs[18], inputs[19] = b.variable("h", (1, 1)), b.variable("c", (1, 1))
    for index, part in (changes or {}).items():
        inputs[index] = part
    y = b.add(UnidirectionalSequenceLstm(fused), inputs, shape=(1, 2, 1), type="float32")
    interpreter = Interpreter(model=b.model([y]))
    interpreter.allocate_tensors()
    return interpreter


def call(interpreter: Interpreter, *x: float) -> list[float]:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.array(x, np.float32).reshape(1, 2, 1))
    interpreter.invoke()
    result: list[float] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).ravel().tolist()
    return result


def test_half_open_gates_halve_the_way_to_the_cell_gate() -> None:
    """All gates are sigmoid(0) = 1/2: c goes 1/2 g, 3/4 g, 7/8 g..., h = tanh(c) / 2; and the state outlives a call."""
    interpreter = cell([0, 0, 1, 0])
    g = np.tanh(1)
    expected = [0.5 * np.tanh(part * g) for part in (1 / 2, 3 / 4, 7 / 8, 15 / 16)]
    assert call(interpreter, 0, 0) == pytest.approx(expected[:2])
    assert call(interpreter, 0, 0) == pytest.approx(expected[2:])
    interpreter.reset_all_variables()
    assert call(interpreter, 0, 0) == pytest.approx(expected[:2])


def test_without_an_input_gate_the_forget_gate_says_both() -> None:
    forget = 1 / (1 + np.exp(-2.0))
    g = np.tanh(1)
    c = [(1 - forget) * g, forget * (1 - forget) * g + (1 - forget) * g]
    assert call(cell([None, 2, 1, 0]), 0, 0) == pytest.approx([0.5 * np.tanh(value) for value in c])


def test_without_a_function_the_cell_gate_goes_out_in_the_cells_place() -> None:
    """The runtime's kernels leave the buffer as it is; with weights of 0 that is half of the bias."""
    assert call(cell([0, 0, 3, 0], NONE), 1, 1) == pytest.approx([1.5, 1.5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({2: None}, r"expected a tensor, got none .* - at .*inputs\[2\]"),
        ({1: None}, r"expected no tensor without input gate weights, got one - at .*inputs\[5\]"),
        ({6: np.zeros((1, 2), np.float32)}, r"expected FLOAT32\[1, 1\], got FLOAT32\[1, 2\] - at .*inputs\[6\]"),
        ({13: np.zeros((1,), np.int32)}, r"expected FLOAT32\[1\], got INT32\[1\] - at .*inputs\[13\]"),
        ({10: np.zeros((1,), np.float32)}, "expected no tensor without peephole weights of the output gate"),
        ({17: np.zeros((1,), np.float32)}, "expected no tensor without a projection"),
        ({18: np.zeros((1, 1), np.float32)}, r"expected a variable tensor, .* - at .*inputs\[18\]"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[int, Any], message: str) -> None:
    with pytest.raises((ModelError, RuntimeError), match=message):
        cell([0, 0, 0, 0], changes=changes)
