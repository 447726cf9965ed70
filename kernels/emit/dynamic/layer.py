"""A layer of float activations and int8 weights as its planners take it, and how its sums become floats again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..float32.pieces import Clamp
from ..language import F32, F64, Value

Floats = npt.NDArray[np.float32]

QUANTIZING = ("xnnpack", "asymmetric", "symmetric")
"""How a row is quantized: the functions quantize_* of kernels/reference/dynamic_range.py."""

SCALING = ("fused", "together", "weights")
"""How sums are scaled: scaled_fused, scaled_together and scaled_weights_first there."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights int8 in the operator's own order, of zero point 0; scale and bias float32 (output channels,)."""

    weights: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats
    clamp: Clamp
    quantizing: str
    scaling: str

    def part(self, chosen: slice) -> Layer:
        """Some of the output channels, the first axis of the weights."""
        return replace(self, weights=self.weights[chosen], scale=self.scale[chosen], bias=self.bias[chosen])


def scaled(word: str, real: Value, row_scale: Value, weight_scale: Value, bias: Value) -> Value:
    """An exact sum, as float32, to a result; every step rounded, but for `fused`, whose last two round once."""
    f = real.function
    if word == "together":
        return real * (row_scale * weight_scale) + bias
    if word == "weights":
        return real * weight_scale * row_scale + bias
    scaled_row = real * row_scale
    if "fma" in f.target.needs or "avx512f" in f.target.needs:
        return f.call(f"llvm.fma.{real.type.overload}", real.type, scaled_row, weight_scale, bias)
    a, b, c = (value.convert("fpext", F64) for value in (scaled_row, weight_scale, bias))  # a * b is exact
    return (a * b + c).convert("fptrunc", F32)


def largest_sum(weights: npt.NDArray[np.int8]) -> int:
    """What no |sum| of (q - zero point) * weight is above; weights (output channels, ...)."""
    return 255 * int(np.abs(weights.reshape(len(weights), -1).astype(np.int64)).sum(axis=1).max(initial=0))
