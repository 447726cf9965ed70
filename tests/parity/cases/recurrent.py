"""Operators with state: it goes on from call to call."""

from __future__ import annotations

from typing import Any

import numpy as np
from parity_case import Case

from qengine.build import Builder, Operand
from qengine.ops.svdf import Svdf
from qengine.ops.unidirectional_sequence_lstm import UnidirectionalSequenceLstm
from qengine.options import ActivationFunctionType

INPUTS, CELLS, STEPS = 5, 7, 6


def lstm_int8(b: Builder, rng: np.random.Generator) -> list[Operand]:
    x = b.input("x", (1, STEPS, INPUTS), np.int8, scale=0.02, zero_point=-3)

    def weights(columns: int) -> Operand:
        return b.constant(rng.integers(-127, 128, (CELLS, columns)).astype(np.int8), scale=rng.uniform(0.004, 0.009))

    inner: list[Any] = [weights(INPUTS) for _ in range(4)] + [weights(CELLS) for _ in range(4)]
    biases = [b.constant(rng.integers(-2000, 2000, CELLS).astype(np.int32), scale=1e-4) for _ in range(4)]
    states = [
        b.variable("output state", (1, CELLS), np.int8, scale=1 / 128),
        b.variable("cell state", (1, CELLS), np.int16, scale=2**-11),
    ]
    parts = [x, *inner, None, None, None, *biases, None, None, *states]
    gates = [b.tensor(f"gate {i}", (1,), np.int16, scale=2**-12) for i in range(4)]
    hidden = b.tensor("hidden", (1,), np.int8, scale=0.005, zero_point=4)
    op = UnidirectionalSequenceLstm(ActivationFunctionType.TANH, cell_clip=8.0)
    return [b.add(op, parts, scale=1 / 128, intermediates=[*gates, hidden])]


def lstm_float32(b: Builder, rng: np.random.Generator) -> list[Operand]:
    x = b.input("x", (2, STEPS, INPUTS))

    def weights(*shape: int) -> Any:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    inner = [weights(CELLS, INPUTS) for _ in range(4)] + [weights(CELLS, CELLS) for _ in range(4)]
    states = [b.variable("output state", (2, CELLS)), b.variable("cell state", (2, CELLS))]
    parts = [x, *inner, None, None, None, *(weights(CELLS) for _ in range(4)), None, None, *states]
    return [b.add(UnidirectionalSequenceLstm(ActivationFunctionType.TANH), parts)]


def svdf_int8(b: Builder, rng: np.random.Generator) -> list[Operand]:
    units, rank, memory = 4, 2, 5
    x = b.input("x", (1, INPUTS), np.int8, scale=0.02, zero_point=-3)
    features = b.constant(rng.integers(-127, 128, (units * rank, INPUTS)).astype(np.int8), scale=0.01)
    times = b.constant(rng.integers(-32767, 32768, (units * rank, memory)).astype(np.int16), scale=1e-5)
    state = b.variable("state", (1, units * rank * memory), np.int16, scale=0.0004)
    bias = b.constant(rng.integers(-9000, 9000, units).astype(np.int32), scale=0.0004 * 1e-5)
    op = Svdf(rank, ActivationFunctionType.RELU)
    return [b.add(op, [x, features, times, bias, state], scale=0.03, zero_point=-128)]


CASES = [
    Case("lstm_int8", lstm_int8, calls=4),
    Case("lstm_float32", lstm_float32, calls=3),
    Case("svdf_int8", svdf_int8, calls=8),
]
