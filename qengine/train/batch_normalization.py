"""BATCH_NORMALIZATION: an operator of training, not of files. `for_export` makes a MUL and an ADD of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.profile import Profile
from ..model import Shape
from ..op import Array, Graphs, Op, Specs, Step
from ..shapes import known
from .gradient import Call, Gradient, Gradients

X, GAMMA, BETA, MEAN, VARIANCE = range(5)


@dataclass(frozen=True, eq=False)
class BatchNormalization(Op):
    """x (..., c), gamma (c), beta (c), mean (c), variance (c) -> gamma * (x - mean) / sqrt(variance + epsilon) + beta.

    In training mean and variance are the batch's, over all axes but the last, and the operands follow them:
    operand = momentum * operand + (1 - momentum) * the batch's. Where gamma isn't trained, they stay as they are.
    """

    code: ClassVar[int] = 32

    epsilon: float = 1e-3
    momentum: float = 0.9

    def infer(self, specs: Specs, context: Graphs) -> Sequence[Shape]:
        shape = known(specs.input(X))
        for i in (GAMMA, BETA, MEAN, VARIANCE):
            if known(specs.input(i)) != shape[-1:]:
                raise ModelError(
                    f"expected shape {list(shape[-1:])}, got {list(known(specs.input(i)))}", f"inputs[{i}]"
                )
        return [shape]

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        def run(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
            scale, offset = self.factors(gamma, beta, mean, variance)
            return np.asarray(x * scale + offset, x.dtype)

        return Step(run, "batch_normalization")

    def factors(self, gamma: Array, beta: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
        """The same as scale and offset (c) of x."""
        scale = gamma / np.sqrt(variance + gamma.dtype.type(self.epsilon))
        return scale, beta - mean * scale


def forward(call: Call) -> Array:
    x, op = call.input(X), call.op
    operands = [call.input(i) for i in (GAMMA, BETA, MEAN, VARIANCE)]
    if not (call.training and call.wants(GAMMA)):
        scale, offset = op.factors(*operands)
        return np.asarray(x * scale + offset)
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axis=axes)
    centered = x - mean
    variance = np.square(centered).mean(axis=axes)
    root = 1 / np.sqrt(variance + x.dtype.type(op.epsilon))
    for moving, now in ((operands[2], mean), (operands[3], variance)):
        moving *= op.momentum
        moving += (1 - op.momentum) * now
    call.kept = centered * root, root
    return np.asarray(call.kept[0] * operands[0] + operands[1])


def backward(call: Call) -> Gradients:
    g, gamma = call.gradient, call.input(GAMMA)
    axes = tuple(range(g.ndim - 1))
    if call.kept is None:
        scale, _ = call.op.factors(*(call.input(i) for i in (GAMMA, BETA, MEAN, VARIANCE)))
        d_gamma = None
        if call.wants(GAMMA):
            root = 1 / np.sqrt(call.input(VARIANCE) + g.dtype.type(call.op.epsilon))
            d_gamma = (g * (call.input(X) - call.input(MEAN))).sum(axis=axes) * root
        return [g * scale, d_gamma, g.sum(axis=axes) if call.wants(BETA) else None]
    normalized, root = call.kept
    d_beta, d_gamma = g.sum(axis=axes), (g * normalized).sum(axis=axes)
    count = g.dtype.type(g.size // g.shape[-1])
    dx = gamma * root * (g - d_beta / count - normalized * (d_gamma / count))
    return [dx, d_gamma, d_beta]


RULES = {"BATCH_NORMALIZATION": Gradient(backward, forward)}
