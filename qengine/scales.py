"""Effective scales: in which precision the runtime computes the real multiplier of each operator.

The order of roundings matters to the last bit, and differs between operators and kernel sets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError
from .kernels.requantize import Float32, Requantizer
from .op import Spec


def scales_of(spec: Spec, where: str) -> NDArray[np.float32]:
    """All scales of an operand, float32 (n,). ModelError where it has none or one isn't a positive finite number."""
    q = spec.quantization
    if q is None or q.scale is None or len(q.scale) == 0:
        raise ModelError(f"expected a scale for {spec.type.name} tensor {spec.name!r}, got none", where)
    if not (np.isfinite(q.scale).all() and (q.scale > 0).all()):
        raise ModelError(f"expected positive finite scales, got {q.scale[:8].tolist()}", where)
    return q.scale


def scale_of(spec: Spec, where: str) -> np.float32:
    """The one scale of an operand, float32."""
    scales = scales_of(spec, where)
    if len(scales) != 1:
        raise ModelError(f"expected one scale, got {len(scales)}", where)
    return np.float32(scales[0])


def product_scale(
    rounding: type[Requantizer], x: Spec, weights: Spec, output: Spec, *, single: bool = False
) -> Requantizer:
    """The requantizer of sums of products: input scale * weight scale / output scale, one or one per channel.

    Float32 (XNNPACK): f32(f32(input * weight) / output). Others in double: (input * weight) / output, and where
    `single` (uint8 kernels, fully connected with one scale) the product is rounded to float32 first.
    """
    s_in = scale_of(x, "inputs[0]")
    s_w = scales_of(weights, "inputs[1]")
    s_out = scale_of(output, "outputs[0]")
    if rounding is Float32:
        return Float32.from_real((s_in * s_w).astype(np.float32) / s_out)
    product = (s_in * s_w).astype(np.float64) if single else np.float64(s_in) * s_w.astype(np.float64)
    return rounding.from_real(product / np.float64(s_out))


def zero_point_of(spec: Spec, where: str) -> int:
    """The one zero point of an operand; it must lie in the range of the type."""
    q = spec.quantization
    if q is None or q.zero_point is None or len(q.zero_point) == 0:
        raise ModelError(f"expected a zero point for {spec.type.name} tensor {spec.name!r}, got none", where)
    points = {int(point) for point in q.zero_point}
    limits = np.iinfo(spec.type.dtype)
    if len(points) != 1 or not limits.min <= min(points) <= limits.max:
        raise ModelError(f"expected one zero point within {spec.type.name}, got {sorted(points)[:8]}", where)
    return points.pop()


def exponent_of(scale: float) -> int | None:
    """log2 of a scale that is, but for rounding, a power of two; else None (TFLite's CheckedLog2)."""
    log = np.float32(np.log(np.float32(scale)) * np.float32(1.0 / np.log(2.0)))
    nearest = np.rint(log)
    return int(nearest) if abs(log - nearest) < np.float32(1e-3) else None
