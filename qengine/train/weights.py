"""Weights on their integers' grid while a network trains: by the same code that quantizes them for the file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..model import TensorType
from ..op import Array
from ..ptq.observers import Observer
from ..ptq.plan import Weight
from ..ptq.weights import Quantized, quantize_weights, rescaled
from .ranges import Learned, step_slope


class NarrowWeights:
    """One constant kept as `Weight` says.

    learned steps (LSQ): the scales are trained, from where `observer` puts them; else the observer chooses them anew in
    each step from the weights as they are.
    """

    def __init__(self, weight: Weight, observer: Observer, values: Array, *, learned: bool) -> None:
        self.weight, self.observer = weight, observer
        self.most = (1 << (weight.bits or weight.type.bits) - 1) - 1
        self._logarithms: Array | None = None
        self.frozen = False
        if learned and weight.type is not TensorType.FLOAT16 and not weight.block_size:
            self._logarithms = np.log(self._observed(values).scales.astype(np.float64))

    def _observed(self, values: Array) -> Quantized:
        weight = self.weight
        return quantize_weights(values, weight.type, weight.axis, self.observer, weight.block_size, weight.bits)

    def quantized(self, values: Array) -> Quantized:
        """The integers and scales of the weights as they are now. Not for float16."""
        scales = self.scales
        if scales is None:
            return self._observed(values)
        return rescaled(values, scales, self.weight.type, self.weight.axis, self.weight.bits)

    def real(self, values: Array) -> Array:
        """What the narrowed weights stand for."""
        if self.weight.type is TensorType.FLOAT16:
            return values.astype(np.float16).astype(values.dtype)
        return self.quantized(values).real()

    @property
    def scales(self) -> Array | None:
        """Learned scales, float32 values in float64; None where they follow the weights."""
        return None if self._logarithms is None else np.exp(self._logarithms).astype(np.float32).astype(np.float64)

    @property
    def learned(self) -> Learned:
        return {} if self._logarithms is None or self.frozen else {"steps": self._logarithms}

    def back(self, values: Array, gradient: Array) -> tuple[Array, Learned]:
        """Gradients of the weights, straight through the rounding but not from beyond the grid, and of the steps."""
        if self.weight.type is TensorType.FLOAT16 or (self.scales is None and self.observer.name in _WHOLE):
            return gradient, {}
        scales = self.quantized(values).scales if self.scales is None else self.scales
        if self.weight.block_size:
            along = np.repeat(scales, self.weight.block_size, axis=-1)
        else:
            shape = [1] * values.ndim
            shape[self.weight.axis or 0] = -1
            along = scales.reshape(shape)
        steps = values / along.astype(values.dtype)
        inside = np.abs(steps) <= self.most
        found: Learned = {}
        if self._logarithms is not None and not self.frozen:
            slope = step_slope(steps, -self.most, self.most) * gradient
            others = tuple(i for i in range(values.ndim) if self.weight.axis is None or i != self.weight.axis)
            total = np.asarray(slope.sum(axis=others, dtype=np.float64)).reshape(-1) * scales
            found["steps"] = total / math.sqrt(values.size / len(scales) * self.most)
        return gradient * inside, found

    def state(self) -> dict[str, Any]:
        """Plain numbers that `restore` takes."""
        return {"steps": None if self._logarithms is None else self._logarithms.tolist(), "frozen": self.frozen}

    def restore(self, state: dict[str, Any]) -> None:
        """Back to an earlier state."""
        if self._logarithms is not None:
            self._logarithms[:] = state["steps"]
        self.frozen = bool(state["frozen"])


_WHOLE = ("min_max", "moving_average")
"""Observers under which no weight lies outside its grid."""
