from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from stepping import constant, given, prepare

from qengine.errors import ModelError, Unsupported
from qengine.kernels.profile import Profile
from qengine.model import TensorType
from qengine.op import Op, Spec
from qengine.ops.bidirectional_sequence_rnn import BidirectionalSequenceRnn
from qengine.ops.rnn import Rnn
from qengine.ops.unidirectional_sequence_rnn import UnidirectionalSequenceRnn
from qengine.options import ActivationFunctionType

T = TensorType
F = np.float32
RELU, NONE = ActivationFunctionType.RELU, ActivationFunctionType.NONE


def cell(weight: float, recurrent: float = 10) -> list[Spec]:
    """One unit of one input: x * weight + h * recurrent - 1."""
    parts = [np.array([[weight]], F), np.array([[recurrent]], F), np.array([-1], F)]
    return [*map(constant, parts), replace(given((1, 1)), is_variable=True)]


class Running:
    """A step with its states, called again and again."""

    def __init__(self, op: Op, inputs: list[Any], outputs: int = 1) -> None:
        self.step = prepare(op, inputs, [given(())] * outputs, Profile.REFERENCE)
        self.fixed = [None if spec is None else self._array(spec) for spec in inputs]

    @staticmethod
    def _array(spec: Spec) -> Any:
        if spec.value is not None:
            return spec.value
        return np.zeros(spec.shape or (), F) if spec.is_variable else None

    def __call__(self, x: Any, second: Any = None) -> Any:
        arrays = [np.array(x, F), *self.fixed[1:]]
        if second is not None:
            arrays[9] = np.array(second, F)
        return self.step.run(*arrays)


def test_one_step_a_call() -> None:
    rnn = Running(Rnn(RELU), [given((1, 1)), *cell(2)])
    assert [rnn([[x]])[0, 0] for x in (1, 0, -50, 3)] == [1, 9, 0, 5]


@pytest.mark.parametrize("time_major", [False, True])
def test_a_sequence_goes_on_where_it_ended(time_major: bool) -> None:
    x = np.reshape([1, 0, -50, 3], (4, 1, 1) if time_major else (1, 4, 1))
    rnn = Running(UnidirectionalSequenceRnn(time_major, RELU), [given(x.shape), *cell(2)])
    assert rnn(x).ravel().tolist() == [1, 9, 0, 5]
    assert rnn(x).ravel().tolist() == [51, 509, 4989, 49895]


def test_8_bit_weights_meet_rows_quantized_for_themselves() -> None:
    inputs = [given((1, 2)), *cell(2)]
    inputs[1] = constant(np.array([[100, -100]], np.int8), T.INT8, 0.5)
    inputs[2] = constant(np.array([[0]], np.int8), T.INT8, 1.0)
    rnn = Running(Rnn(NONE), inputs)
    # 127 and 3.6 become 127 and 4, of scale 1
    assert rnn([[127, 3.6]])[0, 0] == 50 * 127 - 50 * 4 - 1


def test_both_ways() -> None:
    x = [[[1], [2], [3]]]
    apart = Running(BidirectionalSequenceRnn(), [given((1, 3, 1)), *cell(1, 0), *cell(2, 1), None, None, None], 2)
    forth, back = apart(x)
    assert forth.ravel().tolist() == [0, 1, 2]
    assert back.ravel().tolist() == [9, 8, 5]  # from the right: 6 - 1, 4 - 1 + 5, 2 - 1 + 8
    merged = Running(
        BidirectionalSequenceRnn(merge_outputs=True), [given((1, 3, 1)), *cell(1, 0), *cell(2, 1), None, None, None]
    )
    assert merged(x).tolist() == [[[0, 9], [1, 8], [2, 5]]]


def test_a_second_input() -> None:
    x, second = [[[1]], [[2]]], [[[10]], [[20]]]
    weights = [constant(np.array([[w]], F)) for w in (1, 2)]
    inputs = [given((2, 1, 1)), *cell(1, 0), *cell(1, 0), given((2, 1, 1)), *weights]
    forth, back = Running(BidirectionalSequenceRnn(time_major=True), inputs, 2)(x, second)
    assert (forth.ravel().tolist(), back.ravel().tolist()) == ([10, 21], [20, 41])
    inputs[10:] = [None, None]
    forth, back = Running(BidirectionalSequenceRnn(time_major=True), inputs, 2)(x, second)
    assert (forth.ravel().tolist(), back.ravel().tolist()) == ([0, 1], [9, 19])


BOTH = [given((1, 3, 1)), *cell(1), *cell(2), None, None, None]


@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "error"),
    [
        (Rnn(), [given((1, 1)), *cell(1)][:4], 1, ModelError),
        (Rnn(), [given((1, 2)), *cell(1)], 1, ModelError),
        (Rnn(), [given((2, 1)), *cell(1)], 1, ModelError),
        (Rnn(), [given((1, 1)), *cell(1)[:3], given((1, 1))], 1, ModelError),
        (Rnn(), [given((1, 1), T.INT8, 1.0), *cell(1)], 1, ModelError),
        (Rnn(), [given((1, 1)), constant(np.array([[1]], np.int16)), *cell(1)[1:]], 1, Unsupported),
        (UnidirectionalSequenceRnn(), [given((1, 1)), *cell(1)], 1, ModelError),
        (BidirectionalSequenceRnn(), BOTH, 1, ModelError),
        (BidirectionalSequenceRnn(merge_outputs=True), BOTH, 2, ModelError),
        (BidirectionalSequenceRnn(), [*BOTH[:10], constant(np.ones((1, 1), F)), None], 2, ModelError),
        (BidirectionalSequenceRnn(), [*BOTH[:10], *[constant(np.ones((1, 1), F))] * 2], 2, ModelError),
        (BidirectionalSequenceRnn(), [*BOTH[:9], given((1, 2, 1)), *[constant(np.ones((1, 1), F))] * 2], 2, ModelError),
        (BidirectionalSequenceRnn(True), [given((1, 1, 1)), *BOTH[1:9], given((1, 0, 1)), None, None], 2, Unsupported),
    ],
)
def test_refuses(op: Op, inputs: list[Any], outputs: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        prepare(op, inputs, [given(())] * outputs, Profile.REFERENCE)
