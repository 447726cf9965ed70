"""FLOOR_MOD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.division import floor_mod
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._elementwise import Elementwise, plain, refuse_overflow, refuse_zero

T = TensorType


@dataclass(frozen=True, eq=False)
class FloorMod(Elementwise):
    """The remainder of a / b with the sign of b. For integers a divisor of 0 is refused while running."""

    code: ClassVar[int] = 95
    known_versions: ClassVar[Versions] = Versions(2)
    types: ClassVar = (T.FLOAT32, T.INT32, T.INT64, T.INT16, T.INT8)
    versions: ClassVar = {T.INT16: 2, T.INT8: 2}
    inputs: ClassVar[int] = 2
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)

        def run(a: AnyArray, b: AnyArray) -> AnyArray:
            if b.dtype.kind == "i":
                refuse_zero(b)
                refuse_overflow(a, b)
            return floor_mod(a, b)

        return plain("floor_mod", run, specs.output())
