"""The small LSTM cell: one matrix of all gates, no state of its own. float32, and uint8 with an int16 state.

Axes: b batch, i input, c cell. weights (4c, i + c) of the gates input, update, forget, output, bias (4c).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, Float32Array, Int16Array, Int32Array, Int64Array, IntegerArray
from ..fixed_point import rounding_divide_by_pot, saturate, saturating_rounding_doubling_high_mul_int16
from ..gemmlowp import logistic, tanh
from ..requantizers import Requantizer


class Results(NamedTuple):
    """Activation (b, c), state (b, c), the joined inputs (b, i + c) and the gates before their functions (b, 4c)."""

    activation: AnyArray
    state: AnyArray
    joined: AnyArray
    gates: AnyArray


def lstm_basic(x: Float32Array, h: Float32Array, weights: Float32Array, bias: Float32Array, c: Float32Array) -> Results:
    """x (b, i), the last activation h (b, c) and state c (b, c)."""
    joined = np.concatenate([x, h], axis=1)
    gates = joined @ weights.T + bias
    admit, update, forget, leave = np.split(gates, 4, axis=1)
    state = sigmoid(admit) * np.tanh(update) + sigmoid(forget) * c
    return Results(sigmoid(leave) * np.tanh(state), state, joined, gates)


def sigmoid(x: Float32Array) -> Float32Array:
    one = np.float32(1)
    return np.asarray(one / (one + np.exp(-x)), np.float32)


def lstm_basic_integer(
    x: IntegerArray,
    h: IntegerArray,
    weights: IntegerArray,
    bias: Int32Array,
    c: Int16Array,
    zero_point: int,
    rule: Requantizer,
) -> Results:
    """x, h uint8 of zero point 128 and scale 1/128, weights of `zero_point`; gates Q3.12, the state Q4.11."""
    joined = np.concatenate([x, h], axis=1)
    sums = (joined.astype(np.int64) - 128) @ (weights.astype(np.int64) - zero_point).T + bias
    gates = rule(sums, 0, -(2**15), 2**15 - 1, np.int16)
    admit, update, forget, leave = np.split(gates.astype(np.int64), 4, axis=1)
    added = rounding_divide_by_pot(_product(logistic(admit, 3), tanh(update, 3)), 4)
    state = saturate(added + _product(logistic(forget, 3), c.astype(np.int64)), 16)
    squashed = tanh(saturate(state << 1, 16), 3)
    activation = np.clip(rounding_divide_by_pot(_product(logistic(leave, 3), squashed), 8), -128, 127) + 128
    return Results(activation.astype(np.uint8), state.astype(np.int16), joined, gates)


def _product(a: Int64Array, b: Int64Array) -> Int64Array:
    """Q0.15 times a fixed point of 16 bits."""
    return saturating_rounding_doubling_high_mul_int16(a, b)
