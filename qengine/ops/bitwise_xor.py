"""BITWISE_XOR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.profile import Profile
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ._elementwise import Elementwise, plain

T = TensorType


@dataclass(frozen=True, eq=False)
class BitwiseXor(Elementwise):
    """The bits in which a and b differ."""

    code: ClassVar[int] = 160
    types: ClassVar = (T.INT8, T.UINT8, T.INT16, T.UINT16, T.INT32, T.UINT32)
    inputs: ClassVar[int] = 2
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("bitwise_xor", np.bitwise_xor, specs.output())
