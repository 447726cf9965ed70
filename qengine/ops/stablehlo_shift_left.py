"""STABLEHLO_SHIFT_LEFT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.reference.bits import left_shift
from ..model import TensorType
from ._stablehlo import StablehloBinary


@dataclass(frozen=True, eq=False)
class StablehloShiftLeft(StablehloBinary):
    """The low bits of a << b; b counts modulo 32."""

    code: ClassVar[int] = 207
    types: ClassVar = (TensorType.INT8, TensorType.INT16, TensorType.INT32)
    function: ClassVar = staticmethod(left_shift)
