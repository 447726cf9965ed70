"""Effective scales: in which precision the runtime computes the real multiplier of each operator.

The order of roundings matters to the last bit, and differs between operators and kernel sets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import affine
from .errors import ModelError
from .kernels.requantizers import Float32, Requantizer, of_products
from .op import Spec
from .options import ActivationFunctionType


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

    single: whether the product of scales is rounded to float32 first (`of_products`).
    """
    s_in, s_w, s_out = scale_of(x, "inputs[0]"), scales_of(weights, "inputs[1]"), scale_of(output, "outputs[0]")
    return of_products(rounding, s_in, s_w, s_out, single=single)


def fused_range(fused: ActivationFunctionType, output: Spec, rounding: type[Requantizer]) -> tuple[int, int]:
    """A fused activation as a clamp of quantized numbers.

    zero_point + round(bound / scale) in float32, half away from zero; under XNNPACK's rule (Float32) the zero point is
    added first and half goes to even.
    """
    scale, point = scale_of(output, "outputs[0]"), zero_point_of(output, "outputs[0]")
    dtype = output.type.dtype
    if rounding is not Float32:
        return affine.activation_range(fused.name, scale, point, dtype)
    limits = np.iinfo(dtype)
    bounds = [np.rint(np.float32(bound) / scale + np.float32(point)) for bound in fused.bounds]
    low, high = (int(np.clip(bound, limits.min, limits.max)) for bound in bounds)
    return low, high


def zero_point_of(spec: Spec, where: str) -> int:
    """The one zero point of an operand; it must lie in the range of the type."""
    q = spec.quantization
    if q is None or q.zero_point is None or len(q.zero_point) == 0:
        raise ModelError(f"expected a zero point for {spec.type.name} tensor {spec.name!r}, got none", where)
    point, limits = int(q.zero_point[0]), np.iinfo(spec.type.dtype)
    if not limits.min <= point <= limits.max or (q.zero_point != point).any():
        got = np.unique(q.zero_point)[:8].tolist()
        raise ModelError(f"expected one zero point within {spec.type.name}, got {got}", where)
    return point


def exponent_of(scale: float) -> int | None:
    """log2 of a scale that is, but for rounding, a power of two; else None (TFLite's CheckedLog2)."""
    log = np.float32(np.log(np.float32(scale)) * np.float32(1.0 / np.log(2.0)))
    nearest = np.rint(log)
    return int(nearest) if abs(log - nearest) < np.float32(1e-3) else None
