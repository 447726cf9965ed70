"""ATAN2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelError
from ..kernels.arrays import AnyArray
from ..kernels.bfloat16 import from_bfloat16, to_bfloat16
from ..kernels.profile import Profile
from ..model import Shape, TensorType
from ..op import Graphs, Specs, Step
from ..shapes import known
from ._elementwise import Elementwise, plain

T = TensorType


@dataclass(frozen=True, eq=False)
class Atan2(Elementwise):
    """The angle of the point (x, y) = (input 1, input 0). Nothing is broadcast."""

    code: ClassVar[int] = 156
    inputs: ClassVar[int] = 2
    types: ClassVar = (T.FLOAT32, T.FLOAT64, T.FLOAT16, T.BFLOAT16)

    def shape(self, specs: Specs) -> Shape:
        y, x = known(specs.input(0)), known(specs.input(1))
        if y != x:
            raise ModelError(f"expected shape {y}, got {x}", "inputs[1]")
        return y

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        output = specs.output()
        if output.type is T.BFLOAT16:
            return plain("atan2", lambda y, x: to_bfloat16(np.arctan2(from_bfloat16(y), from_bfloat16(x))), output)
        if output.type is T.FLOAT16:
            return plain("atan2", _half, output)
        return plain("atan2", np.arctan2, output)


def _half(y: AnyArray, x: AnyArray) -> AnyArray:
    angle: AnyArray = np.arctan2(y.astype(np.float32), x.astype(np.float32))
    return angle.astype(np.float16)
