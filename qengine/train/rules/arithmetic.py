"""Arithmetic on two operands that broadcast, and functions of one number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...op import Array
from ..gradient import Call, Gradient, Gradients, nothing, unbroadcast

Partial = Callable[[Call], Array]
"""The derivative of the output with respect to one operand, times the output's gradient."""


def binary(first: Partial, second: Partial, forward: Callable[[Array, Array], Array] | None = None) -> Gradient:
    """The rule of an operator of two operands."""

    def back(call: Call) -> Gradients:
        return [
            unbroadcast(part(call), call.input(i).shape) if call.wants(i) else None
            for i, part in enumerate((first, second))
        ]

    if forward is None:
        return Gradient(back)
    return Gradient(back, lambda call: forward(call.input(0), call.input(1)))


def unary(derivative: Callable[[Array, Array], Array], forward: Callable[[Array], Array] | None = None) -> Gradient:
    """The rule of y = f(x), given f' from x and y."""

    def back(call: Call) -> Gradients:
        return [call.gradient * derivative(call.input(0), call.output)]

    return Gradient(back) if forward is None else Gradient(back, lambda call: forward(call.input(0)))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _larger(call: Call) -> Array:
    """1 where the first operand is the larger one, 1/2 where they are equal."""
    a, b = call.input(0), call.input(1)
    return np.where(a == b, a.dtype.type(0.5), (a > b).astype(a.dtype))


def _pow_base(call: Call) -> Array:
    a, b = call.input(0), call.input(1)
    return np.where(b == 0, 0, call.gradient * b * np.power(a, b - 1)).astype(a.dtype)


def _pow_exponent(call: Call) -> Array:
    a = call.input(0)
    logarithm = np.log(np.where(a > 0, a, 1)).astype(a.dtype)
    result: Array = call.gradient * call.output * logarithm
    return result


def add_n_back(call: Call) -> Gradients:
    return [call.gradient if call.wants(i) else None for i in range(len(call.inputs))]


def select_back(call: Call) -> Gradients:
    """condition, x, y -> x where the condition holds."""
    condition, shape = call.input(0), call.output.shape
    if condition.ndim == 1 and call.op.name == "SELECT":
        condition = condition.reshape(-1, *(1,) * (len(shape) - 1))
    held = np.broadcast_to(condition, shape)
    parts = call.gradient * held, call.gradient * ~held
    return [None, *(unbroadcast(parts[i], call.input(i + 1).shape) if call.wants(i + 1) else None for i in (0, 1))]


def identity_back(call: Call) -> Gradients:
    """Of conversions between kinds of real numbers."""
    return [call.gradient.astype(call.input(0).dtype)] if call.wants(0) else [None]


RULES = {
    "ADD": binary(lambda c: c.gradient, lambda c: c.gradient, np.add),
    "SUB": binary(lambda c: c.gradient, lambda c: -c.gradient, np.subtract),
    "MUL": binary(lambda c: c.gradient * c.input(1), lambda c: c.gradient * c.input(0), np.multiply),
    "DIV": binary(
        lambda c: c.gradient / c.input(1), lambda c: -c.gradient * c.input(0) / np.square(c.input(1)), np.divide
    ),
    "SQUARED_DIFFERENCE": binary(
        lambda c: 2 * c.gradient * (c.input(0) - c.input(1)), lambda c: 2 * c.gradient * (c.input(1) - c.input(0))
    ),
    "MAXIMUM": binary(lambda c: c.gradient * _larger(c), lambda c: c.gradient * (1 - _larger(c))),
    "MINIMUM": binary(lambda c: c.gradient * (1 - _larger(c)), lambda c: c.gradient * _larger(c)),
    "POW": binary(_pow_base, _pow_exponent),
    "ATAN2": binary(
        lambda c: c.gradient * c.input(1) / (np.square(c.input(0)) + np.square(c.input(1))),
        lambda c: -c.gradient * c.input(0) / (np.square(c.input(0)) + np.square(c.input(1))),
    ),
    "FLOOR_MOD": binary(lambda c: c.gradient, lambda c: -c.gradient * np.floor(c.input(0) / c.input(1))),
    "ADD_N": Gradient(add_n_back),
    "SELECT": Gradient(select_back),
    "SELECT_V2": Gradient(select_back),
    "CAST": Gradient(identity_back),
    "DEQUANTIZE": Gradient(identity_back),
    "ABS": unary(lambda x, y: np.sign(x)),
    "NEG": unary(lambda x, y: np.full_like(x, -1)),
    "SQUARE": unary(lambda x, y: 2 * x),
    "SQRT": unary(lambda x, y: 0.5 / y),
    "RSQRT": unary(lambda x, y: -0.5 * y / x),
    "EXP": unary(lambda x, y: y),
    "LOG": unary(lambda x, y: 1 / x),
    "SIN": unary(lambda x, y: np.cos(x)),
    "COS": unary(lambda x, y: -np.sin(x)),
    **{name: Gradient(nothing) for name in ("CEIL", "FLOOR", "FLOOR_DIV", "ROUND", "SIGN", "ZEROS_LIKE")},
}
