"""POW."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..kernels.arrays import AnyArray
from ..kernels.profile import Profile
from ..kernels.reference.power import power
from ..model import TensorType
from ..op import Graphs, Specs, Step
from ._elementwise import Elementwise, plain

T = TensorType


@dataclass(frozen=True, eq=False)
class Pow(Elementwise):
    """a ** b. int32 exponents below 0 are refused while running."""

    code: ClassVar[int] = 78
    types: ClassVar = (T.FLOAT32, T.INT32)
    inputs: ClassVar[int] = 2
    retypes: ClassVar[bool] = True

    def plan(self, specs: Specs, profile: Profile, context: Graphs) -> Step:
        self.check_type(specs, profile)

        def run(base: AnyArray, exponent: AnyArray) -> AnyArray:
            if exponent.dtype.kind == "i" and (exponent < 0).any():
                raise RuntimeError(f"expected exponents of 0 or more, got {int(exponent.min())} - at `inputs[1]`")
            return power(base, exponent)

        return plain("pow", run, specs.output())
