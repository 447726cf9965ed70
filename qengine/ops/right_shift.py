"""RIGHT_SHIFT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.profile import Profile
from ..kernels.reference.bits import right_shift
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ._elementwise import Elementwise, plain

T = TensorType


@dataclass(frozen=True, eq=False)
class RightShift(Elementwise):
    """a >> b, arithmetic for signed types; b is clamped to the bits that there are."""

    code: ClassVar[int] = 161
    types: ClassVar = (T.INT8, T.UINT8, T.INT16, T.UINT16, T.INT32, T.UINT32)
    inputs: ClassVar[int] = 2
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)
        return plain("right_shift", right_shift, specs.output())
