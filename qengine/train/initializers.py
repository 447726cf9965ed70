"""Random weights to begin with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..kernels.arrays import Float32Array


def he_normal(rng: np.random.Generator, shape: Sequence[int], fan_in: int | None = None) -> Float32Array:
    """Normal numbers of variance 2 / fan_in: for layers with RELU.

    fan_in: inputs that one output sums; by default all axes but the first (o h w i of CONV_2D, o i of
    FULLY_CONNECTED). For DEPTHWISE_CONV_2D (1 h w c) it is h * w.
    """
    deviation = np.sqrt(2 / _inputs(shape, fan_in))
    return np.asarray(rng.normal(size=tuple(shape)) * deviation, np.float32)


def glorot_uniform(rng: np.random.Generator, shape: Sequence[int], fan_in: int | None = None) -> Float32Array:
    """Uniform within +-sqrt(6 / (fan_in + fan_out)), fan_out being the first axis times those between first and last:
    for layers without RELU."""
    inputs = _inputs(shape, fan_in)
    outputs = shape[0] * int(np.prod(shape[1:-1]))
    limit = np.sqrt(6 / (inputs + outputs))
    return rng.uniform(-limit, limit, tuple(shape)).astype(np.float32)


def _inputs(shape: Sequence[int], fan_in: int | None) -> int:
    return max(int(np.prod(shape[1:])) if fan_in is None else fan_in, 1)
