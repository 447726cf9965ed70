"""Activations, fused and of their own, and the functions over a whole axis that end or normalize a layer."""

from __future__ import annotations

import numpy as np

from ...kernels.reference.erf import erfc
from ...op import Array
from ...options import ActivationFunctionType
from ..gradient import Call, Gradient, Gradients, unbroadcast
from .arithmetic import sigmoid, unary


def through_fused(fused: ActivationFunctionType, y: Array, gradient: Array) -> Array:
    """The gradient before a fused activation, from its output: it passes where the activation clamped nothing."""
    low, high = fused.bounds
    if high < np.inf:
        return gradient * ((y > low) & (y < high))
    return gradient * (y > low) if low > -np.inf else gradient


def apply_fused(fused: ActivationFunctionType, y: Array) -> Array:
    """A fused activation, in place."""
    low, high = fused.bounds
    if low > -np.inf:
        np.maximum(y, y.dtype.type(low), out=y)
    if high < np.inf:
        np.minimum(y, y.dtype.type(high), out=y)
    return y


def _clamp(low: float, high: float) -> Gradient:
    """The rule of clamping, and its forward."""

    def forward(call: Call) -> Array:
        x = call.input(0)
        return np.clip(x, x.dtype.type(low), None if high == np.inf else x.dtype.type(high))

    def back(call: Call) -> Gradients:
        x = call.input(0)
        inside = x > low if high == np.inf else (x > low) & (x < high)
        return [call.gradient * inside]

    return Gradient(back, forward)


def _hard_swish(x: Array, y: Array) -> Array:
    """y = x * clamp(x + 3, 0, 6) / 6."""
    return np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) / 6)).astype(x.dtype)


def gelu_back(call: Call) -> Gradients:
    """y = x P(x), P the normal distribution's, or its approximation by tanh."""
    x = call.input(0).astype(np.float64)
    if call.op.approximate:
        root = np.sqrt(2 / np.pi)
        inner = np.tanh(root * (x + 0.044715 * x**3))
        slope = 0.5 * (1 + inner) + 0.5 * x * (1 - inner**2) * root * (1 + 3 * 0.044715 * x**2)
    else:
        density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
        slope = 0.5 * erfc(-x / np.sqrt(2)) + x * density
    return [call.gradient * slope.astype(call.gradient.dtype)]


def leaky_relu_back(call: Call) -> Gradients:
    x = call.input(0)
    return [call.gradient * np.where(x >= 0, x.dtype.type(1), x.dtype.type(call.op.alpha))]


def prelu_back(call: Call) -> Gradients:
    x, alpha, g = call.input(0), call.input(1), call.gradient
    below = x < 0
    dx = np.where(below, g * alpha, g) if call.wants(0) else None
    dalpha = unbroadcast(g * x * below, alpha.shape) if call.wants(1) else None
    return dx, dalpha


def softmax_back(call: Call) -> Gradients:
    """dx = beta * y * (g - sum(g * y)), along the last axis."""
    y, g = call.output, call.gradient
    return [call.op.beta * y * (g - (g * y).sum(axis=-1, keepdims=True))]


def softmax(call: Call) -> Array:
    x = call.input(0) * call.input(0).dtype.type(call.op.beta)
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def log_softmax_back(call: Call) -> Gradients:
    y, g = call.output, call.gradient
    return [g - np.exp(y) * g.sum(axis=-1, keepdims=True)]


def l2_normalization_back(call: Call) -> Gradients:
    """y = x / |x| along the last axis: dx = (g - y * sum(g * y)) / |x|."""
    x, y, g = call.input(0), call.output, call.gradient
    length = np.sqrt(np.maximum(np.square(x).sum(axis=-1, keepdims=True), 1e-12))
    return [((g - y * (g * y).sum(axis=-1, keepdims=True)) / length).astype(x.dtype)]


RULES = {
    "RELU": _clamp(0, np.inf),
    "RELU6": _clamp(0, 6),
    "RELU_0_TO_1": _clamp(0, 1),
    "RELU_N1_TO_1": _clamp(-1, 1),
    "LOGISTIC": unary(lambda x, y: y * (1 - y), sigmoid),
    "TANH": unary(lambda x, y: 1 - y * y, np.tanh),
    "ELU": unary(lambda x, y: np.where(x > 0, x.dtype.type(1), y + 1)),
    "HARD_SWISH": unary(_hard_swish),
    "GELU": Gradient(gelu_back),
    "LEAKY_RELU": Gradient(leaky_relu_back),
    "PRELU": Gradient(prelu_back),
    "SOFTMAX": Gradient(softmax_back, softmax),
    "LOG_SOFTMAX": Gradient(log_softmax_back),
    "L2_NORMALIZATION": Gradient(l2_normalization_back),
}
