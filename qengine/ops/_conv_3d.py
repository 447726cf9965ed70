"""What CONV_3D and CONV_3D_TRANSPOSE share: their options table, how the window slides, types, bias and clamp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.reference.conv import clamped
from ..kernels.reference.windows import Slide
from ..model import TensorType
from ..op import Op, Spec
from ..options import ActivationFunctionType, Padding
from ..shapes import known, volume, window

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Volumes(Op):
    """Base of convolutions over (n d h w c): the options table Conv3DOptions. float32."""

    padding: Padding = Padding.SAME
    stride_d: int = 0
    stride_w: int = 0
    stride_h: int = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    dilation_d_factor: int = 1
    dilation_w_factor: int = 1
    dilation_h_factor: int = 1

    def slides(self, lengths: Sequence[int], sizes: Sequence[int]) -> tuple[Slide, ...]:
        """How a window of (d h w) `sizes` slides over a volume of (d h w) `lengths`.

        ModelError where LiteRT counts less than none: it divides what VALID leaves of a length towards zero.
        """
        strides = (self.stride_d, self.stride_h, self.stride_w)
        dilations = (self.dilation_d_factor, self.dilation_h_factor, self.dilation_w_factor)
        found = []
        for length, size, stride, dilation in zip(lengths, sizes, strides, dilations, strict=True):
            along = window(length, size, stride, dilation, self.padding)
            if self.padding is Padding.VALID and length - ((size - 1) * dilation + 1) <= -2 * stride:
                raise ModelError(f"expected a window of at most {length}, got {size} {dilation} apart", "inputs")
            found.append(Slide(size, stride, along.output, along.before, dilation))
        return tuple(found)

    def clamp(self, x: AnyArray) -> AnyArray:
        """The fused activation, and where that is none a clamp to the finite numbers. NaN stays."""
        return clamped(x, *self._bounds)

    def clamp_vectors(self, x: AnyArray) -> AnyArray:
        """`clamp` as vector instructions have it: NaN becomes the upper bound."""
        return np.where(np.isnan(x), np.float32(self._bounds[1]), self.clamp(x))

    @property
    def _bounds(self) -> tuple[float, float]:
        low, high = self.fused_activation_function.bounds
        return max(low, -LARGEST), min(high, LARGEST)


def check_types(operands: Sequence[tuple[Spec, str]], bias: Spec | None, channels: int, where: str) -> None:
    """ModelError unless all are float32 and the bias, if there, has so many elements."""
    for spec, place in operands:
        if spec.type is not TensorType.FLOAT32:
            raise ModelError(f"expected FLOAT32, got {spec.type.name}", place)
    if bias is not None and (bias.type is not TensorType.FLOAT32 or volume(known(bias)) != channels):
        raise ModelError(f"expected FLOAT32[{channels}], got {bias.type.name}{list(known(bias))}", where)
