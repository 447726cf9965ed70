"""FLOOR_DIV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.division import floor_div
from ..model import TensorType
from ..op import Graphs, Specs, Step, Versions
from ._elementwise import Elementwise, plain, refuse_zero

T = TensorType


@dataclass(frozen=True, eq=False)
class FloorDiv(Elementwise):
    """floor(a / b). A divisor of 0 is refused while running, for floats, too."""

    code: ClassVar[int] = 90
    known_versions: ClassVar[Versions] = Versions(3)
    types: ClassVar = (T.FLOAT32, T.INT32, T.INT16, T.INT8)
    versions: ClassVar = {T.FLOAT32: 2, T.INT16: 3, T.INT8: 3}
    inputs: ClassVar[int] = 2
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)

        def run(a: AnyArray, b: AnyArray) -> AnyArray:
            refuse_zero(b)
            return floor_div(a, b)

        return plain("floor_div", run, specs.output())
