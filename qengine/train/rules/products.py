"""Matrix products."""

from __future__ import annotations

import numpy as np

from ...op import Array
from ..gradient import Call, Gradient, Gradients, unbroadcast
from .convolution import bias_gradient, with_bias


def fully_connected(call: Call) -> Array:
    """x read as rows of `depth`, weights (units, depth)."""
    x, weights = call.input(0), call.input(1)
    sums = x.reshape(-1, weights.shape[1]) @ weights.T
    return with_bias(sums.reshape(call.specs.output().shape or ()), call, 2)


def fully_connected_back(call: Call) -> Gradients:
    x, weights = call.input(0), call.input(1)
    rows, flat = x.reshape(-1, weights.shape[1]), call.gradient.reshape(-1, weights.shape[0])
    dx = (flat @ weights).reshape(x.shape) if call.wants(0) else None
    dw = flat.T @ rows if call.wants(1) else None
    return dx, dw, bias_gradient(call, 2, flat)


def batch_matmul_back(call: Call) -> Gradients:
    """z = x y with x (..., m k), y (..., k n), either stored the other way round."""
    op, g = call.op, call.gradient
    x, y = _turned(call.input(0), op.adj_x), _turned(call.input(1), op.adj_y)
    dx = dy = None
    if call.wants(0):
        dx = unbroadcast(_turned(g @ _turned(y, True), op.adj_x), call.input(0).shape)
    if call.wants(1):
        dy = unbroadcast(_turned(_turned(x, True) @ g, op.adj_y), call.input(1).shape)
    return dx, dy


def _turned(x: Array, turn: bool) -> Array:
    return np.swapaxes(x, -1, -2) if turn else x


RULES = {
    "FULLY_CONNECTED": Gradient(fully_connected_back, fully_connected),
    "BATCH_MATMUL": Gradient(batch_matmul_back),
}
