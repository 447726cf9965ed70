"""NEG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, LikeInput, Rule, Specs, Step
from ._elementwise import Elementwise, plain
from ._floats import native_unary

T = TensorType


@dataclass(frozen=True, eq=False)
class Neg(Elementwise):
    """-x. Integers are negated as they are, whatever their zero point; the smallest one stays as it is."""

    code: ClassVar[int] = 59
    rule: ClassVar[Rule] = LikeInput()
    types: ClassVar = (T.FLOAT32, T.FLOAT16, T.BFLOAT16, T.INT64, T.INT32, T.INT16, T.INT8)
    xnnpack: ClassVar = ()
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        output = specs.output()
        function = _flip_sign if output.type is T.BFLOAT16 else np.negative
        return plain("neg", function, output, native=native_unary(np.negative, specs))


def _flip_sign(bits: AnyArray) -> AnyArray:
    return bits ^ np.uint16(0x8000)
