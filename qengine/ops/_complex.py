"""What the operators from complex numbers to real ones share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..model import TensorType
from ..op import Rule, Spec, Unquantized
from ._elementwise import Elementwise
from ._operands import of_type

T = TensorType


@dataclass(frozen=True, eq=False)
class ComplexPart(Elementwise):
    """Base: COMPLEX64 to FLOAT32, COMPLEX128 to FLOAT64."""

    rule: ClassVar[Rule] = Unquantized()
    types: ClassVar = (T.COMPLEX64, T.COMPLEX128)

    def check_output(self, x: Spec, output: Spec) -> None:
        of_type(output, (T.FLOAT64 if x.type is T.COMPLEX128 else T.FLOAT32,), "outputs[0]")
