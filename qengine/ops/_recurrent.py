"""What the recurrent operators share: activations inside a cell, and tensors that keep a state between calls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import ModelError
from ..kernels import reference
from ..kernels.arrays import AnyArray
from ..kernels.reference import eigen_floats
from ..kernels.reference.conv import clamped
from ..model import TensorType
from ..op import Spec
from ..options import ActivationFunctionType as Fused
from ..scales import scale_of


def activation(fused: Fused) -> Callable[[AnyArray], AnyArray]:
    """The function of floats that a fused activation is. Unlike in a convolution, TANH and SIGN_BIT count here."""
    if fused is Fused.TANH:
        return eigen_floats.tanh
    if fused is Fused.SIGN_BIT:
        return lambda x: np.signbit(x).astype(x.dtype)
    low, high = fused.bounds
    return lambda x: clamped(x, low, high)


def check_variable(spec: Spec, where: str) -> None:
    if not spec.is_variable:
        raise ModelError("expected a variable tensor, got one that keeps nothing", where)


def matrix_of(array: AnyArray, spec: Spec, where: str, *, asymmetric: bool) -> reference.matrices.Matrix:
    """Weights as a cell's kernel takes them. Old files call signed weights UINT8. A vector is a diagonal."""
    if array.ndim == 1:
        return reference.matrices.Diagonal(array)
    if spec.type is TensorType.FLOAT32:
        return reference.matrices.FloatMatrix(array)
    return reference.matrices.DynamicMatrix(array.view(np.int8), scale_of(spec, where), asymmetric=asymmetric)
