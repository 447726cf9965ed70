from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare

from qengine.build import Builder
from qengine.errors import ModelError, Unsupported
from qengine.interpreter import Interpreter
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.ops.bidirectional_sequence_lstm import BidirectionalSequenceLstm
from qengine.ops.lstm import Lstm
from qengine.options import ActivationFunctionType, LSTMKernelType

T = TensorType
F = np.float32
TANH = ActivationFunctionType.TANH
SMALL = Lstm(kernel_type=LSTMKernelType.BASIC)


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def test_the_small_kernel() -> None:
    """One cell: the gates input, update, forget, output are 1, 2, 3, 4 for x 1; the state halves its way in."""
    weights = constant(np.array([[1, 0], [2, 0], [3, 0], [4, 0]], F))
    inputs = [given((1, 1)), given((1, 1)), weights, constant(np.zeros(4, F)), given((1, 1))]
    step = prepare(SMALL, inputs, [given(())] * 4, Profile.OPTIMIZED)
    h, c = np.full((1, 1), 7, F), np.full((1, 1), 0.5, F)
    activation, state, joined, gates = step.run(np.ones((1, 1), F), h, weights.value, inputs[3].value, c)
    expected = sigmoid(1) * np.tanh(2) + sigmoid(3) * 0.5
    assert state[0, 0] == pytest.approx(expected)
    assert activation[0, 0] == pytest.approx(sigmoid(4) * np.tanh(expected))
    assert (joined.tolist(), gates.tolist()) == ([[1, 7]], [[1, 2, 3, 4]])
    assert (h[0, 0], c[0, 0]) == (activation[0, 0], state[0, 0])  # for the next call


@pytest.mark.parametrize("scale", [2.0**-11, 2.0**-12])
def test_the_small_kernel_of_integers(scale: float) -> None:
    """All gates 0: half of the state is left, and the activation is half of its hyperbolic tangent."""
    unit: dict[str, Any] = {"scale": 1 / 128, "zero_point": 128}
    inputs = [
        given((1, 1), T.UINT8, **unit),
        given((1, 1), T.UINT8, **unit),
        constant(np.full((4, 2), 9, np.uint8), T.UINT8, 0.01, 9),
        constant(np.zeros(4, np.int32), T.INT32, 1e-4),
        given((1, 1), T.INT16, 2.0**-11),
    ]
    outputs = [given((), T.UINT8, **unit), given((), T.INT16, scale), given((), T.UINT8), given((), T.INT16)]
    if scale != 2.0**-11:
        with pytest.raises(ModelError, match=r"expected a state of scale 2\*\*-11"):
            prepare(SMALL, inputs, outputs, Profile.OPTIMIZED)
        return
    step = prepare(SMALL, inputs, outputs, Profile.OPTIMIZED)
    h, c = np.full((1, 1), 128, np.uint8), np.full((1, 1), 2048, np.int16)
    results = step.run(np.full((1, 1), 5, np.uint8), h, inputs[2].value, inputs[3].value, c)
    assert results[1].tolist() == [[1024]]
    assert results[0].tolist() == [[128 + round(64 * np.tanh(0.5))]]


@pytest.mark.parametrize(
    ("index", "spec", "error"),
    [
        (1, given((2, 1)), ModelError),
        (2, given((4, 3)), ModelError),
        (3, given((3,)), ModelError),
        (4, given((1, 1), T.INT16, 1.0), Unsupported),
        (0, given((1,)), ModelError),
    ],
)
def test_the_small_kernel_refuses(index: int, spec: Any, error: type[Exception]) -> None:
    inputs = [given((1, 1)), given((1, 1)), given((4, 2)), given((4,)), given((1, 1))]
    inputs[index] = spec
    with pytest.raises(error):
        prepare(SMALL, inputs, [given(())] * 4, Profile.OPTIMIZED)
    with pytest.raises(ModelError, match="expected 5 inputs"):
        prepare(SMALL, inputs[:4], [given(())] * 4, Profile.OPTIMIZED)


def full(b: Builder, biases: list[float]) -> list[Any]:
    """The 17 weights of a cell of one input and one output, 0 but for its biases."""
    zero, vectors = np.zeros((1, 1), F), [np.array([bias], F) for bias in biases]
    return [*[zero] * 8, None, None, None, *vectors, None, None]


def test_one_step_a_call() -> None:
    b = Builder()
    x = b.input("x", (1, 1))
    y = b.add(Lstm(TANH), [x, *full(b, [0, 0, 1, 0]), b.variable("h", (1, 1)), b.variable("c", (1, 1))])
    interpreter = Interpreter(model=b.model([y]))
    interpreter.allocate_tensors()
    for part in (1 / 2, 3 / 4, 7 / 8):
        interpreter.invoke()
        output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        assert output[0, 0] == pytest.approx(0.5 * np.tanh(part * np.tanh(1)))


def both(changes: dict[int, Any], **options: Any) -> Interpreter:
    b = Builder()
    inputs = [b.input("x", (1, 2, 1)), *full(b, [0, 0, 1, 0]), *full(b, [0, 0, -1, 0])]
    inputs += [b.variable(name, (1, 1)) for name in ("h", "c", "back_h", "back_c")] + [None] * 9
    for index, part in changes.items():
        inputs[index] = b.input("second", part) if isinstance(part, tuple) else part
    op = BidirectionalSequenceLstm(TANH, time_major=False, **options)
    outputs = b.add(op, inputs, outputs=1 if options.get("merge_outputs") else 2)
    interpreter = Interpreter(model=b.model(outputs))
    interpreter.allocate_tensors()
    interpreter.invoke()
    return interpreter


def test_both_ways() -> None:
    first, second = (0.5 * np.tanh(part * np.tanh(1)) for part in (1 / 2, 3 / 4))
    apart = both({})
    forth, back = (apart.get_tensor(detail["index"]).ravel() for detail in apart.get_output_details())
    assert forth == pytest.approx([first, second])
    assert back == pytest.approx([-second, -first])
    merged = both({}, merge_outputs=True)
    output = merged.get_tensor(merged.get_output_details()[0]["index"])
    assert output.tolist() == [[[forth[0], back[0]], [forth[1], back[1]]]]


def test_merged_rows_step_into_the_cells_state() -> None:
    """The second row finds its last output where the runtime looks for it: in the first row's cell."""
    b = Builder()
    inputs: list[Any] = [b.input("x", (2, 1, 1))]
    for way in ("forth", "back"):
        zero, h_weights = np.zeros((8, 1), F), np.zeros((8, 8), F)
        update = np.eye(8, dtype=F) if way == "forth" else h_weights
        biases = [np.full(8, bias, F) for bias in (0, 0, 1, 0)]
        inputs += [zero] * 4 + [h_weights, h_weights, update, h_weights] + [None] * 3 + biases + [None, None]
    for name in ("h", "c", "back_h", "back_c"):
        inputs.append(b.variable(name, (2, 8)))
    op = BidirectionalSequenceLstm(TANH, merge_outputs=True, time_major=False)
    y = b.add(op, [*inputs, *[None] * 9])
    interpreter = Interpreter(model=b.model([y]))
    interpreter.allocate_tensors()
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    first = 0.5 * np.tanh(1)  # the cell of the first row after its one step
    assert output[0, 0, :8] == pytest.approx(np.full(8, 0.5 * np.tanh(first)))
    assert output[1, 0, :8] == pytest.approx(np.full(8, 0.5 * np.tanh(0.5 * np.tanh(1 + first))))


WEIGHTS = {index: np.ones((1, 3), F) for index in range(40, 48)}


@pytest.mark.parametrize(
    "changes",
    [
        {39: (1, 2, 2)},
        {39: (1, 3, 3), **WEIGHTS},
        {39: (1, 2, 4), **WEIGHTS},
        {39: (1, 2, 3), **WEIGHTS, 46: None},
        {39: (1, 2, 1), 46: np.ones((1, 1), F)},
        WEIGHTS,
        {21: np.zeros((1, 2), F)},
        {22: None},
    ],
)
def test_both_ways_refuses(changes: dict[int, Any]) -> None:
    with pytest.raises((ModelError, RuntimeError), match="expected"):
        both(changes)


def test_8_bit_products_need_their_parts() -> None:
    b = Builder()
    one, bias = b.constant(np.ones((1, 1), np.int8), scale=0.1), np.ones(1, np.int32)
    inputs = [b.input("x", (1, 1), "int8", scale=0.1), *2 * [None, one, one, one], *[None] * 4, bias, bias, bias]
    inputs += [None, None, b.variable("h", (1, 1), "int8", scale=0.1), b.variable("c", (1, 1), "int16", scale=2.0**-15)]
    within = [b.tensor(f"part{at}", (), "int8", scale=0.1) for at in range(12)]
    y = b.add(Lstm(TANH), inputs, intermediates=within, type="int8", scale=0.1)
    with pytest.raises(RuntimeError, match="expected layer normalization and a projection"):
        Interpreter(model=b.model([y])).allocate_tensors()
