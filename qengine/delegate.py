"""What XNNPACK's delegate asks of a tensor before it takes a node. Facts of ai-edge-litert 2.3.0."""

from __future__ import annotations

import numpy as np

from .model import TensorType
from .op import Spec
from .options import ActivationFunctionType

FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16)


def takes_activation(spec: Spec, *types: TensorType) -> bool:
    """A float tensor, or an 8-bit one quantized as a whole, of one of `types` (none named: FLOAT32, INT8, UINT8)."""
    if spec.type not in (types or (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8)):
        return False
    return spec.type in FLOATS or quantized_as_a_whole(spec)


def quantized_as_a_whole(spec: Spec) -> bool:
    """One scale and quantized dimension 0."""
    q = spec.quantization
    return q is not None and q.scale is not None and len(q.scale) == 1 and q.axis == 0


def takes_weights(spec: Spec, axis: int) -> bool:
    """Constant float or 8-bit weights: INT8 with zero point 0 along `axis` or as a whole, UINT8 as a whole."""
    if not spec.stored or not positive(spec):
        return False
    if spec.type in FLOATS:
        return True
    q = spec.quantization
    if q is None or q.scale is None or q.zero_point is None or len(q.scale) == 0 or len(q.zero_point) == 0:
        return False
    sound = bool(np.isfinite(q.scale).all() and (q.scale > 0).all())
    if spec.type is TensorType.INT8:
        return sound and (len(q.scale) == 1 or (q.axis == axis and q.zero_point[0] == 0))
    return spec.type is TensorType.UINT8 and sound and quantized_as_a_whole(spec)


def takes_bias(spec: Spec | None) -> bool:
    """A constant vector, float or INT32 with scales."""
    if spec is None or not spec.stored or spec.shape is None or len(spec.shape) != 1 or not positive(spec):
        return False
    return spec.type in FLOATS or (
        spec.type is TensorType.INT32 and spec.quantization is not None and spec.quantization.is_affine
    )


def takes_shape(spec: Spec, lowest: int, highest: int | None = None) -> bool:
    """A rank from `lowest` to `highest` (that one rank where it isn't given) and no empty dimension."""
    rank = -1 if spec.shape is None else len(spec.shape)
    return lowest <= rank <= (lowest if highest is None else highest) and positive(spec)


def positive(spec: Spec) -> bool:
    """No empty dimension."""
    return spec.shape is not None and all(length > 0 for length in spec.shape)


def takes_fused(activation: ActivationFunctionType) -> bool:
    """Fused activations that are a clamp."""
    return activation not in (ActivationFunctionType.TANH, ActivationFunctionType.SIGN_BIT)
