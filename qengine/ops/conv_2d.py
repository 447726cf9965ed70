"""CONV_2D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..model import TensorType
from ..op import Op, Weights
from ..options import ActivationFunctionType, Padding


@dataclass(frozen=True, eq=False)
class Conv2D(Op):
    code: ClassVar[int] = 3
    weights: ClassVar[tuple[Weights, ...]] = (Weights(1, axis=0, bias=2),)

    padding: Padding = Padding.SAME
    stride_w: int = 0
    stride_h: int = 0
    fused_activation_function: ActivationFunctionType = ActivationFunctionType.NONE
    dilation_w_factor: int = 1
    dilation_h_factor: int = 1
    quantized_bias_type: TensorType = TensorType.FLOAT32
